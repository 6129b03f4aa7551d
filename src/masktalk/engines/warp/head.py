"""Small movements of head and brows with the stress of the voice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from masktalk.engines.warp.field import DENSITY, PlaneGrid, smooth_step
from masktalk.landmarks import BROWS, CHIN, FACE_OVAL
from masktalk.types import CHANNELS, FloatArray

_JAW = CHANNELS.index("jawOpen")
#: Seconds over which the jaw's movement is averaged, from syllable to phrase.
_SYLLABLE, _WORD, _PHRASE = 0.10, 0.45, 1.6
_NOD, _SIDE, _ROLL, _BROW = 0.13, 0.05, 0.05, 0.10
_REACH, _MARGIN = 0.12, 0.45
#: The smallest movement, in eye distances: a head that comes to rest does so at last.
_LEAST = 1 / 4096


@dataclass(frozen=True)
class Lean:
    """Offset of a head in inter-ocular distances on the face's plane.

    Attributes:
        across: To the picture's right.
        down: Down.
        roll: Radians, clockwise in the picture.
        brow: How far the brows are up.
    """

    across: float
    down: float
    roll: float
    brow: float


class HeadMotion:
    """Follows the stress of the voice; comes to rest when the mouth does.

    A function of the articulation alone: the same speech moves the head the same way,
    and a mouth that stays as it is leaves it still.

    Args:
        seconds: Between frames.
        strength: 1 for the usual amount.
    """

    def __init__(self, seconds: float, strength: float) -> None:
        self._strength = strength
        self._keep = [math.exp(-seconds / tau) for tau in (_SYLLABLE, _WORD, _PHRASE)]
        self._levels: list[float] | None = None

    def step(self, values: FloatArray) -> Lean:
        """Advance the head by one frame with (len(CHANNELS),) ``values``."""
        jaw = float(values[_JAW])
        if self._levels is None:
            self._levels = [jaw] * len(self._keep)
        self._levels = [
            keep * level + (1 - keep) * jaw
            for keep, level in zip(self._keep, self._levels, strict=True)
        ]
        syllable, word, phrase = self._levels
        size = self._strength
        wanted = (
            size * _SIDE * (word - phrase),
            size * _NOD * (syllable - phrase),
            size * _ROLL * (word - phrase),
            size * _BROW * max(syllable - phrase - 0.03, 0.0),
        )
        return Lean(*(round(amount / _LEAST) * _LEAST for amount in wanted))


@dataclass(frozen=True, eq=False)
class HeadField:
    """Weight of the head's movement at every pixel of an image.

    Attributes:
        outline: (P, 2) on the face's plane, where the movement has ended.
        grid: Where the weights are known.
        weights: (rows, columns, 2) share of the head's and of the brows' movement.
        pivot: (2,) place that the head rolls about.
    """

    outline: FloatArray
    grid: PlaneGrid
    weights: FloatArray
    pivot: FloatArray

    @classmethod
    def around(cls, base: FloatArray) -> HeadField:
        """The head around a (478, 2) mesh on the face's plane."""
        oval = base[list(FACE_OVAL)]
        outward = oval - oval.mean(axis=0)
        outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        outline = np.asarray(oval + _REACH * outward, np.float32)
        grid = PlaneGrid.around(outline)
        places = grid.nodes()
        head = grid.window(outline, _MARGIN)
        brow = np.zeros(len(places), np.float32)
        for side in BROWS:
            away = places - base[list(side)].mean(axis=0)
            near = 1 - np.hypot(away[:, 0] / 0.36, away[:, 1] / 0.22)
            brow = np.maximum(brow, smooth_step(near * 1.4))
        weights = np.dstack([head, brow.reshape(head.shape) * head])
        return cls(outline, grid, np.ascontiguousarray(weights, np.float32), base[CHIN])

    def shift(self, lean: Lean, places: FloatArray, weights: FloatArray) -> FloatArray:
        """(..., 2) nodes by which what shows at places (..., 2) has moved.

        Args:
            lean: Where the head has moved.
            places: On the face's plane.
            weights: (..., 2) the field's weights there.
        """
        away = places - self.pivot
        x = lean.across - lean.roll * away[..., 1]
        y = lean.down + lean.roll * away[..., 0]
        moved = np.stack([x, y], axis=-1) * weights[..., :1]
        moved[..., 1] -= lean.brow * weights[..., 1]
        return np.asarray(moved * np.float32(DENSITY), np.float32)
