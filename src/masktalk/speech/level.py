"""Takes the loudness out: log-mel relative to how loud the speech has been lately."""

from __future__ import annotations

import numpy as np

from masktalk.speech.spectrum import STEP_RATE
from masktalk.speech.stages import Window
from masktalk.types import FloatArray

#: Natural-log power under the tracked level that counts as nothing (61 dB).
FLOOR = np.float32(-14.0)
_DECAY = 0.5 / STEP_RATE
_PAST, _FUTURE = 2, 3


class Leveller:
    """(N, bands) log power in, the same relative to the running peak level out, >= ``FLOOR``.

    The level follows the mean log power of some 60 ms upwards at once and downwards by
    2 dB a second. It starts from the sound itself, not from an assumed level, so that a
    gain changes nothing.
    """

    def __init__(self) -> None:
        self._window = Window(_PAST, _FUTURE)
        self._peak = -np.inf

    @property
    def delay(self) -> int:
        return self._window.delay

    def push(self, rows: FloatArray) -> FloatArray:
        return self._level(self._window.push(rows))

    def flush(self) -> FloatArray:
        return self._level(self._window.flush())

    def _level(self, windows: FloatArray) -> FloatArray:
        energies = windows.mean(axis=(1, 2))
        peaks = np.empty(len(energies), np.float32)
        for index, energy in enumerate(energies):
            self._peak = max(self._peak - _DECAY, float(energy))
            peaks[index] = self._peak
        relative = windows[:, _PAST] - peaks[:, None]
        return np.maximum(relative, FLOOR)
