"""The words every part of masktalk speaks: frames, sound, faces, articulation, patches.

Each carries its own time and refuses to exist in a shape it must not have.
Times are exact: ``fractions.Fraction`` seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.float32]

MouthState: TypeAlias = Literal["open", "closed", "covered"]
MOUTH_STATES: tuple[MouthState, ...] = ("open", "closed", "covered")

#: Told while something long runs: what is being done, how much is done, how much there
#: is in all (None when nobody knows).
Progress: TypeAlias = Callable[[str, int, "int | None"], None]


def silent(stage: str, done: int, total: int | None) -> None:
    """The progress nobody looks at."""
    del stage, done, total


#: The mouth channels of Apple's ARKit face tracking (ARFaceAnchor.BlendShapeLocation)
#: that speech moves. Left and right are the speaker's own.
CHANNELS: tuple[str, ...] = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "tongueOut",
)

MESH_POINTS = 478


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture at one time.

    Attributes:
        pixels: (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, uint8.
        time: Seconds since the start of the stream it belongs to.
    """

    pixels: UInt8Array
    time: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (3, 4):
            raise ValueError(f"a frame is (H, W, 3|4) uint8, not {shape} {self.pixels.dtype}")

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def has_alpha(self) -> bool:
        return bool(self.pixels.shape[2] == 4)

    def at(self, time: Fraction) -> Frame:
        """The same picture at another time."""
        return Frame(self.pixels, time)

    def region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:
        """(bottom - top, right - left, 3|4) pixels of a rectangle inside the frame.

        Not to be written to. Cheaper than ``pixels`` on frames that come from an avatar.
        """
        return self.pixels[top:bottom, left:right]

    def with_region(self, left: int, top: int, pixels: UInt8Array) -> Frame:
        """The frame with (h, w, 3|4) pixels in place of a rectangle inside it.

        Cheaper than changing a copy of ``pixels`` on frames that come from an avatar.
        """
        changed = self.pixels.copy()
        changed[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return Frame(changed, self.time)


@dataclass(frozen=True, eq=False)
class Audio:
    """A run of mono sound.

    Attributes:
        samples: (N,) float32 in [-1, 1]; N may be 0.
        rate: Samples per second.
        time: Seconds since the start of the stream; when the first sample sounds.
    """

    samples: FloatArray
    rate: int
    time: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1:
            raise ValueError(
                f"audio is (N,) float32, not {self.samples.shape} {self.samples.dtype}"
            )
        if self.rate <= 0:
            raise ValueError(f"a sample rate is positive, not {self.rate}")

    @property
    def duration(self) -> Fraction:
        """Length in seconds."""
        return Fraction(len(self.samples), self.rate)

    @property
    def end(self) -> Fraction:
        """Time just after the last sample, in seconds."""
        return self.time + self.duration


# Indices into MediaPipe's canonical face mesh; "left" is the picture's left.
_LEFT_CORNER, _RIGHT_CORNER = 61, 291
_UPPER_INNER, _LOWER_INNER = 13, 14
_CHIN = 152
_LEFT_EYE_OUTER, _RIGHT_EYE_OUTER = 33, 263


@dataclass(frozen=True, eq=False)
class Face:
    """Where one face is in one frame.

    Attributes:
        mesh: (478, 3) float32, MediaPipe's canonical topology with irises; x and y
            in pixels from the frame's top left, z in the same unit, smaller is nearer.
        located_by: Name of the locator that answered.
        confidence: 0 to 1.
        mouth_state: ``open``, ``closed`` or ``covered`` by something.
        time: Seconds since the start of the stream.
    """

    mesh: FloatArray
    located_by: str
    confidence: float
    mouth_state: MouthState
    time: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.mesh.shape != (MESH_POINTS, 3) or self.mesh.dtype != np.float32:
            raise ValueError(
                f"a mesh is ({MESH_POINTS}, 3) float32, not {self.mesh.shape} {self.mesh.dtype}"
            )
        if not np.isfinite(self.mesh).all():
            raise ValueError("a mesh has finite coordinates")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"a confidence lies in 0..1, not {self.confidence}")
        if self.mouth_state not in MOUTH_STATES:
            raise ValueError(f"a mouth is one of {MOUTH_STATES}, not {self.mouth_state!r}")

    def point(self, index: int) -> FloatArray:
        """(2,) x, y of one mesh point in pixels."""
        return self.mesh[index, :2]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the mesh in pixels; may leave the frame."""
        x0, y0 = self.mesh[:, :2].min(axis=0)
        x1, y1 = self.mesh[:, :2].max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def left_corner(self) -> FloatArray:
        """(2,) the mouth corner on the picture's left."""
        return self.point(_LEFT_CORNER)

    @property
    def right_corner(self) -> FloatArray:
        """(2,) the mouth corner on the picture's right."""
        return self.point(_RIGHT_CORNER)

    @property
    def mouth(self) -> FloatArray:
        """(2,) middle of both corners, inner upper lip and inner lower lip."""
        four = self.mesh[[_LEFT_CORNER, _RIGHT_CORNER, _UPPER_INNER, _LOWER_INNER], :2]
        return np.asarray(four.mean(axis=0), np.float32)

    @property
    def chin(self) -> FloatArray:
        """(2,) the chin's lowest point."""
        return self.point(_CHIN)

    @property
    def interocular(self) -> float:
        """Pixels between the outer eye corners."""
        return float(np.linalg.norm(self.point(_RIGHT_EYE_OUTER) - self.point(_LEFT_EYE_OUTER)))

    @property
    def roll(self) -> float:
        """Radians by which the eye line is turned; positive is clockwise in the picture."""
        across = self.point(_RIGHT_EYE_OUTER) - self.point(_LEFT_EYE_OUTER)
        return float(np.arctan2(across[1], across[0]))


@dataclass(frozen=True, eq=False)
class Articulation:
    """What a mouth does over time, in ARKit channels sampled evenly.

    Attributes:
        values: (N, len(CHANNELS)) float32 in 0..1, columns in the order of ``CHANNELS``.
        rate: Steps per second.
        time: Seconds since the start of the speech; when step 0 is.
        voice: (N,) float32 in 0..1, how surely somebody speaks; zeros when unknown.
    """

    values: FloatArray
    rate: int
    time: Fraction = Fraction(0)
    voice: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(CHANNELS):
            raise ValueError(f"articulation is (N, {len(CHANNELS)}), not {self.values.shape}")
        if self.rate <= 0:
            raise ValueError(f"a rate is positive, not {self.rate}")
        if len(self.voice) == 0 and len(self.values):
            object.__setattr__(self, "voice", np.zeros(len(self.values), np.float32))
        if len(self.voice) != len(self.values):
            raise ValueError(f"{len(self.voice)} voice steps for {len(self.values)} steps")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def duration(self) -> Fraction:
        """Length in seconds."""
        return Fraction(len(self.values), self.rate)

    @property
    def end(self) -> Fraction:
        """Time of the step that would come next, in seconds."""
        return self.time + self.duration

    def channel(self, name: str) -> FloatArray:
        """(N,) one channel by its ARKit name."""
        return self.values[:, CHANNELS.index(name)]

    def at(self, time: Fraction | float) -> FloatArray:
        """(len(CHANNELS),) values at any time, linear between steps, held at both ends."""
        if not len(self.values):
            return np.zeros(len(CHANNELS), np.float32)
        step = min(max(float((time - self.time) * self.rate), 0.0), len(self.values) - 1.0)
        low = int(step)
        high = min(low + 1, len(self.values) - 1)
        weight = np.float32(step - low)
        mixed = (1 - weight) * self.values[low] + weight * self.values[high]
        return np.asarray(mixed, np.float32)


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels an engine wants in a frame.

    Attributes:
        pixels: (h, w, 4) uint8 RGBA, straight alpha; alpha says how much of the patch
            replaces the frame (it is not the transparency of the result).
        x: Column of the patch's left edge in the frame; may be negative.
        y: Row of the patch's top edge in the frame; may be negative.
        matte: (h, w) uint8 transparency of the result for frames that have alpha;
            None leaves the frame's own alpha as it is.
    """

    pixels: UInt8Array
    x: int
    y: int
    matte: UInt8Array | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 4:
            raise ValueError(f"a patch is (h, w, 4) uint8, not {shape} {self.pixels.dtype}")
        if self.matte is not None and self.matte.shape != shape[:2]:
            raise ValueError(f"a matte is {shape[:2]}, not {self.matte.shape}")
