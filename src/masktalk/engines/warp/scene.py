"""One frame of an avatar, ready to be moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from masktalk.engines.warp.field import Grid, evaluate, weights, window
from masktalk.engines.warp.pose import Pose, fit_pose
from masktalk.engines.warp.rig import Deltas, Lips, read_lips
from masktalk.engines.warp.topology import CORNERS, JAWLINE, LOWER_LIP, SKIN, UPPER_LIP
from masktalk.types import FloatArray, UInt8Array

_NODES_PER_UNIT = 26
_SIDE_REACH, _NECK_REACH = 0.24, 0.55
_FINE = 4  # supersampling of lip edges


@dataclass(frozen=True, eq=False)
class Scene:
    """Where the face of one frame is and what of the frame may move.

    Attributes:
        pose: How the face lies.
        lips: Its lips as they are.
        points: (478, 2) its mesh in pixels.
        anchors: (A, 2) pixels around the face that stay where they are.
        grid: The part of the frame that may move.
        nodes: (N, 2) its nodes.
        window: (rows, columns) 1 where the field holds, 0 at the grid's edge.
    """

    pose: Pose
    lips: Lips
    points: FloatArray
    anchors: FloatArray
    grid: Grid
    nodes: FloatArray
    window: FloatArray

    @classmethod
    def from_mesh(cls, mesh: FloatArray) -> Scene:
        """The scene of a (478, 3) mesh in pixels."""
        pose = fit_pose(mesh)
        outline = _outline(mesh[:, :2], pose)
        x0, y0 = outline.min(axis=0)
        x1, y1 = outline.max(axis=0)
        step = max(int(round(pose.unit / _NODES_PER_UNIT)), 1)
        grid = Grid.over((float(x0), float(y0), float(x1), float(y1)), step)
        return cls(
            pose=pose,
            lips=read_lips(pose.frontal),
            points=mesh[:, :2],
            anchors=outline,
            grid=grid,
            nodes=grid.nodes(),
            window=window(grid, outline, 0.16 * pose.unit),
        )


def _outline(points: FloatArray, pose: Pose) -> FloatArray:
    """The jawline pushed outwards: a little beside the face, further under the chin."""
    jaw = points[list(JAWLINE)]
    centre = points[2]
    down = pose.axes[:, 1] / max(float(np.linalg.norm(pose.axes[:, 1])), 1e-6)
    outward = jaw - centre
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    outward = outward / np.maximum(length, 1e-6)
    under = np.clip(outward @ down, 0, 1)[:, None] ** 2
    reach = _SIDE_REACH + (_NECK_REACH - _SIDE_REACH) * under
    return np.asarray(jaw + outward * reach * pose.unit, np.float32)


@dataclass(frozen=True, eq=False)
class Moved:
    """Where the control points of a scene went, and the fields that took them there.

    Attributes:
        upper: (rows, columns, 2) displacement from result to source above the lip line.
        lower: The same below it.
        line_above: (P, 2) the inner edge of the upper lip in the result, left to right.
        line_below: (P, 2) the inner edge of the lower lip.
    """

    upper: FloatArray
    lower: FloatArray
    line_above: FloatArray
    line_below: FloatArray


def move(scene: Scene, deltas: Deltas) -> Moved:
    """Carry a scene's control points along and build the two fields."""
    axes = scene.pose.axes.T
    points = scene.points
    skin = points[list(SKIN)], deltas.skin @ axes
    corners = points[list(CORNERS)], deltas.corners @ axes
    upper = points[list(UPPER_LIP)], deltas.upper.reshape(-1, 3) @ axes
    lower = points[list(LOWER_LIP)], deltas.lower.reshape(-1, 3) @ axes
    still = scene.anchors, np.zeros_like(scene.anchors)
    shared = [skin, corners, still]
    ends = corners[0] + corners[1]
    above = _field(scene, [*shared, upper])
    below = _field(scene, [*shared, lower])
    joined = _join(scene, above, below, ends)
    lines = [
        _smooth(np.vstack([ends[2:3], (part[0] + part[1])[-9:], ends[3:4]]))
        for part in (upper, lower)
    ]
    return Moved(*joined, *_uncrossed(scene.pose, *lines))


def _field(scene: Scene, parts: list[tuple[FloatArray, FloatArray]]) -> FloatArray:
    sources = np.vstack([part[0] for part in parts])
    shifts = np.vstack([part[1] for part in parts])
    sites = sources + shifts
    unit = scene.pose.unit
    coefficients = weights(sites, -shifts, unit)
    field = evaluate(scene.nodes, sites, coefficients, unit)
    return field.reshape(scene.grid.rows, scene.grid.columns, 2) * scene.window[..., None]


def _join(
    scene: Scene, above: FloatArray, below: FloatArray, ends: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Make both fields one from the mouth corners outwards."""
    left, right = ends[0], ends[1]
    half = (right - left) / 2
    across = (scene.nodes - (left + right) / 2) @ half / max(float(half @ half), 1e-6)
    ramp = np.clip((np.abs(across) - 0.9) / 0.35, 0, 1)
    same = (ramp * ramp * (3 - 2 * ramp) * 0.5).reshape(above.shape[:2])[..., None]
    apart = below - above
    return (
        np.asarray(above + apart * same, np.float32),
        np.asarray(below - apart * same, np.float32),
    )


def _uncrossed(pose: Pose, above: FloatArray, below: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lips that would pass through each other meet in the middle."""
    down = pose.axes[:, 1] / max(float(np.linalg.norm(pose.axes[:, 1])), 1e-6)
    overlap = np.minimum((below - above) @ down, 0)[:, None] * 0.5
    return above + overlap * down, below - overlap * down


@cache
def _spline(count: int, fine: int) -> FloatArray:
    """(fine * (count - 1) + 1, count) Catmull-Rom weights through ``count`` points."""
    matrix = np.zeros((fine * (count - 1) + 1, count), np.float32)
    for row in range(len(matrix)):
        segment = min(row // fine, count - 2)
        t = row / fine - segment
        mix = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (-(t**2) + t**3) / 2,
        )
        for offset, weight in enumerate(mix):
            matrix[row, min(max(segment + offset - 1, 0), count - 1)] += weight
    return matrix


def _smooth(line: FloatArray) -> FloatArray:
    return np.asarray(_spline(len(line), 4) @ line, np.float32)


@dataclass(frozen=True)
class Box:
    """A rectangle of the frame around the lips: left, top, width, height in pixels."""

    x: int
    y: int
    width: int
    height: int


def mouth_box(scene: Scene, moved: Moved) -> Box:
    """The lips' surroundings, inside the grid's rectangle."""
    both = np.vstack([moved.line_above, moved.line_below])
    margin = 0.14 * scene.pose.unit
    grid = scene.grid
    x0, y0 = np.maximum(np.floor(both.min(axis=0) - margin).astype(int), [grid.x, grid.y])
    limit = [grid.x + grid.width, grid.y + grid.height]
    x1, y1 = np.minimum(np.ceil(both.max(axis=0) + margin).astype(int), limit)
    return Box(int(x0), int(y0), max(int(x1 - x0), 1), max(int(y1 - y0), 1))


def opening_mask(box: Box, moved: Moved) -> FloatArray:
    """(h, w) 0..1, how much of each pixel lies between the lips."""
    return _filled(box, np.vstack([moved.line_above, moved.line_below[::-1]]))


def above_mask(box: Box, moved: Moved) -> FloatArray:
    """(h, w) 0..1, how much of each pixel lies above the lip line, which goes on straight
    from the corners."""
    line = (moved.line_above + moved.line_below) / 2
    along = line[-1] - line[0]
    along = along / max(float(np.linalg.norm(along)), 1e-6) * (box.width + box.height)
    up = np.array([along[1], -along[0]], np.float32)
    ends = np.vstack([line[0] - along, line, line[-1] + along])
    return _filled(box, np.vstack([ends, ends[-1:] + up, ends[:1] + up]))


def _filled(box: Box, polygon: FloatArray) -> FloatArray:
    fine: UInt8Array = np.zeros((box.height * _FINE, box.width * _FINE), np.uint8)
    shifted = (polygon - np.array([box.x, box.y], np.float32) + 0.5) * _FINE - 0.5
    cv2.fillPoly(fine, [np.round(shifted * 16).astype(np.int32)], 255, shift=4)
    coarse = cv2.resize(fine, (box.width, box.height), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse.astype(np.float32) / 255, np.float32)
