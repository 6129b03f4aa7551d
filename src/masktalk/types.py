"""Shared data types: frames, audio, faces, blendshape weights and patches.

Each carries its own time and checks its shape when it is made. Times are exact:
``fractions.Fraction`` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.landmarks import (
    CHIN,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    MESH_LANDMARKS,
    MOUTH,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
)

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.floating]

MouthState: TypeAlias = Literal["open", "closed", "occluded"]
#: In the order of the codes in ``faces.npz`` of an avatar.
MOUTH_STATES: tuple[MouthState, ...] = ("open", "closed", "occluded")

#: Progress callback of a long operation: its stage, the units done and the units in all
#: (None when unknown).
Progress: TypeAlias = Callable[[str, int, "int | None"], None]


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignore progress: the no-op callback."""
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


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a stream and its time.

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
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @property
    def has_alpha(self) -> bool:
        """True for RGBA frames."""
        return bool(self.pixels.shape[2] == 4)

    def at(self, time: Fraction) -> Frame:
        """Return the same pixels at another time in seconds."""
        return Frame(self.pixels, time)

    def region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:
        """Return the (bottom - top, right - left, 3|4) uint8 pixels of a rectangle.

        The result must not be written to. Cheaper than ``pixels`` on frames of an avatar.

        Args:
            left: First column, at least 0.
            top: First row, at least 0.
            right: Column after the last, at most the width.
            bottom: Row after the last, at most the height.
        """
        return self.pixels[top:bottom, left:right]

    def with_region(self, left: int, top: int, pixels: UInt8Array) -> Frame:
        """Return a frame whose rectangle at (left, top) is replaced.

        Cheaper than changing a copy of ``pixels`` on frames of an avatar.

        Args:
            left: First column, at least 0.
            top: First row, at least 0.
            pixels: (h, w, 3|4) uint8, inside the frame, as many channels as it has.
        """
        changed = self.pixels.copy()
        changed[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return Frame(changed, self.time)


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono audio samples at a sample rate.

    Attributes:
        samples: (N,) float32 in [-1, 1]; N may be 0.
        sample_rate: Samples per second.
        time: Time of the first sample in seconds since the start of the stream.
    """

    samples: FloatArray
    sample_rate: int
    time: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1:
            raise ValueError(
                f"audio is (N,) float32, not {self.samples.shape} {self.samples.dtype}"
            )
        if self.sample_rate <= 0:
            raise ValueError(f"a sample rate is positive, not {self.sample_rate}")

    @property
    def duration(self) -> Fraction:
        """Length in seconds."""
        return Fraction(len(self.samples), self.sample_rate)

    @property
    def end(self) -> Fraction:
        """Time just after the last sample, in seconds."""
        return self.time + self.duration


@dataclass(frozen=True, eq=False)
class Face:
    """A face in one frame: its mesh and the state of its mouth.

    Attributes:
        mesh: (478, 3) float32, MediaPipe's canonical topology with irises; x and y
            in pixels from the frame's top left, z in the same unit, smaller is nearer.
        located_by: Name of the locator that found it.
        confidence: 0 to 1.
        mouth_state: ``open``, ``closed`` or ``occluded`` by something.
        time: Seconds since the start of the stream.
        evidence: What the verdict on the mouth rests on, in words; may be empty.
    """

    mesh: FloatArray
    located_by: str
    confidence: float
    mouth_state: MouthState
    time: Fraction = Fraction(0)
    evidence: str = ""

    def __post_init__(self) -> None:
        if self.mesh.shape != (MESH_LANDMARKS, 3) or self.mesh.dtype != np.float32:
            raise ValueError(
                f"a mesh is ({MESH_LANDMARKS}, 3) float32, not {self.mesh.shape} {self.mesh.dtype}"
            )
        if not np.isfinite(self.mesh).all():
            raise ValueError("a mesh has finite coordinates")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"a confidence lies in 0..1, not {self.confidence}")
        if self.mouth_state not in MOUTH_STATES:
            raise ValueError(f"a mouth is one of {MOUTH_STATES}, not {self.mouth_state!r}")

    def point(self, index: int) -> FloatArray:
        """Return the (2,) x, y of a mesh landmark in pixels."""
        return self.mesh[index, :2]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Bounding box x0, y0, x1, y1 of the mesh in pixels; may leave the frame."""
        x0, y0 = self.mesh[:, :2].min(axis=0)
        x1, y1 = self.mesh[:, :2].max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def left_corner(self) -> FloatArray:
        """Mouth corner on the image's left, (2,) pixels."""
        return self.point(LEFT_MOUTH_CORNER)

    @property
    def right_corner(self) -> FloatArray:
        """Mouth corner on the image's right, (2,) pixels."""
        return self.point(RIGHT_MOUTH_CORNER)

    @property
    def mouth(self) -> FloatArray:
        """Mean of the mouth corners and the inner lips' middles, (2,) pixels."""
        four = self.mesh[list(MOUTH), :2]
        return np.asarray(four.mean(axis=0), np.float32)

    @property
    def chin(self) -> FloatArray:
        """Lowest landmark of the chin, (2,) pixels."""
        return self.point(CHIN)

    @property
    def interocular(self) -> float:
        """Inter-ocular distance: pixels between the outer eye corners."""
        return float(np.linalg.norm(self.point(RIGHT_EYE_OUTER) - self.point(LEFT_EYE_OUTER)))

    @property
    def roll(self) -> float:
        """Roll of the line between the eyes in radians; positive is clockwise."""
        across = self.point(RIGHT_EYE_OUTER) - self.point(LEFT_EYE_OUTER)
        return float(np.arctan2(across[1], across[0]))


@dataclass(frozen=True, eq=False)
class Occlusion:
    """The occlusion matte of one frame: what lies before the face.

    Attributes:
        x: Column of the matte's left edge in the frame.
        y: Row of its top edge.
        alpha: (h, w) uint8, 255 where the occluder is; none lies outside.
        mouth_share: 0..1, how much the speaking mouth shows: 1 where enough of it is bare, 0
            where it is hidden, in between while one fades into the other.
        hidden_share: 0..1, how much of the lower face is hidden.
    """

    x: int
    y: int
    alpha: UInt8Array
    mouth_share: float
    hidden_share: float


@dataclass(frozen=True, eq=False)
class Articulation:
    """ARKit blendshape weights over time, evenly sampled.

    ``len`` counts steps; a slice of consecutive steps is an articulation again.

    Attributes:
        values: (N, len(CHANNELS)) float32 in 0..1, columns in the order of ``CHANNELS``.
        frame_rate: Steps per second.
        time: Time of step 0 in seconds since the start of the speech.
        voice: (N,) float32 in 0..1, probability of speech; zeros when unknown.
    """

    values: FloatArray
    frame_rate: int
    time: Fraction = Fraction(0)
    voice: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(CHANNELS):
            raise ValueError(f"articulation is (N, {len(CHANNELS)}), not {self.values.shape}")
        if self.frame_rate <= 0:
            raise ValueError(f"a frame rate is positive, not {self.frame_rate}")
        if len(self.voice) == 0 and len(self.values):
            object.__setattr__(self, "voice", np.zeros(len(self.values), np.float32))
        if len(self.voice) != len(self.values):
            raise ValueError(f"{len(self.voice)} voice steps for {len(self.values)} steps")

    @classmethod
    def empty(cls, frame_rate: int = 100, time: Fraction = Fraction(0)) -> Articulation:
        """Return an articulation of no steps.

        Args:
            frame_rate: Steps per second.
            time: Time in seconds of the step that would come next.
        """
        return cls(np.zeros((0, len(CHANNELS)), np.float32), frame_rate, time)

    @classmethod
    def concat(cls, parts: Sequence[Articulation]) -> Articulation:
        """Return consecutive articulations as one, empty ones left out.

        Args:
            parts: In order, each beginning where the one before it ends. The result has the
                time of the first that is not empty.

        Raises:
            ValueError: Their frame rates differ.
        """
        full = [part for part in parts if len(part)]
        if not full:
            return parts[0] if parts else cls.empty()
        first = full[0]
        if len(full) == 1:
            return first
        if any(part.frame_rate != first.frame_rate for part in full):
            raise ValueError("articulations of one stream have one frame rate")
        return cls(
            np.concatenate([part.values for part in full]),
            first.frame_rate,
            first.time,
            np.concatenate([part.voice for part in full]),
        )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, steps: slice) -> Articulation:
        begin, end, stride = steps.indices(len(self))
        if stride != 1:
            raise ValueError("an articulation is sliced in consecutive steps")
        time = self.time + Fraction(begin, self.frame_rate)
        return Articulation(self.values[begin:end], self.frame_rate, time, self.voice[begin:end])

    @property
    def duration(self) -> Fraction:
        """Length in seconds."""
        return Fraction(len(self.values), self.frame_rate)

    @property
    def end(self) -> Fraction:
        """Time of the step that would come next, in seconds."""
        return self.time + self.duration

    def channel(self, name: str) -> FloatArray:
        """Return the (N,) weights of a channel in 0..1, by its ARKit name."""
        return self.values[:, CHANNELS.index(name)]

    def at(self, time: Fraction | float) -> FloatArray:
        """Interpolate the weights at a time.

        Args:
            time: Seconds since the start of the speech; before the first step and after the
                last the nearest one holds.

        Returns:
            (len(CHANNELS),) float32 in 0..1; zeros when there are no steps.
        """
        if not len(self.values):
            return np.zeros(len(CHANNELS), np.float32)
        step = min(max(float((time - self.time) * self.frame_rate), 0.0), len(self.values) - 1.0)
        low = int(step)
        high = min(low + 1, len(self.values) - 1)
        weight = np.float32(step - low)
        mixed = (1 - weight) * self.values[low] + weight * self.values[high]
        return np.asarray(mixed, np.float32)


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels that an engine composites over a frame.

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
