"""Pose of a face in a frame: from face axes to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.faces.measures import frontal_mesh
from masktalk.types import FloatArray


@dataclass(frozen=True, eq=False)
class Pose:
    """A weak perspective: pixel = axes @ point + origin.

    Face axes: x to the picture's right, y down, z away from the viewer of an upright
    frontal face; the unit is the distance between the outer eye corners. The face's plane
    is what x and y alone reach: pixel = axes[:, :2] @ place + origin.

    Attributes:
        axes: (2, 3) pixels per unit.
        origin: (2,) pixel of the middle between the eyes.
        frontal: (478, 3) the mesh itself in face axes.
    """

    axes: FloatArray
    origin: FloatArray
    frontal: FloatArray

    @property
    def unit(self) -> float:
        """Pixels between the outer eye corners of the face seen from the front."""
        return float(np.linalg.norm(self.axes, axis=1).mean())

    @property
    def down(self) -> FloatArray:
        """(2,) the face's downward direction in the picture, of length 1."""
        along = self.axes[:, 1]
        return np.asarray(along / max(float(np.hypot(along[0], along[1])), 1e-6), np.float32)

    def project(self, points: FloatArray) -> FloatArray:
        """(N, 2) pixels of (N, 3) points in face axes."""
        return np.asarray(points @ self.axes.T + self.origin, np.float32)

    def flatten(self, shifts: FloatArray) -> FloatArray:
        """(N, 2) displacements on the plane that look like (N, 3) ones in face axes."""
        return np.asarray(shifts @ (self._to_plane @ self.axes).T, np.float32)

    def place(self, pixels: FloatArray) -> FloatArray:
        """(..., 2) places on the plane of pixels (..., 2)."""
        return np.asarray((pixels - self.origin) @ self._to_plane.T, np.float32)

    def pixel(self, places: FloatArray) -> FloatArray:
        """(..., 2) pixels of places (..., 2) on the plane."""
        return np.asarray(places @ self.axes[:, :2].T + self.origin, np.float32)

    def shift(self, places: FloatArray) -> FloatArray:
        """(..., 2) displacement in pixels of one (..., 2) on the plane."""
        return np.asarray(places @ self.axes[:, :2].T, np.float32)

    @property
    def _to_plane(self) -> FloatArray:
        (a, b), (c, d) = self.axes[:, :2]
        area = a * d - b * c
        # A face seen from the side has no plane left: stop short of it.
        area = np.copysign(max(abs(area), 0.05 * self.unit**2), area)
        return np.asarray(np.array([[d, -b], [-c, a]]) / area, np.float32)


def fit_pose(mesh: FloatArray) -> Pose:
    """Return the pose of a (478, 3) mesh in pixels."""
    frontal = frontal_mesh(mesh)
    middle, pixels = frontal.mean(axis=0), mesh[:, :2].astype(np.float64)
    target = pixels.mean(axis=0)
    centred = frontal - middle
    # Not the normal equations: to solve them, however few, BLAS wakes threads that then keep
    # a core busy for a tenth of a second.
    axes = np.linalg.lstsq(centred, pixels - target, rcond=None)[0].T
    origin = target - axes @ middle
    return Pose(axes.astype(np.float32), origin.astype(np.float32), frontal.astype(np.float32))
