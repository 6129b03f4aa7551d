"""Square regions of a picture, turned and scaled, that the face networks look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from masktalk.types import FloatArray, UInt8Array


@dataclass(frozen=True)
class Roi:
    """A square in a picture.

    Attributes:
        x: Column of its centre in pixels.
        y: Row of its centre in pixels.
        size: Length of its side in pixels.
        angle: Radians by which it is turned; positive is clockwise in the picture.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def matrix(self, side: int) -> FloatArray:
        """(2, 3) affine map from a crop of ``side`` x ``side`` pixels to the picture."""
        scale = self.size / side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        half = side / 2
        return np.array(
            [
                [cos, -sin, self.x - cos * half + sin * half],
                [sin, cos, self.y - sin * half - cos * half],
            ],
            np.float32,
        )

    def crop(self, pixels: UInt8Array, side: int, border: int = cv2.BORDER_REPLICATE) -> UInt8Array:
        """(side, side, C) the region upright; pixels outside the picture are ``border``."""
        shrink = max(1, min(8, int(self.size / side)))
        matrix = self.matrix(side * shrink)
        # warpAffine puts pixel centres on whole numbers, the matrix puts them on halves.
        matrix[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
        crop = cv2.warpAffine(
            pixels,
            matrix,
            (side * shrink, side * shrink),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )
        if shrink > 1:
            crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(crop, np.uint8)

    def to_picture(self, points: FloatArray) -> FloatArray:
        """(N, 2|3) points of the crop, normalised to 0..1, in pixels of the picture.

        A third coordinate is scaled along.
        """
        matrix = self.matrix(1)
        placed = points.astype(np.float32, copy=True)
        placed[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        if points.shape[1] == 3:
            placed[:, 2] *= self.size
        return placed

    def nudged(self, right: float, down: float, scale: float, turn: float) -> Roi:
        """Return it moved by fractions of its size, scaled by a factor and turned by radians."""
        return replace(
            self,
            x=self.x + right * self.size,
            y=self.y + down * self.size,
            size=self.size * scale,
            angle=self.angle + turn,
        )


def roi_around(points: FloatArray, left: FloatArray, right: FloatArray, scale: float) -> Roi:
    """Return the square around (N, 2+) points, turned so that ``left`` to ``right`` is level.

    ``scale`` times the longer side of the points' bounding box along those axes.
    """
    across = right[:2] - left[:2]
    angle = float(np.arctan2(across[1], across[0]))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]], np.float32)
    level = points[:, :2] @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    x, y = turn.T @ ((low + high) / 2)
    return Roi(float(x), float(y), float((high - low).max()) * scale, angle)


def overlap(a: FloatArray, b: FloatArray) -> float:
    """Intersection over union of the bounding boxes of two (N, 2+) sets of points."""
    low = np.maximum(a[:, :2].min(axis=0), b[:, :2].min(axis=0))
    high = np.minimum(a[:, :2].max(axis=0), b[:, :2].max(axis=0))
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = sum(float(np.prod(np.ptp(points[:, :2], axis=0))) for points in (a, b))
    return shared / max(areas - shared, 1e-9)
