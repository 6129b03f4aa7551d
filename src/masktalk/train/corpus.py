"""The corpus: synthetic speech as log-mel rows with a phone class for every row.

Written as shards (``.npz``), one per voice, so that making it can be stopped and go on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from masktalk.errors import MasktalkError
from masktalk.media.resampling import SPEECH_RATE, StreamResampler
from masktalk.speech.network import BANDS, HIGH, LOW
from masktalk.speech.phones import INDEX, SILENCE, classes_of
from masktalk.speech.spectrum import STEP_RATE, Spectrum, mel_filters
from masktalk.train.codecs import CODECS, coded
from masktalk.train.synthesis import EspeakVoice, FestivalVoice, FliteVoice, Utterance
from masktalk.train.synthesis.festival import VOICES
from masktalk.train.synthesis.voice import Apart
from masktalk.train.texts import TextMaker, seeds
from masktalk.types import Audio, FloatArray

log = logging.getLogger(__name__)
_TINY = np.float32(1e-10)
_VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "klatt",
    "klatt2",
    "klatt4",
    "whisper",
    "croak",
    "Alex",
    "Alicia",
    "Andrea",
    "Andy",
    "Annie",
    "belinda",
    "benjamin",
    "boris",
    "caleb",
    "david",
    "ed",
    "edward",
    "grandma",
    "grandpa",
    "gustave",
    "iven",
    "john",
    "linda",
    "marcelo",
    "max",
    "michel",
    "miguel",
    "norbert",
    "pablo",
    "paul",
    "pedro",
    "quincy",
    "rob",
    "robert",
    "sandro",
    "shelby",
    "steph",
    "travis",
    "victor",
    "zac",
    "aunty",
    "Jacky",
    "Lee",
    "Marco",
    "Mario",
    "Michael",
    "Mike",
    "Diogo",
    "Gene",
    "Henrique",
    "Hugo",
]
_FLITE = ("slt", "rms", "awb", "kal16", "kal")
#: Share of the utterances that go through a codec.
_CODED = 0.15
# Shares of the whole, by seconds of speech.
_SHARES = {"espeak": 0.45, "flite": 0.3, "festival": 0.25}


@dataclass(frozen=True)
class CorpusOptions:
    """Options of ``make_corpus``.

    Attributes:
        folder: Where the shards go.
        hours: Of speech, all voices together.
        seed: Fixes texts, voices and rates.
    """

    folder: Path
    hours: float = 6.0
    seed: int = 1


def make_corpus(options: CorpusOptions) -> Iterator[Path]:
    """Make every shard that is not there yet, and yield each one's path.

    Raises:
        MasktalkError: A synthesiser is missing.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, utterances in _plan(options):
        path = options.folder / f"{name}.npz"
        if not path.exists():
            _write(path, utterances, _random(f"codecs {name}", options.seed))
        yield path


def _plan(options: CorpusOptions) -> Iterator[tuple[str, Iterator[Utterance]]]:
    total = options.hours * 3600
    for name in _FLITE:
        yield f"flite-{name}", _flite(name, total * _SHARES["flite"] / len(_FLITE), options.seed)
    for name in VOICES:
        seconds = total * _SHARES["festival"] / len(VOICES)
        yield f"festival-{name}", _festival(name, seconds, options.seed)
    languages = [*seeds(), "en-gb-x-rp", "en-us"]
    weights = {"en": 2.0, "en-us": 3.0, "en-gb-x-rp": 2.0}
    whole = sum(weights.get(language, 1.0) for language in languages)
    for language in languages:
        share = weights.get(language, 1.0) / whole
        seconds = total * _SHARES["espeak"] * share
        yield f"espeak-{language}", _espeak(language, seconds, options.seed)


def _random(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{name} {seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _flite(name: str, seconds: float, seed: int) -> Iterator[Utterance]:
    random = _random(f"flite {name}", seed)
    texts = TextMaker("en", random)
    said = 0.0
    while said < seconds:
        pitch = float(random.uniform(80, 260)) if random.random() < 0.5 else None
        voice = FliteVoice(name, stretch=float(random.uniform(0.75, 1.35)), pitch=pitch)
        utterance = voice.say(texts.sentence())
        said += float(utterance.audio.duration)
        yield utterance


def _festival(name: str, seconds: float, seed: int) -> Iterator[Utterance]:
    random = _random(f"festival {name}", seed)
    texts = TextMaker(VOICES[name][0], random)
    said = 0.0
    while said < seconds:
        voice = FestivalVoice(name, stretch=float(random.uniform(0.8, 1.3)))
        for utterance in voice.say_all([texts.sentence() for _ in range(20)]):
            said += float(utterance.audio.duration)
            yield utterance


def _espeak(language: str, seconds: float, seed: int) -> Iterator[Utterance]:
    random = _random(f"espeak {language}", seed)
    texts = TextMaker("en" if language.startswith("en") else language, random)
    said = 0.0
    with closing(Apart()) as apart:
        while said < seconds:
            voice = EspeakVoice(
                language,
                variant=str(random.choice(_VARIANTS)),
                rate=int(random.integers(110, 230)),
                pitch=int(random.integers(15, 90)),
                pitch_range=int(random.integers(20, 90)),
            )
            utterance = apart.run(voice.say, texts.sentence())
            if utterance is not None:
                said += float(utterance.audio.duration)
                yield utterance


def features_of(audio: Audio) -> FloatArray:
    """Return the natural log of mel power before normalisation, (N, BANDS)."""
    spectrum = Spectrum()
    power = np.concatenate([spectrum.push(_samples_of(audio)), spectrum.flush()])
    return np.asarray(np.log(power @ mel_filters(BANDS, LOW, HIGH) + _TINY), np.float32)


def _samples_of(audio: Audio) -> FloatArray:
    intake = StreamResampler()
    return np.concatenate([intake.push(audio.samples, audio.sample_rate), intake.flush()])


def labels_of(utterance: Utterance, steps: int) -> npt.NDArray[np.uint8]:
    """Return the phone class at the middle of every step, (steps,); a diphthong is split evenly."""
    labels = np.full(steps, INDEX[SILENCE], np.uint8)
    for segment in utterance.segments:
        classes = classes_of(segment.symbol, utterance.alphabet)
        if not classes:
            continue
        edges = np.linspace(segment.start, segment.end, len(classes) + 1)
        for name, start, end in zip(classes, edges[:-1], edges[1:], strict=True):
            first, last = round(start * STEP_RATE), round(end * STEP_RATE)
            labels[max(first, 0) : last] = INDEX[name]
    return labels


def _write(path: Path, utterances: Iterator[Utterance], random: np.random.Generator) -> None:
    rows: list[FloatArray] = []
    labels: list[npt.NDArray[np.uint8]] = []
    for utterance in utterances:
        if len(utterance.audio.samples) < SPEECH_RATE // 2:
            continue
        audio = Audio(_samples_of(utterance.audio), SPEECH_RATE)
        if random.random() < _CODED:
            audio = coded(audio, CODECS[str(random.choice(list(CODECS)))])
        features = features_of(audio)
        rows.append(features)
        labels.append(labels_of(utterance, len(features)))
    write_shard(path, rows, labels)


def write_shard(
    path: Path,
    rows: list[FloatArray],
    labels: list[npt.NDArray[np.uint8]],
    *,
    recorded: bool = False,
) -> None:
    """Write one voice, whole or not at all.

    Args:
        path: Of the shard.
        rows: (N, BANDS) log-mel of each utterance.
        labels: (N,) phone classes of each.
        recorded: Whether a person said it.

    Raises:
        MasktalkError: There are no utterances.
    """
    if not rows:
        raise MasktalkError(path.stem, "said nothing", "look whether its voice is installed")
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        features=np.concatenate(rows).astype(np.float16),
        labels=np.concatenate(labels),
        lengths=np.array([len(row) for row in rows], np.int32),
        recorded=recorded,
    )
    partial.replace(path)
    log.info("%s: %d utterances, %.0f s", path.stem, len(rows), sum(map(len, rows)) / STEP_RATE)
