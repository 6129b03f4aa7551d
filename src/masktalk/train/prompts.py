"""Real voices for the corpus: the telephone prompts of Debian's asterisk-core-sounds packages.

Some two hours by professional speakers of five languages, 16 kHz, with their texts; Creative
Commons Attribution(-ShareAlike) 3.0, credited in the model card. A network that has only ever
heard synthesisers is at a loss with people; where each phone of a prompt is said is found by
aligning its text (``masktalk.speech.align``).
"""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from masktalk.errors import InputError
from masktalk.media.resampling import SPEECH_RATE
from masktalk.numerics import from_pcm16
from masktalk.speech.align import align
from masktalk.speech.events import steps_of
from masktalk.speech.network import Network, NetworkStage
from masktalk.speech.pronounce import pronounce
from masktalk.train.augment import levelled
from masktalk.train.corpus import features_of, write_shard
from masktalk.types import Audio, FloatArray

log = logging.getLogger(__name__)

#: Language of the packages -> what espeak-ng calls it.
LANGUAGES = {"en": "en-us", "es": "es-419", "fr": "fr-fr", "it": "it", "ru": "ru"}
#: Mean log-probability of the aligned phones under which the text isn't what is said.
_CREDIBLE = -2.5
_SHORTEST = 50
_LINE = re.compile(r"^([\w/-]+):\s*(.+)$")


@dataclass(frozen=True)
class Prompt:
    """One recording and its text."""

    path: Path
    text: str


def prompts(folder: Path, language: str) -> Iterator[Prompt]:
    """Return every spoken prompt of one language.

    Args:
        folder: Where the packages' ``asterisk`` and ``doc`` folders lie, /usr/share as a rule.
        language: A key of ``LANGUAGES``.

    Raises:
        InputError: The packages are not there.
    """
    texts = folder / "doc" / f"asterisk-core-sounds-{language}" / f"core-sounds-{language}.txt.gz"
    voice = next((folder / "asterisk" / "sounds").glob(f"{language}_*/agent-user.g722"), None)
    if not texts.is_file() or voice is None:
        packages = f"asterisk-core-sounds-{language} and asterisk-core-sounds-{language}-g722"
        raise InputError(folder, f"has no {language} prompts", f"install {packages}")
    with gzip.open(texts, "rt", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line.strip())
            if found is None or "[" in found[2]:
                continue
            path = voice.parent / f"{found[1]}.g722"
            if path.is_file():
                yield Prompt(path, found[2])


def make_prompts(
    folder: Path, out: Path, network: Network, languages: Iterable[str] = LANGUAGES
) -> Iterator[Path]:
    """Write one shard a language and yield its path.

    Args:
        folder: See ``prompts``.
        out: Folder of the corpus.
        network: Hears where the phones are.
        languages: Keys of ``LANGUAGES``.

    Raises:
        InputError: The packages are not there.
        MasktalkError: No text of a language fits its recording.
    """
    for language in languages:
        rows: list[FloatArray] = []
        labels: list[npt.NDArray[np.uint8]] = []
        for prompt in prompts(folder, language):
            features = features_of(_read(prompt.path))
            said = _aligned(features, prompt.text, LANGUAGES[language], network)
            if said is not None:
                rows.append(features)
                labels.append(said)
        path = out / f"prompts-{language}.npz"
        write_shard(path, rows, labels, recorded=True)
        yield path


def _read(path: Path) -> Audio:
    with av.open(str(path), format="g722") as container:
        parts = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    samples = from_pcm16(np.concatenate(parts))
    return Audio(samples, SPEECH_RATE)


def _aligned(
    features: FloatArray, text: str, voice: str, network: Network
) -> npt.NDArray[np.uint8] | None:
    """Return phone classes, (N,), or None where text and audio don't match."""
    rows = levelled(features[None])[0]
    delay = network.delays["late"]
    scores = NetworkStage(network).push(np.concatenate([rows, np.repeat(rows[-1:], delay, 0)]))
    logs = scores["late"] - np.logaddexp.reduce(scores["late"], axis=1, keepdims=True)
    events = align(logs, pronounce(text, voice))
    if not events or len(rows) < _SHORTEST:
        return None
    labels = steps_of(events, 0, len(rows), "ipa")
    credible = logs[np.arange(len(rows)), labels].mean() > _CREDIBLE
    return labels if credible else None
