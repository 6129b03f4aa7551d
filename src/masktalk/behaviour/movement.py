"""One record of movement for the whole head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

#: The 52 channels of Apple's ARKit face tracking (ARFaceAnchor.BlendShapeLocation), in the
#: order in which Live Link Face writes them. Left and right are the speaker's own.
ARKIT_CHANNELS: tuple[str, ...] = (
    *("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft"),
    *("eyeSquintLeft", "eyeWideLeft"),
    *("eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight"),
    *("eyeLookUpRight", "eyeSquintRight", "eyeWideRight"),
    *("jawForward", "jawRight", "jawLeft", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight"),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight"),
    "tongueOut",
)

_KNOWN = frozenset(ARKIT_CHANNELS)

#: Degrees by which an eyeLook channel at 1 turns the eye.
FULL_GAZE_DEG = 30.0


@dataclass(frozen=True)
class HeadPose:
    """Departure of a head from the pose in its frame.

    Attributes:
        yaw: Radians; positive turns the face to the image's right.
        pitch: Radians; positive lowers the face.
        roll: Radians; positive is clockwise in the image.
        x: Inter-ocular distances to the image's right.
        y: Inter-ocular distances down.
        z: Inter-ocular distances towards the viewer.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    def __add__(self, other: HeadPose) -> HeadPose:
        return HeadPose(
            self.yaw + other.yaw,
            self.pitch + other.pitch,
            self.roll + other.roll,
            self.x + other.x,
            self.y + other.y,
            self.z + other.z,
        )

    def scaled(self, factor: float) -> HeadPose:
        """Return the pose with every part multiplied by ``factor``."""
        return HeadPose(
            *(factor * part for part in (self.yaw, self.pitch, self.roll)),
            *(factor * part for part in (self.x, self.y, self.z)),
        )


@dataclass(frozen=True)
class Movement:
    """Movement of a head at one time, beside what speech does to its mouth.

    Attributes:
        weights: ARKit channel to its weight in 0..1; channels that are left out are 0.
        pose: Departure of the head from its pose in the frame.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    pose: HeadPose = HeadPose()

    def __post_init__(self) -> None:
        unknown = self.weights.keys() - _KNOWN
        if unknown:
            raise ValueError(f"not ARKit channels: {sorted(unknown)}")

    def weight(self, channel: str) -> float:
        """Return the weight of an ARKit channel, 0..1."""
        return self.weights.get(channel, 0.0)


#: No movement at all.
STILL = Movement()


def look_weights(right_deg: float, down_deg: float) -> dict[str, float]:
    """Return the eyeLook channels of a gaze direction.

    Args:
        right_deg: Degrees to the image's right of where the picture looks.
        down_deg: Degrees below it.
    """
    across, down = right_deg / FULL_GAZE_DEG, down_deg / FULL_GAZE_DEG
    # The speaker's left eye is the one on the image's right: it looks out when they look there.
    weights = {
        "eyeLookOutLeft": across,
        "eyeLookInRight": across,
        "eyeLookInLeft": -across,
        "eyeLookOutRight": -across,
        "eyeLookDownLeft": down,
        "eyeLookDownRight": down,
        "eyeLookUpLeft": -down,
        "eyeLookUpRight": -down,
    }
    return {name: min(weight, 1.0) for name, weight in weights.items() if weight > 0}
