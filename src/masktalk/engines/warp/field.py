"""Smooth displacement fields through moved points, on a coarse grid that lies on the face.

Fields interpolate their points with the kernel sqrt(r^2 + e^2) plus a constant (Hardy's
multiquadric, "Multiquadric equations of topography", JGR 1971). The points' places are
the avatar's; only their displacements change from frame to frame, so a field is one
product of a matrix made once with the displacements, and it is turned round by a few
fixed-point steps.

Places are on the face's plane: x to the picture's right and y down of the upright face,
in distances between the outer eye corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.numerics import smoothstep
from masktalk.types import FloatArray, UInt8Array

#: Nodes per eye distance.
DENSITY = 26
_SOFTNESS = 0.05  # e, in eye distances
_RELAX = 0.0005  # how far the field may miss a point, for points that nearly coincide
_STEPS = 4  # of the fixed point


@dataclass(frozen=True, eq=False)
class PlaneGrid:
    """A coarse grid on the face's plane.

    Attributes:
        left: x of the first column.
        top: y of the first row.
        columns: Nodes across.
        rows: Nodes down.
    """

    left: float
    top: float
    columns: int
    rows: int

    @classmethod
    def around(cls, outline: FloatArray) -> PlaneGrid:
        """Return a grid that holds an outline (P, 2) and one cell more on each side."""
        low = np.floor(outline.min(axis=0) * DENSITY) - 1
        high = np.ceil(outline.max(axis=0) * DENSITY) + 1
        columns, rows = (high - low).astype(int) + 1
        return cls(float(low[0]) / DENSITY, float(low[1]) / DENSITY, int(columns), int(rows))

    def nodes(self) -> FloatArray:
        """(rows * columns, 2) places of the nodes."""
        both = np.empty((self.rows, self.columns, 2), np.float32)
        both[..., 0] = self.left + np.arange(self.columns, dtype=np.float32) / DENSITY
        both[..., 1] = (self.top + np.arange(self.rows, dtype=np.float32) / DENSITY)[:, None]
        return both.reshape(-1, 2)

    def index(self, places: FloatArray) -> FloatArray:
        """(..., 2) column and row, with fractions, of places (..., 2)."""
        corner = np.array([self.left, self.top], np.float32)
        return np.asarray((places - corner) * np.float32(DENSITY), np.float32)

    def window(self, outline: FloatArray, margin: float) -> FloatArray:
        """(rows, columns) 1 inside an outline (P, 2), smoothly 0 at it over ``margin``."""
        inside: UInt8Array = np.zeros((self.rows, self.columns), np.uint8)
        cv2.fillPoly(inside, [np.round(self.index(outline)).astype(np.int32)], (1,))
        inside[[0, -1]] = 0
        inside[:, [0, -1]] = 0
        away = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / (margin * DENSITY)
        return smooth_step(np.asarray(away, np.float32))


def kernel(places: FloatArray, sites: FloatArray) -> FloatArray:
    """(N, K) multiquadric between places (N, 2) and sites (K, 2)."""
    middle = sites.mean(axis=0)
    a, b = places - middle, sites - middle
    squared = a @ (-2.0 * b.T)
    squared += (a * a).sum(axis=1)[:, None] + ((b * b).sum(axis=1) + _SOFTNESS**2)
    np.maximum(squared, _SOFTNESS**2, out=squared)
    return np.asarray(np.sqrt(squared, out=squared), np.float32)


def interpolation(places: FloatArray, sites: FloatArray) -> FloatArray:
    """(N, K) matrix that takes displacements of sites (K, 2) to displacements of places (N, 2)."""
    count = len(sites)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = -kernel(sites, sites)
    system[range(count), range(count)] += _RELAX
    system[count, :count] = system[:count, count] = 1.0
    answers = np.ones((len(places), count + 1), np.float32)
    answers[:, :count] = -kernel(places, sites)
    solved = np.linalg.solve(system, answers.T.astype(np.float64))
    return np.ascontiguousarray(solved[:count].T, np.float32)


def smooth_step(t: FloatArray) -> FloatArray:
    """Interpolate (N,) or (H, W) values smoothly: 0 below 0, 1 above 1 (cubic Hermite)."""
    return np.asarray(smoothstep(t), np.float32)


def sample(field: FloatArray, at: FloatArray, outside: float | None = None) -> FloatArray:
    """Return a (rows, columns[, C]) field at (h, w, 2) columns and rows, linear between nodes.

    Beyond its edge a field goes on as it is there, or takes the value ``outside``.
    """
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    value = (outside or 0.0,) * 4
    return np.asarray(
        cv2.remap(
            field, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=border, borderValue=value
        ),
        np.float32,
    )


def invert_displacement(forward: FloatArray, at: FloatArray, steps: int = _STEPS) -> FloatArray:
    """Invert a displacement field at positions ``at``.

    Fixed-point iteration x <- y - f(x), which converges while f is less steep than 1.

    Args:
        forward: (rows, columns, 2) displacement on the grid, counted in nodes.
        at: (h, w, 2) columns and rows in the result.
        steps: Of the iteration; the steeper the field, the more it takes.

    Returns:
        (h, w, 2) columns and rows in the source.
    """
    source = at
    for _ in range(steps):
        source = at - sample(forward, source)
    return source


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """A coarse grid over an upright rectangle of a frame.

    Attributes:
        x: Column of the rectangle's left edge.
        y: Row of its top edge.
        step: Pixels between nodes.
        columns: Nodes across.
        rows: Nodes down.
    """

    x: int
    y: int
    step: int
    columns: int
    rows: int

    @classmethod
    def over(cls, points: FloatArray, unit: float) -> PixelGrid:
        """Return a grid that covers points (P, 2) where an eye distance is ``unit`` pixels."""
        step = max(round(unit / DENSITY), 1)
        x0, y0 = np.floor(points.min(axis=0)).astype(int)
        x1, y1 = np.ceil(points.max(axis=0)).astype(int)
        return cls(int(x0), int(y0), step, int(x1 - x0) // step + 1, int(y1 - y0) // step + 1)

    @property
    def width(self) -> int:
        """Pixels that the grid answers for, across."""
        return self.columns * self.step

    @property
    def height(self) -> int:
        """Pixels that the grid answers for, down."""
        return self.rows * self.step

    def part(self, rows: slice, columns: slice) -> PixelGrid:
        """Return the rectangle of some of its nodes, slices with a start and a stop."""
        return PixelGrid(
            self.x + columns.start * self.step,
            self.y + rows.start * self.step,
            self.step,
            columns.stop - columns.start,
            rows.stop - rows.start,
        )

    def nodes(self) -> FloatArray:
        """(rows, columns, 2) pixel positions of the nodes, in the middle of their cells."""
        middle = (self.step - 1) / 2
        both = np.empty((self.rows, self.columns, 2), np.float32)
        both[..., 0] = self.x + middle + self.step * np.arange(self.columns, dtype=np.float32)
        down = self.y + middle + self.step * np.arange(self.rows, dtype=np.float32)
        both[..., 1] = down[:, None]
        return both

    def spread(self, coarse: FloatArray) -> FloatArray:
        """Interpolate a (rows, columns) or (rows, columns, C) field linearly at every pixel."""
        size = (self.width, self.height)
        return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)

    def sources(
        self, shift: FloatArray, rows: slice | None = None, columns: slice | None = None
    ) -> FloatArray:
        """Return (height, width, 2) columns and rows in the frame that pixels are taken from.

        Args:
            shift: (rows, columns, 2) pixels from result to source on the nodes.
            rows: Of the pixels that are asked for; all by default.
            columns: The same across.
        """
        step, limits = self.step, ((rows, self.height), (columns, self.width))
        asked = [part or slice(0, size) for part, size in limits]
        # Nodes that hold what is asked for, one more on each side; they are a step apart, and
        # beyond the grid's edge the shift goes on as it is there.
        first = [part.start // step - 1 for part in asked]
        count = [
            -(-part.stop // step) + 1 - begin for part, begin in zip(asked, first, strict=True)
        ]
        index = [
            np.clip(np.arange(begin, begin + size), 0, most - 1)
            for begin, size, most in zip(first, count, (self.rows, self.columns), strict=True)
        ]
        middle = (step - 1) / 2
        places = shift[np.ix_(*index)]
        places[..., 0] += (
            self.x + middle + step * np.arange(first[1], first[1] + count[1], dtype=np.float32)
        )
        down = self.y + middle + step * np.arange(first[0], first[0] + count[0], dtype=np.float32)
        places[..., 1] += down[:, None]
        size = (count[1] * step, count[0] * step)
        spread = cv2.resize(places, size, interpolation=cv2.INTER_LINEAR)
        top, left = (part.start - begin * step for part, begin in zip(asked, first, strict=True))
        height, width = (part.stop - part.start for part in asked)
        return np.asarray(spread[top : top + height, left : left + width], np.float32)
