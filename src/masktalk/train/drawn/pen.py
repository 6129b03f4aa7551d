"""Antialiased shapes in a head's own coordinates."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray, UInt8Array

_SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates
Points: TypeAlias = npt.NDArray[Any]
Colour: TypeAlias = npt.NDArray[Any]


def oval(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> Points:
    """Return (25, 2) points of an elliptic arc; degrees run clockwise from the right."""
    angles = np.deg2rad(np.linspace(start, end, 25))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Return the (4, 2) corners of a rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def curve(*knots: tuple[float, float]) -> Points:
    """Return (17, 2) points of the Bezier curve with three or four control points."""
    t = np.linspace(0, 1, 17)[:, None]
    p = np.array(knots, np.float64)
    if len(p) == 3:
        return np.asarray((1 - t) ** 2 * p[0] + 2 * t * (1 - t) * p[1] + t**2 * p[2])
    a, b, c, d = p
    return np.asarray(
        (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    )


def any_colour_like(colour: Colour, rng: np.random.Generator, spread: float) -> Colour:
    """Return a colour near another."""
    return np.asarray(np.clip(colour + rng.normal(0, spread, 3), 0, 255))


class Pen:
    """A square picture and the head that is drawn on it.

    Args:
        pixels: (S, S, 3) uint8 RGB, drawn upon in place.
        matrix: (2, 3) from head coordinates to pixels.
        yaw: Radians by which features move round the head.
        rng: Source of a hand's wobble.
        wobble: Standard deviation of it in head units.
    """

    def __init__(
        self,
        pixels: UInt8Array,
        matrix: FloatArray,
        yaw: float,
        rng: np.random.Generator,
        wobble: float = 0.0,
    ) -> None:
        self.pixels = pixels
        self.matrix = matrix
        self.yaw = yaw
        self.rng = rng
        self.wobble = wobble
        self.scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))

    def turned(self, points: Points) -> Points:
        """Move points of the face's surface round the head."""
        x = np.clip(points[:, 0] * 0.8, -0.97, 0.97)
        turned = np.sin(np.clip(np.arcsin(x) + self.yaw, -1.5, 1.5)) / 0.8
        return np.stack([turned, points[:, 1]], axis=1)

    def placed(self, points: Points, surface: bool = True) -> Points:
        """Return (N, 2) pixels of head coordinates."""
        points = self.turned(points) if surface else points
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2])

    def fill(
        self, points: Points, colour: Colour, alpha: float = 1.0, surface: bool = True
    ) -> None:
        """Fill a polygon."""
        fixed = self._fixed(points, surface)
        if alpha >= 1:
            cv2.fillPoly(self.pixels, [fixed], colour.tolist(), cv2.LINE_AA, _SHIFT)
            return
        over = self.pixels.copy()
        cv2.fillPoly(over, [fixed], colour.tolist(), cv2.LINE_AA, _SHIFT)
        cv2.addWeighted(over, alpha, self.pixels, 1 - alpha, 0, self.pixels)

    def stroke(
        self,
        points: Points,
        colour: Colour,
        width: float,
        closed: bool = False,
        surface: bool = True,
    ) -> None:
        """Draw a line of a width in head units."""
        fixed = self._fixed(points, surface)
        pixels = max(round(width * self.scale), 1)
        cv2.polylines(self.pixels, [fixed], closed, colour.tolist(), pixels, cv2.LINE_AA, _SHIFT)

    def shape(
        self,
        points: Points,
        colour: Colour,
        line: Colour | None,
        width: float,
        surface: bool = True,
    ) -> None:
        """Fill a polygon and draw its outline, if there is one."""
        self.fill(points, colour, surface=surface)
        if line is not None:
            self.stroke(points, line, width, closed=True, surface=surface)

    def _fixed(self, points: Points, surface: bool) -> npt.NDArray[np.int32]:
        if self.wobble:
            points = points + self.rng.normal(0, self.wobble, points.shape)
        return np.asarray(np.round(self.placed(points, surface) * (1 << _SHIFT)), np.int32)
