"""From sound that comes in block by block to the mouth at every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from masktalk.engines.base import Articulator, Speech, frame_count
from masktalk.types import CHANNELS, Articulation, FloatArray


@dataclass(frozen=True, eq=False)
class Moment:
    """The mouth at one frame.

    Attributes:
        step: Which frame, from 0.
        time: Seconds since the start of the speech.
        values: (len(CHANNELS),) articulation.
        voice: 0..1, how surely somebody speaks.
    """

    step: int
    time: Fraction
    values: FloatArray
    voice: float


def moments(speech: Speech, articulator: Articulator) -> Iterator[Moment]:
    """One moment a frame, each as soon as the articulation reaches it.

    Yields exactly ``frame_count(seconds of sound, speech.rate)`` moments.
    """
    heard = Fraction(0)
    known = _Known()
    step = 0
    for block in speech.blocks:
        heard += block.duration
        known.add(articulator.push(block))
        while step < frame_count(heard, speech.rate) and known.reaches(step / speech.rate):
            yield known.at(step, speech.rate)
            step += 1
    known.add(articulator.flush())
    for last in range(step, frame_count(heard, speech.rate)):
        yield known.at(last, speech.rate)


class _Known:
    """The articulation that is certain, as far back as a frame may still ask."""

    def __init__(self) -> None:
        self._kept: Articulation | None = None

    def add(self, new: Articulation) -> None:
        if not len(new):
            return
        old = self._kept
        if old is None:
            self._kept = new
            return
        self._kept = Articulation(
            np.concatenate([old.values, new.values]),
            old.frame_rate,
            old.time,
            np.concatenate([old.voice, new.voice]),
        )

    def reaches(self, time: Fraction) -> bool:
        """Whether the step at or after that time is there."""
        kept = self._kept
        return kept is not None and kept.end - Fraction(1, kept.frame_rate) >= time

    def at(self, step: int, rate: Fraction) -> Moment:
        """The moment of a frame; what lies before it is forgotten."""
        time = Fraction(step) / rate
        kept = self._kept
        if kept is None:
            return Moment(step, time, np.zeros(len(CHANNELS), np.float32), 0.0)
        place = min(max(float((time - kept.time) * kept.frame_rate), 0.0), len(kept) - 1.0)
        moment = Moment(step, time, kept.at(time), float(kept.voice[int(place)]))
        past = int(place)
        if past > kept.frame_rate:
            self._kept = Articulation(
                kept.values[past:], kept.frame_rate, kept.time + Fraction(past, kept.frame_rate),
                kept.voice[past:],
            )  # fmt: skip
        return moment
