"""Orientation and pixel aspect of stored pictures."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from masktalk.types import UInt8Array


@dataclass(frozen=True)
class Orientation:
    """Orientation of stored pixels: mirrored left-right first, then rotated.

    Attributes:
        mirrored: Whether to mirror left-right first.
        quarters: Quarter turns counter-clockwise, 0 to 3.
    """

    mirrored: bool = False
    quarters: int = 0

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Read the display matrix (ISO/IEC 14496-12, 8.5.2) that comes with a frame."""
        sides: Any = frame.side_data
        for side in sides:
            if side.type.name == "DISPLAYMATRIX":
                return cls.from_matrix(np.frombuffer(bytes(side), np.int32))
        return cls()

    @classmethod
    def from_matrix(cls, matrix: np.ndarray[Any, np.dtype[np.int32]]) -> Orientation:
        """Return the nearest of the eight upright orientations to a (3, 3) display matrix."""
        a, b, _, c, d, _ = (float(value) for value in matrix[:6])
        mirrored = a * d - b * c < 0
        if mirrored:
            a, b = -a, -b
        turned = np.degrees(np.arctan2(-b, a))
        return cls(mirrored, int(np.rint(turned / 90)) % 4)

    @property
    def swaps(self) -> bool:
        """Return whether width and height are exchanged."""
        return self.quarters % 2 == 1

    def apply(self, pixels: UInt8Array) -> UInt8Array:
        """(H, W) or (H, W, C) turned upright."""
        if self.mirrored:
            pixels = pixels[:, ::-1]
        return np.rot90(pixels, self.quarters)


@dataclass(frozen=True)
class Layout:
    """Orientation and pixel aspect of stored pictures.

    Attributes:
        size: (width, height) in square pixels, before turning.
        orientation: How to turn them then.
    """

    size: tuple[int, int]
    orientation: Orientation = Orientation()

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        return self.size[::-1] if self.orientation.swaps else self.size


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height in square pixels for a stored size and its sample aspect ratio."""
    if not aspect or aspect == 1 or not Fraction(1, 8) <= aspect <= 8:
        return width, height
    return max(round(width * aspect), 1), height
