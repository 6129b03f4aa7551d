"""One frame of an avatar, ready to be moved, and how it moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from masktalk.engines.warp.face_axes import Pose, fit_pose
from masktalk.engines.warp.field import DENSITY, PixelGrid, invert_displacement, sample
from masktalk.engines.warp.folding import BoolArray, lip_sides, unfold
from masktalk.engines.warp.head import HeadField, Lean
from masktalk.engines.warp.lips import Lips, read_lips, trimmed
from masktalk.engines.warp.rig import Deltas, Rig, lip_sites
from masktalk.landmarks import LIP_COLUMNS
from masktalk.types import FloatArray

_STILL = 0.05  # pixels; what moves less, stays
# Openings, in eye distances, at which the corners begin to unfold, how many more it takes, and
# how much of the fold is gone by then.
_FOLDED, _UNFOLDING, _UNFOLDED = 0.06, 0.14, 0.85
_FINE = 4  # points of a smooth lip's edge between two of the mesh's


@dataclass(frozen=True, eq=False)
class HeadNodes:
    """A head's field at the nodes of one scene.

    Attributes:
        field: The field.
        places: (rows, columns, 2) of the nodes on the face's plane.
        weights: (rows, columns, 4) the field's weights there.
    """

    field: HeadField
    places: FloatArray
    weights: FloatArray

    @classmethod
    def at(cls, field: HeadField, places: FloatArray) -> HeadNodes:
        """Sample the field's weights at (..., 2) places."""
        weights = sample(field.weights, field.grid.index(places), outside=0.0)
        return cls(field, places, weights)


@dataclass(frozen=True, eq=False)
class Scene:
    """Face of one frame, and the part of the frame that may move.

    Attributes:
        pose: How the face lies.
        lips: Its lips as they are.
        grid: The part of the frame that may move.
        at: (rows, columns, 2) where its nodes lie on the rig's grid.
        head: How the nodes move with the head; None for a head that keeps still.
        own: Fields from the rig's points to this frame's above and below the lip line,
            counted in nodes; None for the frame the rig was built on.
        lines: (2, LIP_COLUMNS + 2, 2) pixels of the inner edge of the upper and the
            lower lip, corners included.
        tips: (2, 2) pixels of the outer corners.
    """

    pose: Pose
    lips: Lips
    grid: PixelGrid
    at: FloatArray
    head: HeadNodes | None
    own: tuple[FloatArray, FloatArray] | None
    lines: FloatArray
    tips: FloatArray

    @property
    def line_points(self) -> int:
        """Points of a lip's edge in the result."""
        return (LIP_COLUMNS + 1) * _FINE + 1

    @classmethod
    def of(cls, mesh: FloatArray, rig: Rig, *, still: bool, head: HeadField | None = None) -> Scene:
        """Return the scene of a face.

        Args:
            mesh: (478, 3) in pixels.
            rig: The avatar's.
            still: Whether the rig was built on this very mesh.
            head: What moves with the head, if it shall move.
        """
        mesh = trimmed(mesh)
        pose = fit_pose(mesh)
        flat = pose.place(mesh[:, :2])
        outline = rig.outline if head is None else np.vstack([rig.outline, head.outline])
        grid = PixelGrid.over(pose.pixel(outline), pose.unit)
        places = pose.place(grid.nodes())
        own = None
        if not still:
            ours, theirs = lip_sites(flat), lip_sites(rig.base)
            fields = rig.fields((ours[0] - theirs[0]) * DENSITY, (ours[1] - theirs[1]) * DENSITY)
            # A mesh disagrees with itself where it is seen from the side or a mouth is wide open.
            own = unfold(fields[0], rig.sides[0]), unfold(fields[1], rig.sides[1])
        lips = read_lips(pose.frontal)
        return cls(
            pose=pose,
            lips=lips,
            grid=grid,
            at=rig.grid.index(places),
            head=None if head is None else HeadNodes.at(head, places),
            own=own,
            lines=pose.project(_lines(lips)).reshape(2, -1, 2),
            tips=pose.project(lips.corners[:2]),
        )


def _lines(lips: Lips) -> FloatArray:
    """(2 * (LIP_COLUMNS + 2), 3) the inner edges of both lips from corner to corner."""
    left, right = lips.corners[2:3], lips.corners[3:4]
    return np.vstack([left, lips.upper[-1], right, left, lips.lower[-1], right])


@dataclass(frozen=True, eq=False)
class Moved:
    """A scene moved.

    Attributes:
        above: (rows, columns, 2) pixels from result to source above the lip line.
        below: The same below it.
        upside: (rows, columns, 1) whether a node lies above the lip line.
        line_above: (P, 2) pixels of the inner edge of the upper lip, left to right.
        line_below: (P, 2) the inner edge of the lower lip.
    """

    above: FloatArray
    below: FloatArray
    upside: npt.NDArray[np.bool_]
    line_above: FloatArray
    line_below: FloatArray


def move(scene: Scene, rig: Rig, deltas: Deltas, lean: Lean | None = None) -> Moved:
    """Carry a scene's control points along and fill the field between them."""
    upper, lower = deltas.on_plane(scene.pose)
    upper, lower = upper * np.float32(DENSITY), lower * np.float32(DENSITY)
    fields = rig.led_fields(upper, lower)
    at = leaned(scene, lean)
    lines = moved_lines(scene, deltas)
    ends_at = rig.grid.index(scene.pose.place(lines[:, [0, -1]].mean(axis=0)))
    (along_x, along_y), away = ends_at[1] - ends_at[0], at - ends_at[0]
    lines = lines + head_shift(scene, lean, lines)
    sides = lip_sides(scene.grid.nodes(), lines[0], lines[1], scene.grid.step)
    above, below = (
        _unfolded(scene, displacement(scene, at, -_shift(rig, field, own, at)), side)
        for field, own, side in zip(fields, scene.own or (None, None), sides, strict=True)
    )
    return Moved(
        above,
        below,
        along_x * away[..., 1:] < along_y * away[..., :1],
        lines[0],
        lines[1],
    )


def leaned(scene: Scene, lean: Lean | None) -> FloatArray:
    """(rows, columns, 2) what a scene's nodes show once the head has moved, on the rig's grid."""
    if lean is None or scene.head is None:
        return scene.at
    head = scene.head
    return scene.at - head.field.shift(lean, head.places, head.weights)


def head_shift(scene: Scene, lean: Lean | None, pixels: FloatArray) -> FloatArray:
    """(h, w, 2) pixels by which points (h, w, 2) of the face move with the head."""
    if lean is None or scene.head is None:
        return np.zeros_like(pixels)
    head = HeadNodes.at(scene.head.field, scene.pose.place(pixels))
    shift = head.field.shift(lean, head.places, head.weights)
    return scene.pose.shift(shift * np.float32(1 / DENSITY))


def displacement(scene: Scene, at: FloatArray, away: FloatArray) -> FloatArray:
    """(rows, columns, 2) pixels from result to source, where nodes of the scene show what
    lies ``away`` nodes from ``at``."""
    shift = scene.pose.shift((at + away - scene.at) * np.float32(1 / DENSITY))
    size = np.maximum(*np.moveaxis(np.abs(shift), -1, 0))[..., None]
    return np.asarray(shift * np.clip((size - _STILL) / _STILL, 0, 1), np.float32)


def _shift(rig: Rig, field: FloatArray, own: FloatArray | None, at: FloatArray) -> FloatArray:
    """Return the shift, (rows, columns, 2) in nodes, of what a field has moved to ``at``.

    ``own`` is the field from the rig's points to this frame, if the rig was not built on it.
    """
    field = field * rig.window[..., None]
    # Not how far the point lies from its own place: where the inverse is not exact, on the far
    # side of a turned head, that would move what the field leaves alone.
    return sample(field, invert_displacement(field if own is None else own + field, at))


def _unfolded(scene: Scene, shift: FloatArray, shown: BoolArray) -> FloatArray:
    """Return a (rows, columns, 2) shift in pixels without folds where it is shown."""
    nodes = shift * np.float32(1 / scene.grid.step)
    unfolded = unfold(nodes, shown)
    return shift if unfolded is nodes else unfolded * np.float32(scene.grid.step)


def moved_lines(scene: Scene, deltas: Deltas) -> FloatArray:
    """(2, P, 2) smooth inner edges of both lips in the result."""
    left, right = deltas.corners[2:3], deltas.corners[3:4]
    shift = np.vstack([left, deltas.upper[-1], right, left, deltas.lower[-1], right])
    lines = scene.lines + (shift @ scene.pose.axes.T).reshape(2, LIP_COLUMNS + 2, 2)
    middle = (LIP_COLUMNS + 1) // 2
    gap = float((lines[1, middle] - lines[0, middle]) @ scene.pose.down) / scene.pose.unit
    # The fold beside the inner corners unfolds as a mouth opens wide.
    unfolded = _UNFOLDED * np.clip((gap - _FOLDED) / _UNFOLDING, 0, 1)
    tips = scene.tips + deltas.corners[:2] @ scene.pose.axes.T
    lines[:, [0, -1]] += np.float32(unfolded) * (tips - lines[0, [0, -1]])
    return smooth_lines(scene, lines)


def smooth_lines(scene: Scene, lines: FloatArray) -> FloatArray:
    """(2, P, 2) smooth curves through the points (2, N, 2) of both lips' edges.

    They go over into each other at the corners, which are the rounder the wider they open.
    """
    count = lines.shape[1]
    loop = np.vstack([lines[0], lines[1, -2:0:-1]])
    smooth = (_spline(count, _FINE) @ loop).reshape(2, -1, 2)
    return np.stack(_uncrossed(scene.pose.down, smooth[0], smooth[1]))


def _uncrossed(
    down: FloatArray, above: FloatArray, below: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Lips that would pass through each other meet in the middle."""
    overlap = np.minimum((below - above) @ down, 0)[:, None] * 0.5
    return above + overlap * down, below - overlap * down


@cache
def _spline(count: int, fine: int) -> FloatArray:
    """(2 * (fine * (count - 1) + 1), 2 * count - 2) Catmull-Rom weights of a closed curve.

    Its points go along the upper edge from left to right and back along the lower one; what
    comes out goes from left to right along either.
    """
    points, steps = 2 * count - 2, fine * (count - 1) + 1
    matrix = np.zeros((2 * steps, points), np.float32)
    for row in range(2 * steps):
        at = row if row < steps else -(row - steps)
        segment, part = divmod(at, fine)
        t = part / fine
        mix = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (-(t**2) + t**3) / 2,
        )
        for offset, weight in enumerate(mix):
            matrix[row, (segment + offset - 1) % points] += weight
    return matrix
