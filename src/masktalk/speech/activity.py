"""Holds the mouth still while nobody speaks."""

from __future__ import annotations

import numpy as np

from masktalk.speech.stages import Window
from masktalk.types import FloatArray

# Voice above ON opens the gate; voice below OFF from PAST steps ago to AHEAD steps on
# closes it.
_ON, _OFF = 0.5, 0.2
_PAST, _AHEAD = 6, 8
# Steps before the sound at which the mouth starts to move, and how long it takes to rest.
_BEFORE, _RELEASE = 6, 10


class Gate:
    """(N, 1) voice in 0..1 in, (N, 1) gate out: exactly 0 in pauses, exactly 1 in speech.

    A pause is told from the closure of a stop by its length, so the gate looks ahead; it
    opens a little before the sound and closes along half a cosine.
    """

    def __init__(self) -> None:
        self._window = Window(_PAST, _AHEAD)
        self._open = False
        self._ramp = 0.0

    @property
    def delay(self) -> int:
        return self._window.delay

    def push(self, rows: FloatArray) -> FloatArray:
        return self._run(self._window.push(rows))

    def flush(self) -> FloatArray:
        return self._run(self._window.flush())

    def _run(self, windows: FloatArray) -> FloatArray:
        keeps = windows.max(axis=(1, 2)) >= _OFF
        opens = windows[:, _PAST : _PAST + _BEFORE + 1].max(axis=(1, 2)) >= _ON
        ramps = np.empty((len(windows), 1), np.float32)
        for index, (keep, start) in enumerate(zip(keeps.tolist(), opens.tolist(), strict=True)):
            self._open = keep if self._open else start
            step = 1 / _BEFORE if self._open else -1 / _RELEASE
            self._ramp = min(max(self._ramp + step, 0.0), 1.0)
            ramps[index] = self._ramp
        return np.asarray(0.5 - 0.5 * np.cos(np.pi * ramps), np.float32)
