"""Small numerical functions that several packages share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray

_PCM16_SCALE = 32767
_PCM16_RANGE = 32768


def smoothstep(value: Any, low: float = 0.0, high: float = 1.0) -> Any:
    """Interpolate smoothly from 0 at ``low`` to 1 at ``high``: 3 t^2 - 2 t^3 (cubic Hermite).

    Args:
        value: A number, or an array of any shape.
        low: Where the result begins to rise.
        high: Where it reaches 1; below ``low`` it falls instead.

    Returns:
        0..1, of the type and shape of ``value``.
    """
    part = np.clip((value - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def to_pcm16(samples: FloatArray) -> npt.NDArray[np.int16]:
    """Convert samples of any shape (N, ...) in [-1, 1] to 16-bit PCM, rounded and clipped."""
    return np.rint(np.clip(samples, -1, 1) * _PCM16_SCALE).astype("<i2")


def from_pcm16(samples: npt.NDArray[np.int16]) -> FloatArray:
    """Convert (N, ...) samples of 16-bit PCM to float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(_PCM16_RANGE)
