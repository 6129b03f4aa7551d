"""One frame of an avatar, ready to be moved, and how it moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from masktalk.engines.warp.field import DENSITY, PixelGrid, sample, turned_round
from masktalk.engines.warp.lips import Lips, read_lips, trimmed
from masktalk.engines.warp.pose import Pose, fit_pose
from masktalk.engines.warp.rig import Deltas, Rig, lip_sites
from masktalk.engines.warp.topology import LIP_COLUMNS
from masktalk.types import FloatArray


@dataclass(frozen=True, eq=False)
class Scene:
    """Where the face of one frame is and what of the frame may move.

    Attributes:
        pose: How the face lies.
        lips: Its lips as they are.
        grid: The part of the frame that may move.
        at: (rows, columns, 2) where its nodes lie on the rig's grid.
        window: (rows, columns, 1) the rig's window at its nodes.
        own: Displacements from the rig's points to this frame's, counted in nodes, with
            the upper lip and with the lower lip; None for the frame the rig was built on.
        lines: (2, LIP_COLUMNS + 2, 2) pixels of the inner edge of the upper and the
            lower lip, corners included.
    """

    pose: Pose
    lips: Lips
    grid: PixelGrid
    at: FloatArray
    window: FloatArray
    own: tuple[FloatArray, FloatArray] | None
    lines: FloatArray

    @classmethod
    def of(cls, mesh: FloatArray, rig: Rig, *, still: bool) -> Scene:
        """The scene of a (478, 3) mesh in pixels; ``still`` if the rig was built on it."""
        mesh = trimmed(mesh)
        pose = fit_pose(mesh)
        flat = pose.place(mesh[:, :2])
        grid = PixelGrid.over(pose.pixel(rig.outline), pose.unit)
        at = rig.grid.index(pose.place(grid.nodes()))
        own = None
        if not still:
            ours, theirs = lip_sites(flat), lip_sites(rig.base)
            own = ((ours[0] - theirs[0]) * DENSITY, (ours[1] - theirs[1]) * DENSITY)
        lips = read_lips(pose.frontal)
        return cls(
            pose=pose,
            lips=lips,
            grid=grid,
            at=at,
            window=sample(rig.window, at)[..., None],
            own=own,
            lines=pose.project(_lines(lips)).reshape(2, -1, 2),
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


def move(scene: Scene, rig: Rig, deltas: Deltas) -> Moved:
    """Carry a scene's control points along and fill the field between them."""
    upper, lower = deltas.on_plane(scene.pose)
    upper, lower = upper * np.float32(DENSITY), lower * np.float32(DENSITY)
    if scene.own is None:
        above, below = rig.fields(upper, lower)
    else:
        own_upper, own_lower = scene.own
        above, below = rig.fields(
            np.hstack([own_upper + upper, own_upper]), np.hstack([own_lower + lower, own_lower])
        )
    ends = deltas.corners[2:3], deltas.corners[3:4]
    shift = (
        np.vstack([ends[0], deltas.upper[-1], ends[1], ends[0], deltas.lower[-1], ends[1]])
        @ scene.pose.axes.T
    )
    lines = scene.lines + shift.reshape(2, LIP_COLUMNS + 2, 2)
    smooth = _spline(LIP_COLUMNS + 2, 4)
    above_line, below_line = _uncrossed(scene.pose.down, smooth @ lines[0], smooth @ lines[1])
    ends_at = rig.grid.index(scene.pose.place(above_line[[0, -1]]))
    (along_x, along_y), away = ends_at[1] - ends_at[0], scene.at - ends_at[0]
    upside = along_x * away[..., 1:] < along_y * away[..., :1]
    return Moved(_backward(scene, above), _backward(scene, below), upside, above_line, below_line)


def _backward(scene: Scene, field: FloatArray) -> FloatArray:
    """(rows, columns, 2) pixels from result to source of a field on the rig's grid.

    A field of two channels goes from this frame to the result; one of four goes from the
    rig's points to the result and, in its last two, from there to this frame.
    """
    if field.shape[2] == 2:
        source = turned_round(field, scene.at)
    else:
        source = turned_round(np.ascontiguousarray(field[..., :2]), scene.at)
        source = source + sample(np.ascontiguousarray(field[..., 2:]), source)
    away = (source - scene.at) * np.float32(1 / DENSITY)
    return scene.pose.shift(away) * scene.window


def _uncrossed(
    down: FloatArray, above: FloatArray, below: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Lips that would pass through each other meet in the middle."""
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
