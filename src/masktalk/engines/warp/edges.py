"""Soft masks of the lips' edges in the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.engines.warp.field import smooth_step
from masktalk.engines.warp.scene import Moved, Scene
from masktalk.types import FloatArray

_NO_GAP = 0.1  # pixels between lips that touch
_CORNER_SOFT = 0.45  # of half the mouth's width


@dataclass(frozen=True)
class Box:
    """A rectangle of the frame around the lips.

    Attributes:
        x: Column of its left edge in the frame.
        y: Row of its top edge in the frame.
        width: Pixels across.
        height: Pixels down.
        inside: Rows and columns of it within the scene's grid.
    """

    x: int
    y: int
    width: int
    height: int
    inside: tuple[slice, slice]


def mouth_box(scene: Scene, moved: Moved) -> Box:
    """Return the lips' surroundings, inside the grid's rectangle."""
    both = np.vstack([moved.line_above, moved.line_below])
    return box_around(scene, both, 0.12 * scene.pose.unit + 2)


def box_around(scene: Scene, points: FloatArray, margin: float) -> Box:
    """Return the rectangle around points (N, 2) and ``margin`` pixels more, inside the grid's."""
    grid = scene.grid
    first, last = [grid.x, grid.y], [grid.x + grid.width - 1, grid.y + grid.height - 1]
    x0, y0 = np.clip(np.floor(points.min(axis=0) - margin).astype(int), first, last)
    x1, y1 = np.clip(np.ceil(points.max(axis=0) + margin).astype(int), first, last)
    width, height = int(x1 - x0) + 1, int(y1 - y0) + 1
    left, top = int(x0) - grid.x, int(y0) - grid.y
    inside = (slice(top, top + height), slice(left, left + width))
    return Box(int(x0), int(y0), width, height, inside)


@dataclass(frozen=True, eq=False)
class LipEdges:
    """The lips' edges seen from every pixel of a box.

    Attributes:
        depth: (h, w) pixels along the mouth's own down.
        top: (h, w) depth of the upper lip's edge there.
        bottom: (h, w) depth of the lower lip's edge there.
        aside: (h, w) 0 in the mouth's middle, 1 at its corners, more beyond them.
        soft: (h, w) pixels over which what is above goes over into what is below.
    """

    depth: FloatArray
    top: FloatArray
    bottom: FloatArray
    aside: FloatArray
    soft: FloatArray

    @classmethod
    def seen_from(cls, box: Box, line_above: FloatArray, line_below: FloatArray) -> LipEdges:
        """Return the edges (P, 2) of both lips, which run on straight from their corners."""
        along = line_above[-1] - line_above[0]
        x, y = along / max(float(np.hypot(*along)), 1e-6)
        columns = np.arange(box.x, box.x + box.width, dtype=np.float32)
        rows = np.arange(box.y, box.y + box.height, dtype=np.float32)[:, None]
        across = x * columns + y * rows
        depth = x * rows - y * columns
        edges = []
        for line in (line_above, line_below):
            places = np.maximum.accumulate(line @ np.array([x, y]))
            depths = line @ np.array([-y, x])
            edges.append(np.interp(across, places, depths).astype(np.float32))
        ends = line_above[[0, -1]] @ np.array([x, y], np.float32)
        half = max(float(ends[1] - ends[0]) / 2, 1e-3)
        aside = np.asarray(np.abs(across - ends.mean()) / half, np.float32)
        soft = 1 + _CORNER_SOFT * half * smooth_step((aside - 0.93) / 0.27)
        return cls(
            depth.astype(np.float32), edges[0], edges[1], aside, np.asarray(soft, np.float32)
        )

    def opening(self) -> FloatArray:
        """(h, w) 0..1, how much of each pixel lies between the lips."""
        top, bottom = (
            np.maximum(self.top, self.depth - 0.5),
            np.minimum(self.bottom, self.depth + 0.5),
        )
        covered = (bottom - top - _NO_GAP) / (1 - _NO_GAP)
        return np.asarray(np.clip(covered, 0, 1), np.float32)

    def above(self) -> FloatArray:
        """(h, w) 0..1, how much of each pixel lies above the middle between the lips.

        Past the corners there is no edge any more, so one side goes over into the other.
        """
        height = (self.top + self.bottom) / 2 - self.depth
        return np.asarray(np.clip(height / self.soft + 0.5, 0, 1), np.float32)
