"""Articulation as a stream: buffered as it becomes certain, sampled at every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from masktalk.engines.base import Articulator, Speech, frame_count
from masktalk.types import Articulation, FloatArray

_MIN_HISTORY_S = 1


@dataclass(frozen=True, eq=False)
class MouthFrame:
    """The mouth at one frame.

    Attributes:
        step: Index of the frame, from 0.
        time: Seconds since the start of the speech.
        values: (len(CHANNELS),) float32 blendshape weights in 0..1.
        voice: Probability of speech, 0..1.
    """

    step: int
    time: Fraction
    values: FloatArray
    voice: float


class ArticulationBuffer:
    """Articulation that arrives in parts and is read by time, oldest forgotten first."""

    def __init__(self) -> None:
        self._kept = Articulation.empty()

    def append(self, part: Articulation) -> None:
        """Add the steps that follow; a part without steps changes nothing."""
        self._kept = Articulation.concat([self._kept, part])

    def covers(self, time: Fraction) -> bool:
        """Return whether a step at or after ``time`` has arrived."""
        kept = self._kept
        return len(kept) > 0 and kept.end - Fraction(1, kept.frame_rate) >= time

    def at(self, time: Fraction) -> FloatArray:
        """Interpolate the weights at a time, as ``Articulation.at`` does."""
        return self._kept.at(time)

    def voice_at(self, time: Fraction) -> float:
        """Return the probability of speech, 0..1, of the step at or before a time."""
        return float(self._kept.voice[self._index(time)]) if len(self._kept) else 0.0

    def forget_before(self, time: Fraction) -> None:
        """Drop what lies before a time, once that is more than a second."""
        index = self._index(time) if len(self._kept) else 0
        if index > _MIN_HISTORY_S * self._kept.frame_rate:
            self._kept = self._kept[index:]

    def _index(self, time: Fraction) -> int:
        kept = self._kept
        return int(min(max(float((time - kept.time) * kept.frame_rate), 0.0), len(kept) - 1.0))


def mouth_frames(speech: Speech, articulator: Articulator) -> Iterator[MouthFrame]:
    """Yield one mouth a frame, each as soon as the articulation covers it.

    Yields exactly ``frame_count(seconds of sound, speech.rate)`` times.
    """
    seconds = Fraction(0)
    buffer = ArticulationBuffer()
    step = 0
    for block in speech.blocks:
        seconds += block.duration
        buffer.append(articulator.push(block))
        while step < frame_count(seconds, speech.rate) and buffer.covers(step / speech.rate):
            yield _mouth_frame(buffer, step, speech.rate)
            step += 1
    buffer.append(articulator.flush())
    for last in range(step, frame_count(seconds, speech.rate)):
        yield _mouth_frame(buffer, last, speech.rate)


def _mouth_frame(buffer: ArticulationBuffer, step: int, rate: Fraction) -> MouthFrame:
    time = Fraction(step) / rate
    frame = MouthFrame(step, time, buffer.at(time), buffer.voice_at(time))
    buffer.forget_before(time)
    return frame
