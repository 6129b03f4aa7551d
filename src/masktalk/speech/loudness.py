"""Takes the loudness out: log-mel relative to how loud the speech has been lately."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.speech.spectrum import STEP_RATE
from masktalk.speech.stages import Window, highest, lowest
from masktalk.types import FloatArray

#: Natural-log power under the tracked level that counts as nothing (61 dB).
FLOOR = np.float32(-14.0)
_DECAY = 0.5 / STEP_RATE
_RISE = 0.3 / STEP_RATE
_STAND_OUT, _FAR_BELOW = 0.3, 6.0
#: How far below the level sound may lie and be as loud as the talker.
_LOUD = 2.0
#: The first sound must stand out this far: before it, nobody knows
#: what the background is. The demand falls away within 1.5 s.
_FIRST, _FIRST_FALL = 2.0, 1.2 / STEP_RATE
_PAST, _FUTURE = 2, 3
_NOTHING = np.zeros((0, 1), np.float32)
#: Mean log mel power of speech whose loudest steps are about -35 dB under full scale.
SOFT_SPEECH = -11.0


@dataclass(frozen=True, eq=False)
class NormalizedFeatures:
    """Rows freed of their loudness.

    Attributes:
        rows: (N, bands) log power relative to the level, at least ``FLOOR``.
        present: (N, 1) 1 where the sound stands out of the background and is not far
            below the level, 0 elsewhere.
        loud: (N, 1) 1 where it is about as loud as the level, 0 elsewhere.
    """

    rows: FloatArray
    present: FloatArray
    loud: FloatArray


class LoudnessNormalizer:
    """(N, bands) log power in, the same relative to the running peak level out.

    The level follows the mean log power of some 60 ms upwards at once and downwards by
    2 dB a second. It starts where soft speech peaks, so that the noise before the first
    word does not count as speech, and any speech louder than that sets it itself: gain
    changes nothing. The background is the lowest that the sound has been, rising by 1.3 dB
    a second; nothing is present until a first sound stands out of it clearly.
    """

    def __init__(self) -> None:
        self._window = Window(_PAST, _FUTURE)
        self._peak = SOFT_SPEECH
        self._background = np.inf
        self._heard = False
        self._steps = 0

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._window.delay

    def push(self, rows: FloatArray) -> NormalizedFeatures:
        """Push (N, bands) log power rows; return the rows that have become certain."""
        # Each row's own energy and power go with it: the window averages numbers, not bands.
        energies, powers = _mean(rows), _mean(np.exp(rows))
        return self._level(self._window.push(np.column_stack([rows, energies, powers])))

    def flush(self) -> NormalizedFeatures:
        """Return the remaining rows."""
        return self._level(self._window.flush())

    def _level(self, windows: FloatArray) -> NormalizedFeatures:
        if not len(windows):
            return NormalizedFeatures(
                np.zeros((0, max(windows.shape[2] - 2, 0)), np.float32), _NOTHING, _NOTHING
            )
        energies = _mean(windows[:, :, -2])
        peaks = highest(energies, self._peak, _DECAY)
        powers = np.log(_mean(windows[:, :, -1]))
        backgrounds = lowest(powers, self._background, _RISE)
        self._peak, self._background = float(peaks[-1]), float(backgrounds[-1])
        steps = np.arange(self._steps, self._steps + len(windows))
        self._steps += len(windows)
        first = backgrounds + np.maximum(_FIRST - _FIRST_FALL * steps, _STAND_OUT)
        heard = np.maximum.accumulate(np.append(self._heard, powers > first))[1:]
        self._heard = bool(heard[-1])
        present = heard & (powers > backgrounds + _STAND_OUT) & (energies > peaks - _FAR_BELOW)
        rows = np.maximum(windows[:, _PAST, :-2] - peaks[:, None], FLOOR).astype(np.float32)
        loud = present & (energies > peaks - _LOUD)
        return NormalizedFeatures(
            rows, *(flag[:, None].astype(np.float32) for flag in (present, loud))
        )


def _mean(rows: FloatArray) -> FloatArray:
    """(N,) of (N, D): ``np.mean`` takes longer to look at a few rows than to add them up."""
    return np.asarray(np.add.reduce(rows, axis=1) / np.float32(rows.shape[1]), np.float32)


def level_peaks(rows: FloatArray) -> FloatArray:
    """(N,) the level over whole (N, bands) rows, set by nothing but themselves."""
    energies = rows.mean(axis=1)
    padded = np.concatenate([energies[:1].repeat(_PAST), energies, energies[-1:].repeat(_FUTURE)])
    means = np.lib.stride_tricks.sliding_window_view(padded, _PAST + 1 + _FUTURE).mean(axis=1)
    return highest(means.astype(np.float32), -np.inf, _DECAY)
