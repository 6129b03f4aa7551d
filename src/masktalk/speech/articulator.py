"""Sound in, articulation out, step by step as it comes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from masktalk.media import stream_audio
from masktalk.speech.acoustic import BANDS, HIGH, LOW, PhoneStage, load_acoustic_model
from masktalk.speech.activity import Gate
from masktalk.speech.gestures import channels_of
from masktalk.speech.intake import SPEECH_RATE, Intake
from masktalk.speech.level import Leveller
from masktalk.speech.phonemap import load_phone_shapes
from masktalk.speech.spectrum import HALF, STEP_RATE, Spectrum, mel_filters
from masktalk.speech.stages import Smoother, Stage
from masktalk.types import CHANNELS, Articulation, Audio, FloatArray

_TINY = np.float32(1e-10)


@dataclass(frozen=True)
class ArticulatorOptions:
    """How speech becomes articulation.

    Attributes:
        strength: Scales every movement; 1 is as measured on real mouths.
    """

    strength: float = 1.0


class SpeechArticulator:
    """The articulator of ``masktalk.engines.base``: any rate in, 100 steps a second out."""

    def __init__(self, options: ArticulatorOptions) -> None:
        self._options = options
        self._intake = Intake()
        self._spectrum = Spectrum()
        self._level = Leveller()
        self._phones = PhoneStage(load_acoustic_model())
        self._shapes = load_phone_shapes(load_acoustic_model().phones)
        self._smooth = Smoother(sigma=3.5, reach=6)
        self._gate = Gate()
        self._gestures: list[FloatArray] = []
        self._gates: list[FloatArray] = []
        self._voice: list[FloatArray] = []
        self._steps = 0

    @property
    def lookahead(self) -> Fraction:
        stages: tuple[Stage, ...] = (self._level, self._phones)
        ahead = sum(stage.delay for stage in stages) + max(self._smooth.delay, self._gate.delay)
        return Fraction(ahead, STEP_RATE) + Fraction(HALF, SPEECH_RATE)

    def push(self, audio: Audio) -> Articulation:
        return self._advance(self._spectrum.push(self._intake.push(audio)))

    def flush(self) -> Articulation:
        parts = [self._advance(self._spectrum.push(self._intake.flush()))]
        parts.append(self._advance(self._spectrum.flush()))
        rows = self._level.flush()
        posteriors = [self._phones.push(rows), self._phones.flush()]
        for part in posteriors:
            self._map(part)
        self._gestures.append(self._smooth.flush())
        self._gates.append(self._gate.flush())
        parts.append(self._emit())
        values = np.concatenate([part.values for part in parts])
        voice = np.concatenate([part.voice for part in parts])
        return Articulation(values, STEP_RATE, parts[0].time, voice)

    def _advance(self, power: FloatArray) -> Articulation:
        mel = np.log(power @ mel_filters(BANDS, LOW, HIGH, snap=True) + _TINY)
        self._map(self._phones.push(self._level.push(mel)))
        return self._emit()

    def _map(self, posteriors: FloatArray) -> None:
        voice = self._shapes.voice(posteriors)
        self._gestures.append(self._smooth.push(self._shapes.mix(posteriors)))
        self._gates.append(self._gate.push(voice))
        self._voice.append(voice)

    def _emit(self) -> Articulation:
        """The steps for which everything has arrived."""
        gestures, gates, voice = (
            np.concatenate([part for part in parts if len(part)] or [np.zeros((0, width))])
            for parts, width in ((self._gestures, 5), (self._gates, 1), (self._voice, 1))
        )
        count = min(len(gestures), len(gates))
        self._gestures, self._gates = [gestures[count:]], [gates[count:]]
        self._voice = [voice[count:]]
        values = np.zeros((0, len(CHANNELS)), np.float32)
        if count:
            values = channels_of(gestures[:count]) * gates[:count] * self._options.strength
            values = np.clip(values, 0, 1).astype(np.float32)
        begin = Fraction(self._steps, STEP_RATE)
        self._steps += count
        return Articulation(values, STEP_RATE, begin, voice[:count, 0].astype(np.float32))


def make_articulator(options: ArticulatorOptions | None = None) -> SpeechArticulator:
    """A fresh articulator for one stream of speech."""
    return SpeechArticulator(options or ArticulatorOptions())


def join(parts: list[Articulation]) -> Articulation:
    """Consecutive stretches as one."""
    values = np.concatenate([part.values for part in parts])
    voice = np.concatenate([part.voice for part in parts])
    return Articulation(values, STEP_RATE, parts[0].time, voice)


def articulate(
    speech: str | os.PathLike[str] | Audio, options: ArticulatorOptions | None = None
) -> Articulation:
    """What the mouth does over a whole sound, given itself or as a file.

    Raises:
        MediaError: The file cannot be read as sound.
    """
    articulator = make_articulator(options)
    blocks = [speech] if isinstance(speech, Audio) else stream_audio(speech)
    return join([*map(articulator.push, blocks), articulator.flush()])
