"""How a face lies in a frame: from face axes to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.faces.measures import frontal_mesh
from masktalk.types import FloatArray


@dataclass(frozen=True, eq=False)
class Pose:
    """A weak perspective: pixel = axes @ point + origin.

    Face axes: x to the picture's right, y down, z away from the viewer of an upright
    frontal face; the unit is the distance between the outer eye corners.

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

    def project(self, points: FloatArray) -> FloatArray:
        """(N, 2) pixels of (N, 3) points in face axes."""
        return np.asarray(points @ self.axes.T + self.origin, np.float32)


def fit_pose(mesh: FloatArray) -> Pose:
    """The pose of a (478, 3) mesh in pixels."""
    frontal = frontal_mesh(mesh)
    middle, pixels = frontal.mean(axis=0), mesh[:, :2].astype(np.float64)
    target = pixels.mean(axis=0)
    axes = np.linalg.lstsq(frontal - middle, pixels - target, rcond=None)[0].T
    origin = target - axes @ middle
    return Pose(axes.astype(np.float32), origin.astype(np.float32), frontal.astype(np.float32))
