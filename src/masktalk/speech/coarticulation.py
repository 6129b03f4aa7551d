"""Coarticulation of a known sequence of phones.

Each phone class pulls the gestures towards its mean shape, with a strength (dominance) that
fades with the distance in time; their weighted mean is the trajectory (Cohen & Massaro 1993,
with Gaussian instead of exponential fading).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from masktalk.speech.gestures import GESTURES
from masktalk.speech.phones import NAMES
from masktalk.types import FloatArray

#: Steps over which a phone's pull fades (standard deviation), per gesture.
SPREAD = (4.0, 7.0, 1.5, 1.5, 1.5)
#: Steps to either side beyond which a phone pulls no more.
REACH = 16
#: How strongly a class insists on its shape, per gesture aperture and width; 1 otherwise.
_APERTURE_DOMINANCE = {
    "P": 3.0, "B": 3.0, "M": 3.0, "F": 2.0, "V": 2.0, "W": 2.0, "S": 1.5, "Z": 1.5, "SH": 1.5,
    "ZH": 1.5, "CH": 1.5, "JH": 1.5, "UW": 1.5, "HH": 0.4, "K": 0.6, "G": 0.6, "NG": 0.6,
    "AH": 0.7, "L": 0.8, "T": 0.8, "D": 0.8, "N": 0.8, "SIL": 0.7,
}  # fmt: skip
_WIDTH_DOMINANCE = {
    "W": 3.0, "UW": 2.5, "OW": 2.0, "AO": 2.0, "YU": 2.5, "SH": 2.0, "ZH": 2.0, "CH": 2.0,
    "JH": 2.0, "R": 1.5, "ER": 1.5, "UH": 1.5, "IY": 1.5, "EY": 1.5, "AE": 1.5, "P": 0.6,
    "B": 0.6, "M": 0.6, "HH": 0.3, "K": 0.4, "G": 0.4, "T": 0.5, "D": 0.5, "N": 0.5, "L": 0.6,
    "S": 0.8, "Z": 0.8, "NG": 0.5, "SIL": 0.7,
}  # fmt: skip


@lru_cache(maxsize=1)
def class_shapes() -> FloatArray:
    """(classes, len(GESTURES)) mean gestures per class, from ``data/class_shapes.json``."""
    text = (files("masktalk.speech") / "data" / "class_shapes.json").read_text("utf-8")
    table = json.loads(text)
    rows = [[float(table[name].get(key, 0)) for key in GESTURES] for name in NAMES]
    return np.asarray(rows, np.float32)


@lru_cache(maxsize=1)
def dominance() -> FloatArray:
    """(classes, len(GESTURES))."""
    table = np.ones((len(NAMES), len(GESTURES)), np.float32)
    for index, name in enumerate(NAMES):
        table[index, 0] = _APERTURE_DOMINANCE.get(name, 1.0)
        table[index, 1] = _WIDTH_DOMINANCE.get(name, 1.0)
    return table


def trajectories(labels: npt.NDArray[np.uint8], sharpness: float = 1.0) -> FloatArray:
    """(N, len(GESTURES)) gestures of (N,) phone classes.

    Args:
        labels: Index into ``NAMES`` of every step.
        sharpness: Above 1 a phone pulls less far, as in careful speech.
    """
    padded = np.pad(labels, REACH, mode="edge")
    return pulled(np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1), sharpness)


def pulled(windows: npt.NDArray[np.uint8], sharpness: float = 1.0) -> FloatArray:
    """(N, len(GESTURES)) gestures at the middle of each of (N, 2 * REACH + 1) phone classes."""
    offsets = np.arange(-REACH, REACH + 1) * sharpness
    columns = []
    for k, spread in enumerate(SPREAD):
        kernel = np.exp(-0.5 * (offsets / spread) ** 2).astype(np.float32)
        weights = dominance()[:, k]
        pull = (weights * class_shapes()[:, k])[windows] @ kernel
        columns.append(pull / (weights[windows] @ kernel))
    return np.asarray(np.stack(columns, axis=1), np.float32)
