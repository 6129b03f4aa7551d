"""Sample a rotated square of an image as MediaPipe's CPU path does.

Positions are rounded to 1/32 pixel and results to 8 bits, which is what the networks'
recorded answers were made with; OpenCV's own ``warpPerspective`` rounds otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray, UInt8Array

_FRACTION_BITS = 5
_POSITIONS_PER_PX = 1 << _FRACTION_BITS
_BLOCK_PX = 64


@dataclass(frozen=True)
class Square:
    """A region of interest: a square that may be rotated and leave the image.

    Attributes:
        x: Its centre, pixels.
        y: Its centre, pixels.
        size: Length of a side, pixels.
        angle: Clockwise rotation in radians.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    @classmethod
    def letterbox(cls, width: int, height: int) -> Square:
        """Return the smallest upright square around a whole image."""
        return cls(width / 2, height / 2, max(width, height))

    def to_image(self, points: FloatArray) -> FloatArray:
        """Map (N, 2 or 3) fractions of the square to pixels; depth is scaled along."""
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        away = points[:, :2].astype(np.float32) - np.float32(0.5)
        size = np.float32(self.size)
        placed = np.empty(points.shape, np.float32)
        placed[:, 0] = (away[:, 0] * cos - away[:, 1] * sin) * size + np.float32(self.x)
        placed[:, 1] = (away[:, 0] * sin + away[:, 1] * cos) * size + np.float32(self.y)
        if points.shape[1] == 3:
            placed[:, 2] = points[:, 2] * size
        return placed


def sample_square(image: UInt8Array, square: Square, side: int, border: int) -> UInt8Array:
    """Return the (side, side, 3) pixels of a square of an (H, W, 3) uint8 image.

    Args:
        image: RGB.
        square: In pixels of the image.
        side: Pixels along a side of the result.
        border: OpenCV's border mode for what lies outside.
    """
    height, width = image.shape[:2]
    whole = (square.x, square.y, square.size, square.angle) == (side / 2, side / 2, side, 0)
    if whole and width == height == side:
        return image
    target = np.array([[0, side], [0, 0], [side, 0], [side, side]], np.float32)
    forward = cv2.getPerspectiveTransform(_corners(square), target)
    _, inverse = cv2.invert(forward)
    whole_px, fraction = _positions(np.asarray(inverse, np.float64), side)
    sampled = cv2.remap(
        image, whole_px, fraction, cv2.INTER_LINEAR, borderMode=border, borderValue=(0, 0, 0)
    )
    return np.asarray(sampled, np.uint8)


def sample_square_fast(image: UInt8Array, square: Square, side: int, border: int) -> UInt8Array:
    """Return nearly what ``sample_square`` does, in a third of its time.

    OpenCV's own affine warp differs by 1 or 2 levels at edges. That moves a mesh by up to
    0.002 inter-ocular distances, no more than the noise of the mesh network itself.

    Args:
        image: (H, W, 3) uint8 RGB.
        square: In pixels of the image.
        side: Pixels along a side of the result.
        border: OpenCV's border mode for what lies outside.
    """
    scale, half = square.size / side, square.size / 2
    cos, sin = np.cos(square.angle), np.sin(square.angle)
    to_image = np.array(
        [
            [cos * scale, -sin * scale, square.x - (cos - sin) * half],
            [sin * scale, cos * scale, square.y - (sin + cos) * half],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpAffine(image, to_image, (side, side), flags=flags, borderMode=border)
    return np.asarray(sampled, np.uint8)


def _corners(square: Square) -> FloatArray:
    """(4, 2) float32: bottom left, top left, top right, bottom right."""
    # The angle goes through degrees in single precision, as in cv::RotatedRect.
    degrees = np.float32(np.float32(square.angle) * np.float32(180) / np.float32(np.pi))
    radians = float(degrees) * np.pi / 180
    cos, sin = np.float32(np.cos(radians)) / 2, np.float32(np.sin(radians)) / 2
    x, y, size = (np.float32(value) for value in (square.x, square.y, square.size))
    first = (x - sin * size - cos * size, y + cos * size - sin * size)
    second = (x + sin * size - cos * size, y - cos * size - sin * size)
    opposite = [(2 * x - a, 2 * y - b) for a, b in (first, second)]
    return np.array([first, second, *opposite], np.float32)


def _positions(
    matrix: npt.NDArray[np.float64], side: int
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint16]]:
    """Return OpenCV's fixed-point maps of an inverse perspective matrix.

    Sums run along blocks of 64 columns as OpenCV's do: many sizes land exactly between two
    positions, and the last bit decides them.
    """
    starts, steps = np.arange(0.0, side, _BLOCK_PX), np.arange(float(_BLOCK_PX))
    rows = np.arange(float(side))[:, None]
    # In place wherever possible: fresh arrays of this size cost more than the arithmetic.
    sums = np.empty((3, side, len(starts), _BLOCK_PX))
    for m, each in zip(matrix, sums, strict=True):
        np.add((m[0] * starts + m[1] * rows + m[2])[..., None], m[0] * steps, out=each)
    x, y, w = sums.reshape(3, side, -1)[..., :side]
    scale = np.divide(_POSITIONS_PER_PX, w, out=w, where=w != 0)
    limits = np.iinfo(np.int16)
    whole = np.empty((side, side, 2), np.int16)
    fraction = np.zeros((side, side), np.uint16)
    for axis, positions, unit in ((0, x, 1), (1, y, _POSITIONS_PER_PX)):
        positions *= scale
        np.rint(positions, out=positions)
        bounds = limits.min * _POSITIONS_PER_PX, limits.max * _POSITIONS_PER_PX
        fixed = np.clip(positions, *bounds, out=positions).astype(np.int32)
        whole[..., axis] = fixed >> _FRACTION_BITS
        fraction += ((fixed & (_POSITIONS_PER_PX - 1)) * unit).astype(np.uint16)
    return whole, fraction
