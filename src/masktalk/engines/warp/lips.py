"""Lips in face axes: read from a mesh, closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.landmarks import (
    CHIN,
    LIP_COLUMNS,
    LIP_RINGS,
    LOWER_LIP,
    LOWER_LIP_RINGS,
    MOUTH_CORNERS,
    NOSE_BASE,
    OUTER_EYE_CORNERS,
    UPPER_LIP,
    UPPER_LIP_RINGS,
)
from masktalk.types import FloatArray

#: A gap between the inner lips up to this is a closed mouth, in eye distances.
CLOSED_GAP = 0.012
#: How far the lip line of an open mouth is drawn into the lips, in eye distances.
TRIM = 0.016
_MIDDLE = LIP_COLUMNS // 2


@dataclass(frozen=True, eq=False)
class Lips:
    """Lips of one mouth in face axes.

    Attributes:
        upper: (LIP_RINGS, LIP_COLUMNS, 3), outer ring first, last ring on the lip line.
        lower: (LIP_RINGS, LIP_COLUMNS, 3).
        corners: (4, 3) outer left, outer right, inner left, inner right.
        jaw: From the base of the nose down to the chin.
    """

    upper: FloatArray
    lower: FloatArray
    corners: FloatArray
    jaw: float

    @property
    def gap(self) -> float:
        """Height of the opening in the middle."""
        return float(self.lower[-1, _MIDDLE, 1] - self.upper[-1, _MIDDLE, 1])

    @property
    def width(self) -> float:
        """Return the mouth's width in inter-ocular distances."""
        return float(self.corners[1, 0] - self.corners[0, 0])

    @property
    def thickness(self) -> tuple[float, float]:
        """Height of the upper and the lower lip in the middle."""
        upper = self.upper[-1, _MIDDLE, 1] - self.upper[0, _MIDDLE, 1]
        lower = self.lower[0, _MIDDLE, 1] - self.lower[-1, _MIDDLE, 1]
        return max(float(upper), 0.02), max(float(lower), 0.02)

    @property
    def line(self) -> FloatArray:
        """(3,) the middle between the inner lips."""
        return np.asarray((self.upper[-1, _MIDDLE] + self.lower[-1, _MIDDLE]) / 2, np.float32)

    def widened(self, factor: float) -> Lips:
        """Return the same mouth so many times as wide."""
        middle = self.corners[:2, 0].mean()

        def wide(points: FloatArray) -> FloatArray:
            """Scale (..., 2) points across the mouth."""
            moved = points.copy()
            moved[..., 0] = middle + factor * (points[..., 0] - middle)
            return moved

        return Lips(wide(self.upper), wide(self.lower), wide(self.corners), self.jaw)

    def closed(self, allowed: float = CLOSED_GAP) -> Lips:
        """Return the same mouth with its lips together; a gap up to ``allowed`` stays."""
        gaps = self.lower[-1] - self.upper[-1]
        gaps = np.where(self.gap > allowed, gaps, 0.0).astype(np.float32)
        shut = 0.7 * max(self.gap - 3 * CLOSED_GAP, 0.0)
        return Lips(
            self.upper + 0.35 * gaps, self.lower - 0.65 * gaps, self.corners, self.jaw - shut
        )


def trimmed(mesh: FloatArray) -> FloatArray:
    """Return the (478, 3) mesh in pixels with the lip line of an open mouth drawn into the lips.

    A mesh follows the inner lips to a pixel or two; what it takes along of the teeth would
    shine at the edge of lips that close.
    """
    unit = float(np.linalg.norm(mesh[OUTER_EYE_CORNERS[1], :2] - mesh[OUTER_EYE_CORNERS[0], :2]))
    upper, lower = list(UPPER_LIP_RINGS[-1]), list(LOWER_LIP_RINGS[-1])
    gaps = mesh[lower] - mesh[upper]
    size = np.linalg.norm(gaps, axis=1, keepdims=True)
    share = np.clip((size / max(unit, 1e-6) - CLOSED_GAP) / CLOSED_GAP, 0, 1)
    push = gaps / np.maximum(size, 1e-6) * (share * TRIM * unit)
    moved = mesh.copy()
    moved[upper] -= push
    moved[lower] += push
    return moved


def read_lips(frontal: FloatArray) -> Lips:
    """Return the lips of a (478, 3) mesh in face axes."""
    return Lips(
        upper=frontal[list(UPPER_LIP)].reshape(LIP_RINGS, LIP_COLUMNS, 3),
        lower=frontal[list(LOWER_LIP)].reshape(LIP_RINGS, LIP_COLUMNS, 3),
        corners=frontal[list(MOUTH_CORNERS)],
        jaw=float(frontal[CHIN, 1] - frontal[NOSE_BASE, 1]),
    )
