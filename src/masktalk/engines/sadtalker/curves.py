"""Rules that turn audio and chance into curves of 3DMM coefficients at 25 Hz."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from masktalk.speech.mel import MEL
from masktalk.types import FloatArray

#: Steps per second that the networks were trained on, and samples of 16 kHz audio in one.
STEP_RATE = 25
STEP_SAMPLES = MEL.sample_rate // STEP_RATE

#: Columns per second over steps per second, and the steps that a window begins before its own.
_COLUMNS_PER_STEP = Fraction(MEL.column_rate, STEP_RATE)
_WINDOW_LEAD_STEPS = 2

#: Steps of a blink, as the closure of the eyelids.
BLINK: tuple[float, ...] = (0.5, 0.9, 1.0, 0.9, 0.5)
#: Fewest and most steps of open eyes that the networks' authors draw from.
_MIN_OPEN_STEPS, _MAX_OPEN_STEPS = 10, 70

#: The Savitzky-Golay filter that takes the jitter out of head motion.
_SMOOTHING_STEPS, _SMOOTHING_ORDER = 13, 2


def mel_rows(steps: int, columns: int) -> npt.NDArray[np.int64]:
    """Return the (steps, 16) mel columns that each step hears, clamped to those there are.

    Args:
        steps: At 25 Hz.
        columns: Of the log-mel spectrogram.
    """
    starts = np.array([_trunc((i - _WINDOW_LEAD_STEPS) * _COLUMNS_PER_STEP) for i in range(steps)])
    return np.clip(starts[:, None] + np.arange(MEL.frame_columns), 0, columns - 1)


def _trunc(value: Fraction) -> int:
    return int(value)  # towards zero, as the networks were trained


def whole_steps(samples: FloatArray, steps: int) -> FloatArray:
    """Return (steps * 640,) samples: cut, or extended with silence.

    Args:
        samples: (N,) at 16 kHz.
        steps: At 25 Hz.
    """
    kept = samples[: steps * STEP_SAMPLES]
    return np.pad(kept, (0, steps * STEP_SAMPLES - len(kept)))


def blink_starts(steps: int, chance: random.Random) -> Iterator[int]:
    """Yield the steps at which a blink begins, as often as the networks' authors have it.

    Args:
        steps: In all; a blink that would not end before the last step is left out.
        chance: Source of randomness.
    """
    gaps = range(min(_MIN_OPEN_STEPS, steps), min(steps // 2, _MAX_OPEN_STEPS))
    position = 0
    while gaps and (start := position + chance.choice(gaps)) + len(BLINK) <= steps - 1:
        yield start
        position = start + len(BLINK)


def blink_starts_at_rate(steps: int, per_minute: float, chance: random.Random) -> Iterator[int]:
    """Yield the steps at which a blink begins, so many times a minute on the average.

    Args:
        steps: In all.
        per_minute: Blinks a minute; 0 for none.
        chance: Source of randomness.
    """
    if per_minute <= 0:
        return
    mean_open = max(60 * STEP_RATE / per_minute - len(BLINK), 1.0)
    position = 0.0
    while True:
        position += mean_open * chance.uniform(0.5, 1.5)
        if position + len(BLINK) > steps - 1:
            return
        yield round(position)
        position += len(BLINK)


def closures(steps: int, starts: Iterator[int]) -> FloatArray:
    """Return the (steps,) closure of the eyelids in 0..1.

    Args:
        steps: At 25 Hz.
        starts: Where blinks begin.
    """
    closure = np.zeros(steps, np.float32)
    for start in starts:
        closure[start : start + len(BLINK)] = BLINK
    return closure


def smooth_motion(motion: FloatArray) -> FloatArray:
    """Return (T, 6) motion under a Savitzky-Golay filter (1964) of order 2 and 13 steps.

    Shorter motion is filtered with the longest odd window that fits; one or two steps stay.

    Args:
        motion: (T, 6) at 25 Hz.
    """
    window = min(_SMOOTHING_STEPS, 2 * ((len(motion) - 1) // 2) + 1)
    if window <= _SMOOTHING_ORDER:
        return motion
    half = window // 2
    powers = np.vander(np.arange(-half, half + 1), _SMOOTHING_ORDER + 1, increasing=True)
    fit = np.linalg.pinv(powers.astype(np.float64))
    values = motion.astype(np.float64)
    seen = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    begin = powers[:half] @ (fit @ values[:window])
    end = powers[half + 1 :] @ (fit @ values[-window:])
    return np.concatenate([begin, seen @ fit[0], end]).astype(np.float32)


def join_windows(windows: Sequence[FloatArray]) -> FloatArray:
    """Return the windows of the pose network one after another, from rest, without jumps.

    Each window is drawn by itself and begins anywhere. It is shifted so that it continues
    where the one before it ends, at the mean of the speeds on either side, and the shift
    fades out over the window.

    Args:
        windows: (n, 6) each, at 25 Hz; only the last may be shorter than the others.

    Returns:
        (1 + sum of n, 6); the first row is rest.
    """
    joined = [np.zeros((1, windows[0].shape[1]), np.float32)] if windows else []
    speed = np.float32(0)
    for window in windows:
        own_speed = window[1] - window[0] if len(window) > 1 else np.float32(0)
        shift = joined[-1][-1] + (speed + own_speed) / 2 - window[0]
        fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(len(window)) / len(windows[0]))
        joined.append((window + fade[:, None] * shift).astype(np.float32))
        speed = joined[-1][-1] - joined[-1][-2] if len(window) > 1 else own_speed
    return np.concatenate(joined)


def camera_angles(degrees: Sequence[float], steps: int) -> FloatArray:
    """Return (steps,) degrees that pass through a list at constant speed.

    Args:
        degrees: At least one; a single one is held.
        steps: At 25 Hz.
    """
    path = float(np.abs(np.diff(degrees)).sum())
    if path == 0 or steps < 2:
        return np.full(steps, degrees[0], np.float32)
    step = path / (steps - 1)
    parts = [
        np.arange(first, last, step if last > first else -step)
        for first, last in pairwise(degrees)
        if first != last
    ]
    angles = np.concatenate(parts)[:steps]
    return np.pad(angles, (0, steps - len(angles)), "edge").astype(np.float32)
