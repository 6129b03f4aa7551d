"""Silence told from speech by level, so that a resting mouth stays the avatar's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from masktalk.media.resampling import SPEECH_RATE
from masktalk.numerics import smoothstep
from masktalk.types import FloatArray

#: Levels per second.
_STEP_RATE = 100
_STEP = SPEECH_RATE // _STEP_RATE

#: A step is silent below this level in dB of full scale, or so far below the loudest.
_FLOOR_DB, _BELOW_PEAK_DB = -55.0, 40.0
#: dB by which the loudest is forgotten in a second.
_PEAK_DECAY_DB = 1.0

#: Seconds before a sound at which the mouth begins to move and moves fully; and after it.
_BEFORE, _FULLY_BEFORE = 0.12, 0.04
_AFTER, _FULLY_AFTER = 0.30, 0.16


class SilenceGate:
    """Weight of a generated mouth over time: 0 in silence, 1 in speech.

    Looks 0.12 s ahead. Closures inside words do not count as silence.
    """

    def __init__(self) -> None:
        self._active: list[bool] = []
        self._first = 0
        self._rest = np.zeros(0, np.float32)
        self._peak_db = _FLOOR_DB

    def listening(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Yield the same (n,) 16 kHz blocks, heard as they pass."""
        for block in blocks:
            self.push(block)
            yield block

    def push(self, samples: FloatArray) -> None:
        """Hear (n,) 16 kHz samples that follow the ones before."""
        samples = np.concatenate([self._rest, samples])
        steps = len(samples) // _STEP
        self._rest = samples[steps * _STEP :]
        power = (samples[: steps * _STEP].reshape(steps, _STEP) ** 2).mean(axis=1)
        for level in 10 * np.log10(power + 1e-12):
            self._peak_db = max(self._peak_db - _PEAK_DECAY_DB / _STEP_RATE, float(level))
            quiet = max(_FLOOR_DB, self._peak_db - _BELOW_PEAK_DB)
            self._active.append(bool(level > quiet))

    def weight(self, time: Fraction) -> float:
        """Return 0 to 1 at a time in seconds, not before the last that was asked for."""
        at = float(time)
        low = max(int((at - _AFTER) * _STEP_RATE), 0)
        high = int((at + _BEFORE) * _STEP_RATE) + 1
        del self._active[: max(low - self._first, 0)]
        self._first = max(self._first, low)
        weight = 0.0
        for step in range(self._first, min(high, self._first + len(self._active))):
            if self._active[step - self._first]:
                weight = max(weight, _nearness((step + 0.5) / _STEP_RATE - at))
        return float(smoothstep(weight))


def _nearness(ahead: float) -> float:
    """Return 1 near a sound, falling to 0 at the ends of the cross-fade; ``ahead`` in seconds."""
    far, near = (_BEFORE, _FULLY_BEFORE) if ahead > 0 else (_AFTER, _FULLY_AFTER)
    return float(np.clip((far - abs(ahead)) / (far - near), 0.0, 1.0))
