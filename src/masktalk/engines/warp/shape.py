"""From articulation channels to where lips and jaw go, in face axes.

The amounts are average human proportions in units of the distance between the outer eye
corners (about 90 mm in adults: Farkas, "Anthropometry of the Head and Face", 1994): a
fully open jaw parts the lips by 0.36 of it, a pucker takes 0.16 off the mouth's width. They
are the amounts of ``masktalk.speech.measures``, so what is drawn is what was meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.engines.warp.topology import LIP_COLUMNS, RINGS
from masktalk.types import CHANNELS, FloatArray

_INDEX = {name: column for column, name in enumerate(CHANNELS)}
_PAIRED = ("mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress", "mouthSmile")

# How much each movement shifts, in eye distances at a channel value of 1.
CHIN_DROP = 0.24
CHIN_BACK = 0.06
LOWER_DROP = 0.315
UPPER_RISE = 0.045
CLOSED_SAG = 0.10
#: Part of the lower lip's drop that the mouth corners follow.
CORNER_SAG = 0.30


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
        """How far the jaw parts the lips: what ``mouthClose`` does not take back."""
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
        upper: (RINGS, LIP_COLUMNS, 3) upper lip, outer ring first.
        lower: (RINGS, LIP_COLUMNS, 3) lower lip.
        corners: (2, 3) left and right mouth corner.
        jaw: (3,) the chin.
    """

    upper: FloatArray
    lower: FloatArray
    corners: FloatArray
    jaw: FloatArray


_ALONG = np.linspace(-1, 1, LIP_COLUMNS + 2, dtype=np.float32)[1:-1]
_ARCH = 1 - np.abs(_ALONG) ** 2.4
_SIDES = np.stack([(1 - _ALONG) / 2, (1 + _ALONG) / 2])  # weight of the left, right side
_DEPTH = np.linspace(1, 0, RINGS, dtype=np.float32)[:, None]  # 1 at the skin, 0 at the lip line


def mouth_motion(channels: Channels, thickness: tuple[float, float]) -> Motion:
    """The displacement that the channels ask of an average mouth.

    Args:
        channels: What the mouth shall do.
        thickness: Height of the upper and the lower lip in eye distances.
    """
    c = channels
    corners = _corner_motion(c)
    sag = CLOSED_SAG * min(c.close, c.jaw)
    rounding = c.funnel + c.pucker
    rise = UPPER_RISE * c.parting + 0.03 * (c.upper_up @ _SIDES) - sag
    drop = LOWER_DROP * c.parting + 0.06 * (c.lower_down @ _SIDES) + sag
    drop = drop - 0.02 * c.roll_lower * _ARCH
    opened = float(np.mean(rise + drop))
    plump = 0.20 * rounding - 0.18 * min(opened / 0.3, 1.0) - 0.12 * float(c.stretch.mean())
    pressed = float(c.press.mean())
    upper_plump = plump - 0.35 * pressed - 0.5 * c.roll_upper
    lower_plump = plump - 0.35 * pressed - 0.5 * c.roll_lower
    forward = -(0.075 * c.pucker + 0.06 * c.funnel) + 0.03 * c.parting
    base = _between(corners)
    upper = np.repeat(base[None], RINGS, axis=0)
    lower = upper.copy()
    upper[..., 1] += (
        -_ARCH * (rise + base[:, 1] * 0.8) - _DEPTH * thickness[0] * upper_plump * _ARCH
    )
    lower[..., 1] += _ARCH * (drop - base[:, 1] * 0.8) + _DEPTH * thickness[1] * lower_plump * _ARCH
    upper[..., 2] += _ARCH * forward
    lower[..., 2] += _ARCH * (forward + CHIN_BACK * c.parting)
    jaw = np.array([0.0, CHIN_DROP * c.jaw, CHIN_BACK * c.jaw], np.float32)
    return Motion(upper, lower, corners, jaw)


def _corner_motion(c: Channels) -> FloatArray:
    inward = 0.05 * c.funnel + 0.08 * c.pucker + 0.012 * c.parting
    outward = 0.05 * c.stretch + 0.04 * c.smile - inward
    down = CORNER_SAG * LOWER_DROP * c.parting + 0.02 * c.stretch - 0.045 * c.smile
    down = down + CLOSED_SAG * min(c.close, c.jaw)
    back = 0.03 * (c.smile + c.stretch) - 0.03 * (c.pucker + c.funnel)
    return np.stack([outward * np.array([-1, 1]), down, back], axis=1).astype(np.float32)


def _between(corners: FloatArray) -> FloatArray:
    """(LIP_COLUMNS, 3) the corners' motion carried along the lips."""
    return np.asarray(_SIDES.T @ corners, np.float32)
