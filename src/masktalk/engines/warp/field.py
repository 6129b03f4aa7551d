"""Smooth displacement fields through moved points, and the maps that apply them.

The field interpolates its points with the kernel sqrt(r^2 + e^2) (Hardy's multiquadric,
"Multiquadric equations of topography", JGR 1971) plus a constant. It is built on the
points where they end up, so it maps a pixel of the result straight to its source: nothing
has to be inverted, and a lip line lands exactly where it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.types import FloatArray, UInt8Array

_SOFTNESS = 0.05  # e, in eye distances
_RELAX = 0.004  # how far the field may miss a point, for points that nearly coincide


@dataclass(frozen=True, eq=False)
class Grid:
    """A coarse grid over a rectangle of a frame.

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
    def over(cls, box: tuple[float, float, float, float], step: int) -> Grid:
        """A grid that covers x0, y0, x1, y1."""
        x0, y0 = int(np.floor(box[0])), int(np.floor(box[1]))
        columns = int(np.ceil((box[2] - x0) / step)) + 1
        rows = int(np.ceil((box[3] - y0) / step)) + 1
        return cls(x0, y0, step, columns, rows)

    @property
    def width(self) -> int:
        """Pixels that the grid answers for, across."""
        return self.columns * self.step

    @property
    def height(self) -> int:
        return self.rows * self.step

    def nodes(self) -> FloatArray:
        """(rows * columns, 2) pixel positions of the nodes, at the centres of their cells."""
        centre = (self.step - 1) / 2
        across = self.x + centre + self.step * np.arange(self.columns, dtype=np.float32)
        down = self.y + centre + self.step * np.arange(self.rows, dtype=np.float32)
        both = np.empty((self.rows, self.columns, 2), np.float32)
        both[..., 0] = across
        both[..., 1] = down[:, None]
        return both.reshape(-1, 2)

    def spread(self, coarse: FloatArray) -> FloatArray:
        """A (rows, columns[, C]) field on the nodes, linear between them, at every pixel."""
        size = (self.width, self.height)
        return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)


def kernel(nodes: FloatArray, sites: FloatArray, unit: float) -> FloatArray:
    """(N, K) multiquadric between nodes (N, 2) and sites (K, 2), in units of ``unit``."""
    a, b = nodes / unit, sites / unit
    middle = b.mean(axis=0)
    a, b = a - middle, b - middle
    squared = a @ (-2.0 * b.T)
    squared += (a * a).sum(axis=1)[:, None] + ((b * b).sum(axis=1) + _SOFTNESS**2)
    np.maximum(squared, _SOFTNESS**2, out=squared)
    return np.asarray(np.sqrt(squared, out=squared), np.float32)


def weights(sites: FloatArray, values: FloatArray, unit: float) -> FloatArray:
    """(K + 1, C) coefficients of the field that takes ``values`` (K, C) at ``sites`` (K, 2)."""
    count = len(sites)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = -kernel(sites, sites, unit)
    system[range(count), range(count)] += _RELAX
    system[count, :count] = system[:count, count] = 1.0
    wanted = np.zeros((count + 1, values.shape[1]))
    wanted[:count] = values
    return np.linalg.solve(system, wanted).astype(np.float32)


def evaluate(
    nodes: FloatArray, sites: FloatArray, coefficients: FloatArray, unit: float
) -> FloatArray:
    """(N, C) the field at ``nodes`` (N, 2)."""
    return np.asarray(coefficients[-1] - kernel(nodes, sites, unit) @ coefficients[:-1], np.float32)


def window(grid: Grid, outline: FloatArray, margin: float) -> FloatArray:
    """(rows, columns) 1 inside an outline (P, 2), smoothly 0 over ``margin`` pixels at it."""
    inside: UInt8Array = np.zeros((grid.rows, grid.columns), np.uint8)
    corner = np.array([grid.x, grid.y], np.float32) + (grid.step - 1) / 2
    cv2.fillPoly(inside, [np.round((outline - corner) / grid.step).astype(np.int32)], 1)
    inside[[0, -1]] = 0
    inside[:, [0, -1]] = 0
    away = cv2.distanceTransform(inside, cv2.DIST_L2, 3) * (grid.step / margin)
    ramp = np.clip(away, 0.0, 1.0)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)


def sampling_map(grid: Grid, displacement: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Source column and row of every pixel of the grid, counted from its corner.

    Args:
        grid: Where.
        displacement: (rows, columns, 2) from result to source, in pixels.
    """
    fine = grid.spread(displacement)
    across = fine[..., 0] + np.arange(grid.width, dtype=np.float32)
    down = fine[..., 1] + np.arange(grid.height, dtype=np.float32)[:, None]
    return across, down
