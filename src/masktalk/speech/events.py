"""Phonemes with their times, as a text to speech engine reports them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from masktalk.errors import OptionError
from masktalk.media.resampling import SPEECH_RATE
from masktalk.speech.coarticulation import REACH, pulled
from masktalk.speech.gestures import GESTURES, channels_of
from masktalk.speech.phones import ALPHABETS, INDEX, SILENCE, classes_of
from masktalk.speech.spectrum import STEP_RATE
from masktalk.speech.stages import Lockstep, Window
from masktalk.speech.voice_activity import Gate
from masktalk.types import Articulation, Audio, FloatArray

#: Known phonemes are said more sharply than heard ones.
_SHARPNESS = 1.3


@dataclass(frozen=True)
class PhonemeEvent:
    """One phoneme (or viseme) of the speech.

    Attributes:
        time: When it begins, in seconds of the speech.
        duration: Seconds.
        symbol: In the alphabet of whoever reports it; empty for silence.
    """

    time: float
    duration: float
    symbol: str

    def __post_init__(self) -> None:
        if self.duration < 0:
            raise ValueError(f"a phoneme lasts 0 s or longer, not {self.duration}")


def steps_of(
    events: list[PhonemeEvent], begin: int, end: int, alphabet: str = "ipa"
) -> npt.NDArray[np.uint8]:
    """(end - begin,) phone class at each of these steps; gaps are no_progress.

    A phoneme of several classes (a diphthong) is split evenly.

    Raises:
        OptionError: No such alphabet.
    """
    if alphabet not in ALPHABETS:
        known = ", ".join(sorted(ALPHABETS))
        raise OptionError(f"alphabet {alphabet!r}", "no such alphabet", f"choose one of {known}")
    labels = np.full(end - begin, INDEX[SILENCE], np.uint8)
    for event in events:
        names = classes_of(event.symbol, alphabet)
        edges = event.time + np.linspace(0, event.duration, len(names) + 1)
        marks = [round(edge * STEP_RATE) for edge in edges.tolist()]
        for name, first, last in zip(names, marks[:-1], marks[1:], strict=True):
            labels[max(first - begin, 0) : max(max(last, first + 1) - begin, 0)] = INDEX[name]
    return labels


def articulation_of(
    events: list[PhonemeEvent], duration: Fraction, alphabet: str = "ipa"
) -> Articulation:
    """Articulate a sequence of phonemes."""
    articulator = EventArticulator(alphabet)
    for event in events:
        articulator.add(event)
    samples = np.zeros(int(duration * SPEECH_RATE), np.float32)
    return Articulation.concat([articulator.push(Audio(samples, SPEECH_RATE)), articulator.flush()])


class EventArticulator:
    """An ``Articulator`` fed with phonemes; the sound only moves the clock on.

    Args:
        alphabet: Of the symbols: ``ipa``, ``arpabet`` or another of ``phones.ALPHABETS``.
    """

    def __init__(self, alphabet: str = "ipa") -> None:
        self._alphabet = alphabet
        self._events: list[PhonemeEvent] = []
        self._heard = Fraction(0)
        self._labelled = 0
        self._given = 0
        self._window = Window(REACH, REACH)
        self._gate = Gate()
        self._streams = Lockstep({"gestures": len(GESTURES), "gate": 1, "voice": 1})

    @property
    def lookahead(self) -> Fraction:
        """Return the seconds of audio after a step that must be heard before it is certain."""
        return Fraction(REACH, STEP_RATE)

    def add(self, event: PhonemeEvent) -> None:
        """Say that a phoneme comes, before the sound at its time is pushed."""
        self._events.append(event)

    def push(self, audio: Audio) -> Articulation:
        """Take audio; return the steps that have become certain."""
        self._heard += audio.duration
        self._label(int(self._heard * STEP_RATE))
        return self._give()

    def flush(self) -> Articulation:
        """Return the remaining steps."""
        self._label(-int(-self._heard * STEP_RATE // 1))
        self._move(self._window.flush())
        self._streams.add("gate", self._gate.flush())
        return self._give()

    def _label(self, end: int) -> None:
        """Fix the phone classes up to step ``end``."""
        begin, self._labelled = self._labelled, max(end, self._labelled)
        labels = steps_of(self._events, begin, self._labelled, self._alphabet)
        self._events = [e for e in self._events if (e.time + e.duration) * STEP_RATE > end - 1]
        voice = (labels != INDEX[SILENCE]).astype(np.float32)[:, None]
        self._move(self._window.push(labels[:, None].astype(np.float32)))
        self._streams.add("gate", self._gate.push(voice))
        self._streams.add("voice", voice)

    def _move(self, windows: FloatArray) -> None:
        if len(windows):
            self._streams.add("gestures", pulled(windows[:, :, 0].astype(np.uint8), _SHARPNESS))

    def _give(self) -> Articulation:
        rows = self._streams.take()
        begin, self._given = self._given, self._given + len(rows["gate"])
        values = channels_of(rows["gestures"]) * rows["gate"]
        return Articulation(values, STEP_RATE, Fraction(begin, STEP_RATE), rows["voice"][:, 0])
