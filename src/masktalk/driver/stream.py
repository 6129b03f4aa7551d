"""A driver's tracked mouth as articulation, step by step."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from masktalk.driver.calibration import Calibration
from masktalk.faces.measures import MouthMeasures
from masktalk.speech.gestures import REST_WIDTH, channels_of
from masktalk.types import CHANNELS, Articulation

STEP_RATE = 100

#: Seconds around a frame in which a mouth that does not move counts as still.
STILL_WINDOW = Fraction(2, 5)
# Movements below these, in eye distances, are the tracker's own noise.
_STILL_OPENING, _STILL_WIDTH = 0.014, 0.02
# Seconds a lost face is waited for, and the mouth takes to come to rest or leave it.
_LOST = Fraction(1, 10)
_FADE = 0.15
_REST: npt.NDArray[np.float64] = np.array([0.0, REST_WIDTH, 0.0, 0.0, 0.0])


@dataclass(frozen=True, eq=False)
class _Sample:
    """One driver frame, done: its gesture and whether the mouth is alive, 0 to 1."""

    time: Fraction
    gesture: npt.NDArray[np.float64]
    alive: float


class MouthStream:
    """Turns mouth measures into articulation with bounded memory.

    A stretch in which the driver's mouth is still, or has no face around it, gives rest.

    Args:
        calibration: What is known of the driver's range; goes on learning.
        learn: Whether it does.
    """

    def __init__(self, calibration: Calibration, *, learn: bool) -> None:
        self._calibration = calibration
        self._learn = learn
        self._window: deque[MouthMeasures] = deque()
        self._next = 0
        self._samples: deque[_Sample] = deque()
        self._gesture = _REST
        self._alive: float | None = None
        self._finished = False
        self._steps = 0

    def push(self, measures: MouthMeasures) -> None:
        """Take in the next frame."""
        if self._learn:
            self._calibration.observe(measures)
        self._window.append(measures)
        newest = measures.time
        while self._next < len(self._window):
            if self._window[self._next].time + STILL_WINDOW > newest:
                break
            self._settle()

    def finish(self) -> None:
        """There are no more frames."""
        while self._next < len(self._window):
            self._settle()
        self._finished = True

    def take(self, until: Fraction) -> Articulation:
        """Return the steps before ``until`` that have become certain and were not taken yet."""
        begin, rows, voice = self._steps, [], []
        while Fraction(self._steps, STEP_RATE) < until:
            sample = self._at(Fraction(self._steps, STEP_RATE))
            if sample is None:
                break
            gesture = sample.gesture[None].astype(np.float32)
            rows.append(channels_of(gesture)[0] * sample.alive)
            voice.append(sample.alive)
            self._steps += 1
        values = np.array(rows, np.float32).reshape(-1, len(CHANNELS))
        alive = np.array(voice, np.float32)
        return Articulation(values, STEP_RATE, Fraction(begin, STEP_RATE), alive)

    def _settle(self) -> None:
        """Decide on the frame in the middle of the window and let go of what is behind it."""
        middle = self._window[self._next]
        while self._window[0].time < middle.time - STILL_WINDOW:
            self._window.popleft()
            self._next -= 1
        self._next += 1
        if middle.tracked:
            self._gesture = self._calibration.range().gesture(middle)
        self._samples.append(_Sample(middle.time, self._gesture, self._aliveness(middle.time)))

    def _aliveness(self, time: Fraction) -> float:
        """Follows whether the mouth is alive, no faster than a mouth comes to rest."""
        wanted = 1.0 if self._is_alive(time) else 0.0
        if self._samples and self._alive is not None:
            change = float(time - self._samples[-1].time) / _FADE
            wanted = self._alive + float(np.clip(wanted - self._alive, -change, change))
        self._alive = wanted
        return wanted

    def _is_alive(self, time: Fraction) -> bool:
        seen = [m for m in self._window if m.tracked and abs(m.time - time) <= STILL_WINDOW]
        if not any(abs(m.time - time) <= _LOST for m in seen):
            return False
        opening = [m.aperture for m in seen]
        width = [m.width for m in seen]
        moved = max(opening) - min(opening) > _STILL_OPENING
        return moved or max(width) - min(width) > _STILL_WIDTH

    def _at(self, time: Fraction) -> _Sample | None:
        """Return the mouth between two frames; None while the later one is not there yet."""
        samples = self._samples
        while len(samples) > 1 and samples[1].time <= time:
            samples.popleft()
        if not samples:
            return _Sample(time, _REST, 0.0) if self._finished else None
        first = samples[0]
        if time <= first.time:
            return first
        if len(samples) == 1:
            return self._after_end(first, time) if self._finished else None
        second = samples[1]
        share = float((time - first.time) / (second.time - first.time))
        return _Sample(
            time,
            (1 - share) * first.gesture + share * second.gesture,
            (1 - share) * first.alive + share * second.alive,
        )

    def _after_end(self, last: _Sample, time: Fraction) -> _Sample:
        gone = float(time - last.time) / _FADE
        return _Sample(time, last.gesture, max(last.alive - gone, 0.0))
