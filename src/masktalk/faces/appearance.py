"""The appearance of one face from frame to frame, on a grid that is fixed to its skull.

Where the grid lies in a frame follows from the upper face alone, which nothing but the head
moves and which is seen when something lies before the mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.faces.measures import frontal_mesh
from masktalk.landmarks import FACE_OVAL
from masktalk.types import Face, FloatArray, Frame

#: Cells per inter-ocular distance.
CELLS = 20
# The grid's extent around the middle between the eyes, in inter-ocular distances.
_LEFT, _TOP, _RIGHT, _BOTTOM = -0.85, -0.15, 0.85, 1.4
_UPPER_FACE_Y = 0.42  # down to here landmarks move with the skull alone
_LIGHT_Y, _LIGHT_X = 0.22, 0.5  # skin whose colour says how a frame is lit
_LOWER_FACE_Y = 0.3
_MOUTH_X, _MOUTH_TOP, _MOUTH_BOTTOM = 0.32, 0.6, 0.95
_MIN_FORESHORTENING = 0.35  # of a cell's usual area; what is seen more from the side is left out
_NEAR = 0.06  # inter-ocular distances over which landmarks share the depth of a cell
# Lightness tells less than hue: the same skin is lit in many ways.
_LAB_WEIGHTS = np.array([0.7, 1.3, 1.3], np.float32)

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FaceSurface:
    """A person's face as a surface over a grid in face axes.

    Attributes:
        grid: (rows, columns, 4) homogeneous positions in inter-ocular distances.
        inside: (rows, columns) cells within the face's outline.
        upper: Indices of the landmarks that place it.
        solver: (4, len(upper)) from their pixels to the projection of the grid.
    """

    grid: FloatArray
    inside: BoolArray
    upper: npt.NDArray[np.intp]
    solver: FloatArray

    @classmethod
    def of(cls, faces: Sequence[Face]) -> FaceSurface:
        """Return the median surface of a person's faces."""
        frontal = np.median([frontal_mesh(face.mesh) for face in faces], axis=0)
        across = np.arange(_LEFT, _RIGHT, 1 / CELLS)
        down = np.arange(_TOP, _BOTTOM, 1 / CELLS)
        flat = np.dstack(np.meshgrid(across, down))
        squared = ((flat[:, :, None] - frontal[:, :2]) ** 2).sum(axis=-1)
        weights = (squared + _NEAR**2) ** -2
        depth = weights @ frontal[:, 2] / weights.sum(axis=-1)
        inside = np.zeros(depth.shape, np.uint8)
        outline = (frontal[list(FACE_OVAL), :2] - [_LEFT, _TOP]) * CELLS
        cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], (1,))
        upper = np.flatnonzero(frontal[:, 1] < _UPPER_FACE_Y)
        known = np.column_stack([frontal[upper], np.ones(len(upper))])
        return cls(
            np.dstack([flat, depth, np.ones_like(depth)]).astype(np.float32),
            inside > 0,
            upper,
            np.linalg.pinv(known).astype(np.float32),
        )

    @property
    def lower(self) -> BoolArray:
        """(rows, columns) cells of the lower face."""
        return self.inside & (self.grid[..., 1] > _LOWER_FACE_Y)

    @property
    def lit(self) -> BoolArray:
        """(rows, columns) cells of the upper face whose colour says how a frame is lit."""
        x, y = self.grid[..., 0], self.grid[..., 1]
        return self.inside & (y < _LIGHT_Y) & (np.abs(x) < _LIGHT_X)

    @property
    def mouth(self) -> BoolArray:
        """(rows, columns) cells around the lips."""
        x, y = self.grid[..., 0], self.grid[..., 1]
        return (np.abs(x) < _MOUTH_X) & (y > _MOUTH_TOP) & (y < _MOUTH_BOTTOM)

    def pixels(self, face: Face) -> FloatArray:
        """Return the (rows, columns, 2) pixels of the cells in a face's frame."""
        projection = self.solver @ face.mesh[self.upper, :2]
        return np.asarray(self.grid @ projection, np.float32)

    def visible(self, pixels: FloatArray) -> BoolArray:
        """Return which cells, (rows, columns), face the viewer at (rows, columns, 2) pixels."""
        across, down = np.gradient(pixels, axis=1), np.gradient(pixels, axis=0)
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        return np.asarray((area > _MIN_FORESHORTENING * np.median(area)) & self.inside)


def sample_colours(frame: Frame, pixels: FloatArray, interocular: float) -> FloatArray:
    """Return the (rows, columns, 3) colours at pixels (rows, columns, 2), averaged over cells.

    They are weighted CIELAB, so that their distance says how different they look as material.
    """
    low = np.maximum(pixels.reshape(-1, 2).min(axis=0) - 3, 0).astype(int)
    high = np.minimum(pixels.reshape(-1, 2).max(axis=0) + 4, (frame.width, frame.height))
    x0, y0 = np.minimum(low, (frame.width - 1, frame.height - 1))
    x1, y1 = np.maximum(high.astype(int), (x0 + 1, y0 + 1))
    part = np.ascontiguousarray(frame.region(int(x0), int(y0), int(x1), int(y1))[..., :3])
    step = max(interocular / CELLS, 1.0)
    size = max(round((x1 - x0) / step * 1.5), 1), max(round((y1 - y0) / step * 1.5), 1)
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    scale = np.array(size, np.float32) / (x1 - x0, y1 - y0)
    at = ((pixels - (x0, y0) + 0.5) * scale - 0.5).astype(np.float32)
    taken = cv2.remap(
        small, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(taken, cv2.COLOR_RGB2LAB) * _LAB_WEIGHTS, np.float32)
