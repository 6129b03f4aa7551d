"""The avatar's own mouth at rest, and how its face follows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.engines.warp.shape import Motion
from masktalk.engines.warp.topology import (
    CHIN,
    CORNERS,
    LIP_COLUMNS,
    LOWER_LIP,
    NOSE_BASE,
    RINGS,
    SKIN,
    SKIN_JAW,
    UPPER_LIP,
)
from masktalk.types import FloatArray

#: Mouth width of an average face in eye distances; narrower mouths move less.
AVERAGE_WIDTH = 0.5
#: A gap between the inner lips up to this is a closed mouth, in eye distances.
CLOSED_GAP = 0.012
_CORNER_REACH, _LIP_REACH = 0.20, 0.16


@dataclass(frozen=True, eq=False)
class Lips:
    """Lips of one mouth in face axes.

    Attributes:
        upper: (RINGS, LIP_COLUMNS, 3), outer ring first, last ring on the lip line.
        lower: (RINGS, LIP_COLUMNS, 3).
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
        middle = LIP_COLUMNS // 2
        return float(self.lower[-1, middle, 1] - self.upper[-1, middle, 1])

    @property
    def width(self) -> float:
        return float(self.corners[1, 0] - self.corners[0, 0])

    @property
    def thickness(self) -> tuple[float, float]:
        """Height of the upper and the lower lip in the middle."""
        middle = LIP_COLUMNS // 2
        upper = self.upper[-1, middle, 1] - self.upper[0, middle, 1]
        lower = self.lower[0, middle, 1] - self.lower[-1, middle, 1]
        return max(float(upper), 0.02), max(float(lower), 0.02)

    def closed(self) -> Lips:
        """The same mouth with its lips together."""
        gaps = self.lower[-1] - self.upper[-1]
        gaps = np.where(self.gap > CLOSED_GAP, gaps, 0.0).astype(np.float32)
        shut = 0.7 * max(self.gap - 3 * CLOSED_GAP, 0.0)
        return Lips(
            self.upper + 0.35 * gaps, self.lower - 0.65 * gaps, self.corners, self.jaw - shut
        )


def read_lips(frontal: FloatArray) -> Lips:
    """The lips of a (478, 3) mesh in face axes."""
    return Lips(
        upper=frontal[list(UPPER_LIP)].reshape(RINGS, LIP_COLUMNS, 3),
        lower=frontal[list(LOWER_LIP)].reshape(RINGS, LIP_COLUMNS, 3),
        corners=frontal[list(CORNERS)],
        jaw=float(frontal[CHIN, 1] - frontal[NOSE_BASE, 1]),
    )


@dataclass(frozen=True, eq=False)
class Rig:
    """What stays the same through all frames of an avatar.

    Attributes:
        rest: Its lips, closed.
        amplitude: Its movements against an average face's.
        follow: (K, 4) how far each skin point follows the left corner, the right
            corner, the upper and the lower lip.
    """

    rest: Lips
    amplitude: float
    follow: FloatArray

    @classmethod
    def from_frontal(cls, frontal: FloatArray, rest: Lips | None = None) -> Rig:
        """The rig of a (478, 3) mesh in face axes."""
        rest = read_lips(frontal).closed() if rest is None else rest
        amplitude = float(np.clip(rest.width / AVERAGE_WIDTH, 0.3, 1.0)) ** 0.7
        return cls(rest, amplitude, _follow(frontal[list(SKIN)], rest))

    def deltas(self, now: Lips, motion: Motion) -> Deltas:
        """Displacements that take the lips as they are now to where motion wants them."""
        size = self.amplitude
        upper = self.rest.upper + size * motion.upper - now.upper
        lower = self.rest.lower + size * motion.lower - now.lower
        corners = self.rest.corners + size * motion.corners[[0, 1, 0, 1]] - now.corners
        drop = size * motion.jaw + np.array([0, self.rest.jaw - now.jaw, 0], np.float32)
        middle = LIP_COLUMNS // 2
        leads = np.stack([corners[0], corners[1], upper[0, middle], lower[0, middle]])
        skin = SKIN_JAW[:, None] * drop + self.follow @ leads
        return Deltas(upper, lower, corners, skin.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Deltas:
    """Displacements in face axes of every control point: (RINGS, LIP_COLUMNS, 3) for the
    lips, (4, 3) corners, (K, 3) skin."""

    upper: FloatArray
    lower: FloatArray
    corners: FloatArray
    skin: FloatArray


def _follow(skin: FloatArray, rest: Lips) -> FloatArray:
    middle = LIP_COLUMNS // 2
    leads = [rest.corners[0], rest.corners[1], rest.upper[0, middle], rest.lower[0, middle]]
    reach = [_CORNER_REACH, _CORNER_REACH, _LIP_REACH, 0.6 * _LIP_REACH]
    columns = []
    for lead, size in zip(leads, reach, strict=True):
        away = skin[:, :2] - lead[:2]
        columns.append(0.75 * np.exp(-(away**2).sum(axis=1) / size**2))
    weights = np.stack(columns, axis=1).astype(np.float32)
    # What rides the jaw already moves with the lower lip.
    weights[:, 3] *= 1 - SKIN_JAW
    weights[:, :2] *= (1 - 0.5 * SKIN_JAW)[:, None]
    return weights
