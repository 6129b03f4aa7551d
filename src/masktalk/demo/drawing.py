"""A ninja and a cartoon face, drawn by code so that they may be shipped and changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.types import UInt8Array

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]

_SCALE = 4  # drawn this much larger, then averaged down: smooth edges


class Canvas:
    """A picture of ``width`` x ``height`` user units, drawn large and averaged down."""

    def __init__(self, width: int, height: int, top: Colour, bottom: Colour) -> None:
        rows = np.linspace(0, 1, height * _SCALE)[:, None, None]
        fill = (1 - rows) * np.array(top) + rows * np.array(bottom)
        self._size = (width, height)
        self._pixels = np.ascontiguousarray(
            np.broadcast_to(fill, (height * _SCALE, width * _SCALE, 3)).astype(np.float32)
        )

    def blob(self, points: Sequence[Point], colour: Colour, soft: float = 0.0) -> None:
        """Fill a closed smooth curve through ``points``; ``soft`` blurs its edge."""
        self._lay(self._filled(_smooth(points)), colour, soft)

    def polygon(self, points: Sequence[Point], colour: Colour, soft: float = 0.0) -> None:
        """Fill a polygon with straight edges."""
        self._lay(self._filled(np.array(points, float)), colour, soft)

    def ellipse(
        self, centre: Point, radii: Point, colour: Colour, soft: float = 0.0, tilt: float = 0.0
    ) -> None:
        """Fill an ellipse; ``tilt`` in degrees."""
        self._lay(self._oval(centre, radii, tilt), colour, soft)

    def line(
        self, points: Sequence[Point], colour: Colour, width: float, soft: float = 0.0
    ) -> None:
        """Draw an open smooth curve of one width with round ends."""
        curve = _smooth(points, closed=False)
        mask = self._blank()
        cv2.polylines(
            mask, [_fixed(curve)], False, (255,), round(width * _SCALE), cv2.LINE_AA, shift=4
        )
        self._lay(mask, colour, soft)

    def shade(self, inside: Sequence[Point], centre: Point, radii: Point, colour: Colour) -> None:
        """Draw a wide soft spot inside a closed curve."""
        spot = self._oval(centre, radii, 0.0).astype(np.float32) / 255
        within = self._filled(_smooth(inside)).astype(np.float32) / 255
        self._mix(_blurred(spot, min(radii) * _SCALE / 2.2) * within, colour)

    def grain(self, strength: float, seed: int = 1) -> None:
        """Add fine paper grain, so that flat areas are not sterile."""
        noise = np.random.default_rng(seed).normal(0, strength, self._pixels.shape[:2])
        self._pixels += cv2.GaussianBlur(noise, (0, 0), 2.0)[..., None].astype(np.float32) * 4

    def finish(self) -> UInt8Array:
        """Return the drawing, (height, width, 3) uint8 RGB."""
        small = cv2.resize(self._pixels, self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(np.clip(small + 0.5, 0, 255), np.uint8)

    def _blank(self) -> UInt8Array:
        return np.zeros(self._pixels.shape[:2], np.uint8)

    def _filled(self, curve: npt.NDArray[np.float64]) -> UInt8Array:
        mask = self._blank()
        cv2.fillPoly(mask, [_fixed(curve)], (255,), cv2.LINE_AA, shift=4)
        return mask

    def _oval(self, centre: Point, radii: Point, tilt: float) -> UInt8Array:
        angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
        turn = np.deg2rad(tilt)
        x, y = radii[0] * np.cos(angle), radii[1] * np.sin(angle)
        around = np.stack(
            [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1
        )
        return self._filled(around + np.array(centre))

    def _lay(self, mask: UInt8Array, colour: Colour, soft: float) -> None:
        weight: npt.NDArray[np.floating] = mask.astype(np.float32) / 255
        if soft:
            weight = _blurred(weight, soft * _SCALE)
        self._mix(weight, colour)

    def _mix(self, weight: npt.NDArray[np.floating], colour: Colour) -> None:
        rows, columns = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
        if not len(rows):
            return
        touched = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        below = self._pixels[touched]
        below += weight[touched][..., None] * (np.array(colour, np.float32) - below)


def mirrored(points: Sequence[Point], axis: float) -> list[Point]:
    """Mirror points, [(x, y)], at the vertical line x = ``axis``."""
    return [(2 * axis - x, y) for x, y in points]


def _smooth(points: Sequence[Point], closed: bool = True) -> npt.NDArray[np.float64]:
    """Return a Catmull-Rom curve (Catmull and Rom, 1974), 16 steps a span."""
    given = np.array(points, float)
    if closed:
        ring = np.concatenate([given[-1:], given, given[:2]])
    else:
        ring = np.concatenate([2 * given[:1] - given[1:2], given, 2 * given[-1:] - given[-2:-1]])
    t = np.linspace(0, 1, 16, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(ring, ring[1:], ring[2:], ring[3:], strict=False):
        spans.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2)
            + 0.5 * (3 * b - a - 3 * c + d) * t**3
        )
    if not closed:
        spans.append(given[-1:])
    return np.concatenate(spans)


def _blurred(weight: npt.NDArray[np.floating], sigma: float) -> npt.NDArray[np.floating]:
    """Blur with a Gaussian; wide ones at reduced size, which nobody can tell."""
    step = max(int(sigma / 4), 1)
    height, width = weight.shape
    small = cv2.resize(weight, (width // step, height // step), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _fixed(curve: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.asarray(np.round(curve * _SCALE * 16), np.int32)
