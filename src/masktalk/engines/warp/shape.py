"""From articulation channels to where lips and jaw go, in face axes.

The amounts are average human proportions in units of the distance between the outer eye
corners (about 90 mm in adults: Farkas, "Anthropometry of the Head and Face", 1994): a
fully open jaw parts the lips by 0.36 of it, a pucker takes 0.16 off the mouth's width. They
are the amounts of ``masktalk.speech.measures``, so what is drawn is what was meant. How
lips, corners and chin share a movement is the median of what tracked talkers do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from masktalk.landmarks import LIP_RINGS
from masktalk.types import CHANNELS, FloatArray

_INDEX = {name: column for column, name in enumerate(CHANNELS)}
_PAIRED = ("mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress", "mouthSmile")

# How much each movement shifts, in eye distances at a channel value of 1.
CHIN_DROP = 0.22
CHIN_BACK = 0.06
LOWER_DROP = 0.315
UPPER_RISE = 0.045
CLOSED_SAG = 0.10
#: Part of the lower lip's drop that the mouth corners follow: a little, and more the wider.
CORNER_SAG, WIDE_SAG = 0.27, 0.15
# By how much less a wide open lower lip tapers towards the corners.
_ROUNDER = 0.25


@dataclass(frozen=True)
class Channels:
    """One step of articulation by name; left and right are the picture's, paired as (2,)."""

    jaw: float
    close: float
    funnel: float
    pucker: float
    stretch: FloatArray
    upper_up: FloatArray
    lower_down: FloatArray
    press: FloatArray
    smile: FloatArray
    roll_lower: float
    roll_upper: float
    tongue: float

    @property
    def parting(self) -> float:
        """Return the jaw's parting of the lips, less ``mouthClose``."""
        return max(self.jaw - self.close, 0.0)


def read_channels(values: FloatArray) -> Channels:
    """One step of articulation, (len(CHANNELS),), clipped to 0..1."""
    clipped = np.clip(values, 0.0, 1.0)

    def one(name: str) -> float:
        return float(clipped[_INDEX[name]])

    def pair(name: str) -> FloatArray:
        # The speaker's right is the picture's left.
        return clipped[[_INDEX[name + "Right"], _INDEX[name + "Left"]]]

    paired = {name: pair(name) for name in _PAIRED}
    return Channels(
        jaw=one("jawOpen"),
        close=one("mouthClose"),
        funnel=one("mouthFunnel"),
        pucker=one("mouthPucker"),
        stretch=paired["mouthStretch"],
        upper_up=paired["mouthUpperUp"],
        lower_down=paired["mouthLowerDown"],
        press=paired["mouthPress"],
        smile=paired["mouthSmile"],
        roll_lower=one("mouthRollLower"),
        roll_upper=one("mouthRollUpper"),
        tongue=one("tongueOut"),
    )


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacements in face axes from the closed neutral mouth.

    Attributes:
        upper: (LIP_RINGS, LIP_COLUMNS, 3) upper lip, outer ring first.
        lower: (LIP_RINGS, LIP_COLUMNS, 3) lower lip.
        corners: (2, 3) left and right mouth corner.
        jaw: (3,) the chin.
    """

    upper: FloatArray
    lower: FloatArray
    corners: FloatArray
    jaw: FloatArray


@dataclass(frozen=True, eq=False)
class Profile:
    """Spread of movement along one lip of an avatar.

    Attributes:
        arch: (LIP_RINGS, LIP_COLUMNS) 1 in the middle, 0 at the corners.
        sides: (2, LIP_RINGS, LIP_COLUMNS) share of the left and of the right corner.
        plump: (LIP_RINGS, LIP_COLUMNS) arch times the lip's height, 0 on the lip line.
    """

    arch: FloatArray
    sides: FloatArray
    plump: FloatArray

    @classmethod
    def along(cls, lip: FloatArray, corners: FloatArray, thickness: float) -> Profile:
        """Return the profile of a lip (LIP_RINGS, LIP_COLUMNS, 3) between its corners (4, 3)."""
        depth = np.linspace(1, 0, LIP_RINGS, dtype=np.float32)[:, None]  # 1 at the skin
        left = depth * corners[0, 0] + (1 - depth) * corners[2, 0]
        right = depth * corners[1, 0] + (1 - depth) * corners[3, 0]
        half = np.maximum((right - left) / 2, 1e-3)
        place = np.clip((lip[..., 0] - (left + right) / 2) / half, -1, 1)
        arch = (1 - place**2) ** 0.75
        sides = np.stack([(1 - place) / 2, (1 + place) / 2])
        plump = thickness * depth * arch
        return cls(*(part.astype(np.float32) for part in (arch, sides, plump)))

    def rounder(self, parting: float) -> Profile:
        """Return the profile of a lip that hangs the rounder, the wider a mouth opens."""
        return replace(self, arch=self.arch ** (1 - _ROUNDER * min(parting, 1.0)))


def mouth_motion(channels: Channels, upper: Profile, lower: Profile) -> Motion:
    """Return the displacement that the channels ask of a mouth.

    Args:
        channels: What the mouth shall do.
        upper: How movement spreads along its upper lip.
        lower: The same for its lower lip.
    """
    c = channels
    corners = _corner_motion(c)
    sag = CLOSED_SAG * min(c.close, c.jaw)
    rise = (UPPER_RISE * c.parting + 0.03 * c.upper_up - sag) @ upper.sides.reshape(2, -1)
    drop = (LOWER_DROP * c.parting + 0.06 * c.lower_down + sag) @ lower.sides.reshape(2, -1)
    drop = drop - 0.02 * c.roll_lower
    sink = _sink(c)
    rise, drop = rise - sink, drop + sink
    plump = 0.20 * (c.funnel + c.pucker)
    plump = plump - 0.12 * float(c.stretch.mean()) - 0.35 * float(c.press.mean())
    thinned = 0.3 * min(c.parting, 1.0)
    forward = -(0.075 * c.pucker + 0.06 * c.funnel) + 0.03 * c.parting
    back = forward + CHIN_BACK * c.parting
    above = _carried(corners, upper, -rise.reshape(upper.arch.shape), forward)
    above[..., 1] -= upper.plump * (plump - thinned - 0.5 * c.roll_upper)
    below = _carried(corners, lower.rounder(c.parting), drop.reshape(lower.arch.shape), back)
    below[..., 1] += lower.plump * (plump - 0.5 * c.roll_lower)
    jaw = np.array([0.0, CHIN_DROP * c.jaw + 0.7 * sink, CHIN_BACK * c.jaw], np.float32)
    return Motion(above, below, corners, jaw)


def _carried(corners: FloatArray, lip: Profile, down: FloatArray, back: float) -> FloatArray:
    """(LIP_RINGS, LIP_COLUMNS, 3) a lip that goes from the corners' motion to its own middle's."""
    moved = np.tensordot(lip.sides, corners, axes=(0, 0))
    moved[..., 1] += lip.arch * (down - moved[..., 1])
    moved[..., 2] += lip.arch * (back - moved[..., 2])
    return np.asarray(moved, np.float32)


def _sink(c: Channels) -> float:
    """Return the vertical shift of a mouth: down as it narrows, up as it widens."""
    return 0.035 * c.pucker + 0.022 * c.funnel - 0.02 * float((c.stretch + c.smile).mean()) / 2


def _corner_motion(c: Channels) -> FloatArray:
    inward = 0.05 * c.funnel + 0.08 * c.pucker + 0.012 * c.parting
    outward = 0.05 * c.stretch + 0.04 * c.smile - inward
    sagging = CORNER_SAG + WIDE_SAG * c.parting
    down = sagging * LOWER_DROP * c.parting - 0.005 * c.stretch - 0.035 * c.smile
    down = down + 1.4 * _sink(c) + CLOSED_SAG * min(c.close, c.jaw)
    back = 0.03 * (c.smile + c.stretch) - 0.03 * (c.pucker + c.funnel)
    moved = np.stack([outward * np.array([-1, 1]), down, back], axis=1)
    return np.asarray(moved, np.float32)
