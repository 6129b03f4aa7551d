"""Where the lips' edges run in the result, as soft masks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.engines.warp.scene import Moved, Scene
from masktalk.types import FloatArray, UInt8Array

#: How many times finer than pixels edges are drawn.
SUPERSAMPLED = 4


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
    """The lips' surroundings, inside the grid's rectangle."""
    both = np.vstack([moved.line_above, moved.line_below])
    return box_around(scene, both, 0.06 * scene.pose.unit + 2)


def box_around(scene: Scene, points: FloatArray, margin: float) -> Box:
    """The rectangle around points (N, 2) and ``margin`` pixels more, inside the grid's."""
    grid = scene.grid
    first, last = [grid.x, grid.y], [grid.x + grid.width - 1, grid.y + grid.height - 1]
    x0, y0 = np.clip(np.floor(points.min(axis=0) - margin).astype(int), first, last)
    x1, y1 = np.clip(np.ceil(points.max(axis=0) + margin).astype(int), first, last)
    width, height = int(x1 - x0) + 1, int(y1 - y0) + 1
    left, top = int(x0) - grid.x, int(y0) - grid.y
    inside = (slice(top, top + height), slice(left, left + width))
    return Box(int(x0), int(y0), width, height, inside)


def opening_mask(box: Box, moved: Moved) -> FloatArray:
    """(h, w) 0..1, how much of each pixel lies between the lips."""
    return filled(box, np.vstack([moved.line_above, moved.line_below[::-1]]))


def above_mask(box: Box, moved: Moved) -> FloatArray:
    """(h, w) 0..1, how much of each pixel lies above the lip line, which goes on straight
    from the corners."""
    line = (moved.line_above + moved.line_below) / 2
    along = line[-1] - line[0]
    along = along / max(float(np.hypot(*along)), 1e-6) * (box.width + box.height)
    up = np.array([along[1], -along[0]], np.float32)
    ends = np.vstack([line[0] - along, line, line[-1] + along])
    return filled(box, np.vstack([ends, ends[-1:] + up, ends[:1] + up]))


def filled(box: Box, polygon: FloatArray) -> FloatArray:
    """(h, w) 0..1, how much of each pixel a polygon (P, 2) covers."""
    fine: UInt8Array = np.zeros((box.height * SUPERSAMPLED, box.width * SUPERSAMPLED), np.uint8)
    shifted = (polygon - np.array([box.x, box.y], np.float32) + 0.5) * SUPERSAMPLED - 0.5
    cv2.fillPoly(fine, [np.round(shifted * 16).astype(np.int32)], (255,), shift=4)
    coarse = cv2.resize(fine, (box.width, box.height), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse.astype(np.float32) * np.float32(1 / 255))
