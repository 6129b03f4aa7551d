"""A head that turns a few degrees in depth, and brows: displacements on the face's plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from masktalk.behaviour import Movement
from masktalk.engines.warp.field import DENSITY, PlaneGrid, interpolation, smooth_step
from masktalk.faces.canonical import canonical_face
from masktalk.landmarks import BROWS, CHIN, DEPTH_LANDMARKS, FACE_OVAL, NOSE_ROOT, UPPER_LIDS
from masktalk.types import FloatArray


@dataclass(frozen=True)
class _Limits:
    """Lengths in inter-ocular distances."""

    #: Beyond the face's outline where hair and neck have ceased to follow: above, beside, below.
    above: float = 0.85
    beside: float = 0.50
    below: float = 0.50
    fade: float = 0.62
    #: Beyond the outline where depth has come to that of the pivot.
    round_off: float = 0.40
    #: The axis that a head turns about lies so far behind the eyes: between the ears.
    axis_depth: float = 0.50
    camera: float = 8.0
    #: By which a brow channel at 1 moves the brow.
    brow_up: float = 0.085
    brow_down: float = 0.055
    brow_together: float = 0.03


_LIMITS: Final = _Limits()
#: The smallest movement, in radians or inter-ocular distances: a head that comes to rest does
#: so at last, and frames that look alike are made once.
_LEAST = 1 / 2048


@dataclass(frozen=True)
class Lean:
    """Movement of a head from where its frame has it, in steps of 1/2048.

    Attributes:
        yaw: Radians; positive turns the face to the image's right.
        pitch: Radians; positive lowers the face.
        roll: Radians, clockwise in the image.
        x: Inter-ocular distances to the image's right.
        y: Inter-ocular distances down.
        z: Inter-ocular distances towards the viewer.
        inner: By which the brows' inner ends are raised, -1 to 1.
        left: By which the outer end of the brow at the image's left is raised, -1 to 1.
        right: The same at the image's right.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    inner: float = 0.0
    left: float = 0.0
    right: float = 0.0

    @classmethod
    def of(cls, movement: Movement) -> Lean:
        """Return the head's and brows' part of a movement."""
        pose, weight = movement.pose, movement.weight
        # The speaker's right is the image's left.
        left_down, right_down = weight("browDownRight"), weight("browDownLeft")
        parts = (
            *(pose.yaw, pose.pitch, pose.roll, pose.x, pose.y, pose.z),
            weight("browInnerUp") - (left_down + right_down) / 2,
            weight("browOuterUpRight") - left_down / 2,
            weight("browOuterUpLeft") - right_down / 2,
        )
        return cls(*(round(part / _LEAST) * _LEAST for part in parts))


@dataclass(frozen=True, eq=False)
class HeadField:
    """The part of an image that moves with the head.

    Attributes:
        outline: (P, 2) on the face's plane, where the movement has ended.
        grid: Where the weights are known.
        weights: (rows, columns, 4) share of the head's movement, of that of the brows' inner
            and outer ends, and depth behind the eyes in inter-ocular distances.
        pivot: (3,) place that the head turns about.
    """

    outline: FloatArray
    grid: PlaneGrid
    weights: FloatArray
    pivot: FloatArray

    @classmethod
    def around(cls, base: FloatArray) -> HeadField:
        """Return the head around a (478, 2) mesh on the face's plane."""
        outline = _outline(base)
        grid = PlaneGrid.around(outline)
        shape = (grid.rows, grid.columns)
        head = grid.window(outline, _LIMITS.fade)
        inner, outer = _brows(base, grid.nodes())
        parts = [head, inner.reshape(shape) * head, outer.reshape(shape) * head, _depth(base, grid)]
        pivot = np.array([*base[CHIN], _LIMITS.axis_depth], np.float32)
        return cls(outline, grid, np.ascontiguousarray(np.dstack(parts), np.float32), pivot)

    def shift(self, lean: Lean, places: FloatArray, weights: FloatArray) -> FloatArray:
        """(..., 2) nodes by which what shows at places (..., 2) has moved.

        Args:
            lean: How the head has moved.
            places: On the face's plane.
            weights: (..., 4) the field's weights there.
        """
        away = places - self.pivot[:2]
        nearer = self.pivot[2] - weights[..., 3]
        size = np.float32(math.cos(lean.yaw) - 1 + lean.z / _LIMITS.camera)
        tall = np.float32(math.cos(lean.pitch) - 1 + lean.z / _LIMITS.camera)
        x = lean.x - lean.roll * away[..., 1] + math.sin(lean.yaw) * nearer + size * away[..., 0]
        y = lean.y + lean.roll * away[..., 0] + math.sin(lean.pitch) * nearer
        y = y + tall * (away[..., 1] + np.float32(self._above_chin))
        moved = np.stack([x, y], axis=-1) * weights[..., :1]
        if lean.inner or lean.left or lean.right:
            self._raise_brows(moved, lean, away[..., 0], weights)
        return np.asarray(moved * np.float32(DENSITY), np.float32)

    @property
    def _above_chin(self) -> float:
        """A nod's axis lies at the ears' height, so far above the chin."""
        return 0.9

    @staticmethod
    def _raise_brows(moved: FloatArray, lean: Lean, aside: FloatArray, weights: FloatArray) -> None:
        inner, outer = weights[..., 1], weights[..., 2]
        outer_up = np.where(aside < 0, np.float32(lean.left), np.float32(lean.right))
        for raised, share in ((np.float32(lean.inner), inner), (outer_up, outer)):
            up = np.where(raised > 0, _LIMITS.brow_up, _LIMITS.brow_down) * raised
            moved[..., 1] -= up * share
        if lean.inner < 0:
            moved[..., 0] -= np.sign(aside) * _LIMITS.brow_together * -lean.inner * inner


def _outline(base: FloatArray) -> FloatArray:
    """(P, 2) the face's outline pushed outwards over hair and neck."""
    oval = base[list(FACE_OVAL)]
    outward = oval - oval.mean(axis=0)
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    across, down = outward[:, 0], outward[:, 1]
    vertical = np.where(down < 0, _LIMITS.above, _LIMITS.below)
    reach = np.hypot(_LIMITS.beside * across, vertical * down)
    return np.asarray(oval + reach[:, None] * outward, np.float32)


def _depth(base: FloatArray, grid: PlaneGrid) -> FloatArray:
    """(rows, columns) depth behind the eyes: the mean head's, rounded off beyond the face."""
    sites = list(DEPTH_LANDMARKS)
    matrix = interpolation(grid.nodes(), base[sites])
    known = canonical_face().mesh[sites, 2]
    depth = (matrix @ known).reshape(grid.rows, grid.columns)
    beyond = _beyond(base, grid) / _LIMITS.round_off
    mixed = depth + (_LIMITS.axis_depth - depth) * smooth_step(beyond)
    return np.asarray(np.clip(mixed, known.min(), _LIMITS.axis_depth), np.float32)


def _beyond(base: FloatArray, grid: PlaneGrid) -> FloatArray:
    """(rows, columns) inter-ocular distances outside the face's outline."""
    import cv2

    outside = np.ones((grid.rows, grid.columns), np.uint8)
    oval = np.round(grid.index(base[list(FACE_OVAL)])).astype(np.int32)
    cv2.fillPoly(outside, [oval], (0,))
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5) / DENSITY, np.float32)


def _brows(base: FloatArray, places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N,) shares of the brows' inner and of their outer ends at places (N, 2)."""
    inner, outer = np.zeros(len(places), np.float32), np.zeros(len(places), np.float32)
    middle = float(base[NOSE_ROOT, 0])
    for side, lids in zip(BROWS, UPPER_LIDS, strict=True):
        points = base[list(side)]
        away = places - points.mean(axis=0)
        near = smooth_step(1.4 * (1 - np.hypot(away[:, 0] / 0.36, away[:, 1] / 0.22)))
        # Skin stretches between brow and lid: the eye itself keeps its shape.
        brow, lid = float(points[:, 1].mean()), base[list(lids), 1]
        edge = float(lid[np.abs(lid - brow).argmin()])
        near = near * smooth_step((edge - places[:, 1]) / (edge - brow or 1e-3))
        span = np.abs(points[:, 0] - middle)
        outwards = (np.abs(places[:, 0] - middle) - span.min()) / max(float(np.ptp(span)), 1e-3)
        share = smooth_step(outwards)
        inner, outer = np.maximum(inner, near * (1 - share)), np.maximum(outer, near * share)
    return inner, outer
