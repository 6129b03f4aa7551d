"""Square of the picture that the renderer sees, and the face in it as the 3DMM network wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from masktalk.landmarks import IBUG_68
from masktalk.types import Face, FloatArray, UInt8Array

Points: TypeAlias = npt.NDArray[np.float64]
CropMode: TypeAlias = Literal["crop", "extcrop", "resize", "full", "extfull"]

#: Left and right eye, nose tip and mouth corners of the 3DMM's mean face (Deng et al. 2019):
#: x to the right, y up, z towards the viewer.
FACE_MODEL_5: Points = np.array(
    [
        [-0.3114865720272064, 0.29036077857017517, 0.13377952575683594],
        [0.30979886651039124, 0.289720356464386, 0.1317952573299408],
        [0.003253498813137412, -0.04617932438850403, 0.5524424314498901],
        [-0.25216928124427795, -0.3813391625881195, 0.22405731678009033],
        [0.24846619367599487, -0.38128235936164856, 0.22235769033432007],
    ]
)
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)
_NOSE_TIP, _LEFT_MOUTH, _RIGHT_MOUTH = 30, 48, 54

#: Size of the square about a face: in eye distances, and in eye-to-mouth distances.
_EYE_SPANS, _MOUTH_SPANS, _MOUTH_SHIFT = 2.0, 1.8, 0.1
#: The extended square's border, in sides of the square, and its fewest pixels.
_BORDER_SHARE, _MIN_BORDER_PX = 0.1, 3
#: Side in pixels from which the reference halves, thirds... the picture first.
_SHRINK_FROM_PX = 1024

#: The aligned picture: its side in pixels, and the face's size in it.
ALIGNED_PX = 224
_ALIGNED_FACE_PX = 102.0


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture; it may leave the picture.

    Attributes:
        x: Left column.
        y: Top row.
        width: Pixels.
        height: Pixels.
    """

    x: int
    y: int
    width: int
    height: int


def face_points(face: Face) -> Points:
    """Return the (68, 2) iBUG 300-W landmarks of a face in pixels."""
    return np.asarray(face.mesh[list(IBUG_68), :2], np.float64)


def five_points(points: Points) -> Points:
    """Return (5, 2) eye centres, nose tip and mouth corners of (68, 2) landmarks."""
    eyes = [(points[[36, 39]]).mean(axis=0), (points[[42, 45]]).mean(axis=0)]
    return np.stack([*eyes, *points[[_NOSE_TIP, _LEFT_MOUTH, _RIGHT_MOUTH]]])


@dataclass(frozen=True, eq=False)
class FaceSquare:
    """The square that is aligned with a face (Karras et al. 2018, appendix C).

    Attributes:
        centre: (2,) in pixels.
        half: (2,) half of the side from left to right.
    """

    centre: Points
    half: Points

    @classmethod
    def around(cls, points: Points) -> FaceSquare:
        """Return the square about (68, 2) landmarks in pixels."""
        left, right = points[_LEFT_EYE].mean(axis=0), points[_RIGHT_EYE].mean(axis=0)
        eyes, across = (left + right) / 2, right - left
        down = (points[_LEFT_MOUTH] + points[_RIGHT_MOUTH]) / 2 - eyes
        axis = across + np.array([down[1], -down[0]])
        axis /= np.hypot(*axis)
        half = axis * max(_EYE_SPANS * np.hypot(*across), _MOUTH_SPANS * np.hypot(*down))
        return cls(eyes + _MOUTH_SHIFT * down, half)

    @property
    def side(self) -> float:
        """Length of a side in pixels."""
        return float(2 * np.hypot(*self.half))

    @property
    def corners(self) -> Points:
        """(4, 2) upper left, lower left, lower right, upper right."""
        down = np.array([-self.half[1], self.half[0]])
        signs = ((-1, -1), (-1, 1), (1, 1), (1, -1))
        return np.stack([self.centre + a * self.half + b * down for a, b in signs])


def head_region(points: Points, size: tuple[int, int], mode: CropMode) -> Region:
    """Return the square of a picture that holds the head.

    It may leave the picture, so that a face near an edge keeps its shape; ``resize`` takes
    the whole picture, whatever its shape.

    Args:
        points: (68, 2) landmarks in pixels.
        size: Width and height of the picture.
        mode: See `CropMode`; the ``ext`` modes have a border.
    """
    if mode == "resize":
        return Region(0, 0, *size)
    square = FaceSquare.around(points)
    reach = float(np.abs(square.half).sum())  # upright square about the one that is turned
    if mode.startswith("ext"):
        reach += max(round(_BORDER_SHARE * square.side), _MIN_BORDER_PX)
    side = max(round(2 * reach), 2)
    x, y = np.rint(square.centre - side / 2).astype(int)
    return Region(int(x), int(y), side, side)


@dataclass(frozen=True, eq=False)
class UpstreamCrop:
    """The reference's crop, with its faults at the edges.

    Attributes:
        resized: Width and height that the picture is resized to first.
        crop: x0, y0, x1, y1 of the extended box in the resized picture.
        quad: x0, y0, x1, y1 of the inner box in the extended one.
    """

    resized: tuple[int, int]
    crop: tuple[int, int, int, int]
    quad: tuple[float, float, float, float]

    @classmethod
    def around(cls, points: Points, size: tuple[int, int]) -> UpstreamCrop:
        """Return the crop about (68, 2) landmarks in a picture of a width and height."""
        square = FaceSquare.around(points)
        corners, side = square.corners, square.side
        shrink = int(side // _SHRINK_FROM_PX)
        width, height = size
        if shrink > 1:
            width, height = round(width / shrink), round(height / shrink)
            corners, side = corners / shrink, side / shrink
        border = max(round(_BORDER_SHARE * side), _MIN_BORDER_PX)
        low = np.floor(corners.min(axis=0)).astype(int) - border
        high = np.ceil(corners.max(axis=0)).astype(int) + border
        x0, y0 = np.maximum(low, 0)
        x1, y1 = np.minimum(high, (width, height))
        if x1 - x0 < width or y1 - y0 < height:
            corners = corners - (x0, y0)
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners + 0.5
        quad = (
            max(min(ax, bx), 0.0),
            max(min(ay, dy), 0.0),
            min(max(cx, dx), float(width)),
            min(max(by, cy), float(width)),  # the width, as the reference has it
        )
        return cls((width, height), (int(x0), int(y0), int(x1), int(y1)), quad)

    def claimed(self) -> tuple[int, int]:
        """Return the width and height of the inner box as the reference computes them."""
        left, top, right, bottom = map(int, self.quad)
        return right - left, bottom - top

    def region(self, mode: CropMode) -> Region:
        """Return what is cut out of the resized picture."""
        if mode == "resize":
            return Region(0, 0, *self.resized)
        x0, y0, x1, y1 = self.crop
        if not mode.startswith("ext"):
            left, top, right, bottom = map(int, self.quad)
            x1, y1 = min(x0 + right, x1), min(y0 + bottom, y1)
            x0, y0 = x0 + left, y0 + top
        return Region(x0, y0, x1 - x0, y1 - y0)


def cut_out(picture: UInt8Array, region: Region, size: tuple[int, int]) -> UInt8Array:
    """Return a region of a picture, resized to (h, w, 3).

    What lies outside the picture is filled with its nearest pixels; a region of more than
    twice the size is averaged, so that nothing aliases.

    Args:
        picture: (H, W, 3) uint8.
        region: See there.
        size: Width and height of the result.
    """
    height, width = picture.shape[:2]
    rows = np.clip(np.arange(region.y, region.y + region.height), 0, height - 1)
    columns = np.clip(np.arange(region.x, region.x + region.width), 0, width - 1)
    cut = np.ascontiguousarray(picture[rows[:, None], columns])
    shrinks = region.width > 2 * size[0] or region.height > 2 * size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(cut, size, interpolation=how), np.uint8)


def points_in(points: FloatArray, region: Region, size: tuple[int, int]) -> Points:
    """Return (N, 2) points of the picture in a region that is resized.

    Args:
        points: (N, 2) in pixels of the picture.
        region: See there.
        size: Width and height that the region is resized to.
    """
    scale = np.array(size) / (region.width, region.height)
    return np.asarray((points - (region.x, region.y)) * scale, np.float64)


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """A face as the 3DMM network takes it.

    Attributes:
        image: (224, 224, 3) RGB uint8, black outside the picture.
        placement: (3,) scale and position of the face in the picture it is cut from.
    """

    image: UInt8Array
    placement: FloatArray


def align_face(picture: UInt8Array, points: Points) -> AlignedFace:
    """Scale and shift a picture so that five points lie where the mean face's do.

    Args:
        picture: (256, 256, 3) RGB uint8.
        points: (5, 2) in pixels, y down; see ``five_points``.
    """
    height, width = picture.shape[:2]
    scale, shift = fit_face(np.stack([points[:, 0], height - 1 - points[:, 1]], axis=1))
    wide, high = int(width * scale), int(height * scale)
    left = int(_offset(width, scale, shift[0] - width / 2))
    up = int(_offset(height, scale, height / 2 - shift[1]))
    resized = Image.fromarray(picture).resize((wide, high), Image.Resampling.BICUBIC)
    cut = resized.crop((left, up, left + ALIGNED_PX, up + ALIGNED_PX))
    placement = np.array([scale, *shift], np.float32)
    return AlignedFace(np.asarray(cut, np.uint8), placement)


def _offset(size: int, scale: float, shift: float) -> float:
    """Return where the aligned picture begins in the scaled one, along one axis."""
    return size * scale / 2 - ALIGNED_PX / 2 + shift * scale


def fit_face(points: Points) -> tuple[float, Points]:
    """Fit the mean face to five points under scaled orthographic projection.

    Args:
        points: (5, 2) in pixels, y up.

    Returns:
        The scale that brings the face to its size in the aligned picture, and the (2,)
        position of its origin.
    """
    model = np.concatenate([FACE_MODEL_5, np.ones((len(FACE_MODEL_5), 1))], axis=1)
    solution = np.linalg.lstsq(model, points, rcond=None)[0]
    lengths = np.linalg.norm(solution[:3], axis=0)
    return float(2 * _ALIGNED_FACE_PX / lengths.sum()), solution[3]
