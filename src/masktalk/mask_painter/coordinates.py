"""Face coordinates: where each pixel of an image lies on the canonical face.

u runs to the image's right and v down, in inter-ocular distances from the middle between the
eyes. A mask that is drawn in these coordinates moves with the face; with a thin-plate spline
through the jawline (Bookstein, "Principal Warps", 1989) it also moves with the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.faces.canonical import canonical_face
from masktalk.landmarks import (
    CHEEKS,
    JAWLINE,
    LEFT_EYE_OUTER,
    MOUTH_CORNERS,
    NOSE_LINE,
    RIGHT_EYE_OUTER,
    STEADY_ANCHORS,
)
from masktalk.types import FloatArray

#: Below the skull's own anchors: what cloth hangs on.
_CLOTH_ANCHORS = (*STEADY_ANCHORS, *JAWLINE, *NOSE_LINE, *CHEEKS, *MOUTH_CORNERS[:2])
#: Anchors of what is rigid: the skull and, for its width, the ears.
_RIGID_ANCHORS = (*STEADY_ANCHORS, JAWLINE[0], JAWLINE[1], JAWLINE[-2], JAWLINE[-1], *NOSE_LINE)
_STIFFNESS = 1e-3
_GRID_STEPS = 40
#: An anchor nearer to the nose than this share of its distance on the canonical face lies on
#: a side that is turned away; the map would fold there.
_MIN_ANCHOR_SPREAD = 0.4


@dataclass(frozen=True, eq=False)
class FaceCoordinates:
    """Face coordinates of every pixel.

    Attributes:
        u: (H, W) float32, to the image's right.
        v: (H, W) float32, down.
        outline: (H, W) float32 signed distance to the face's outline in inter-ocular
            distances, positive inside.
        unit: Pixels per inter-ocular distance.
    """

    u: FloatArray
    v: FloatArray
    outline: FloatArray
    unit: float


def face_coordinates(mesh: FloatArray, width: int, height: int, rigid: bool) -> FaceCoordinates:
    """Return the face coordinates of an image's pixels.

    Args:
        mesh: (478, 3) landmarks in pixels.
        width: Of the image in pixels.
        height: Of the image in pixels.
        rigid: Follow the skull alone, not the jaw.
    """
    anchors = list(dict.fromkeys(_RIGID_ANCHORS if rigid else _CLOTH_ANCHORS))
    eyes = mesh[[LEFT_EYE_OUTER, RIGHT_EYE_OUTER], :2].astype(np.float64)
    unit = max(float(np.linalg.norm(eyes[1] - eyes[0])), 1.0)
    middle = eyes.mean(axis=0)
    points = (mesh[anchors, :2] - middle) / unit
    values = canonical_face().mesh[anchors, :2].astype(np.float64)
    seen = _facing(points, values, mesh, middle, unit)
    points, values = points[seen], values[seen]
    columns = np.linspace(0, width - 1, _GRID_STEPS)
    rows = np.linspace(0, height - 1, _GRID_STEPS)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    mapped = _mapped(points, values, (grid - middle) / unit, rigid)
    coarse = mapped.reshape(_GRID_STEPS, _GRID_STEPS, 2).astype(np.float32)
    # Grid nodes lie on the outermost pixels' centres, which cv2.resize would not do.
    x = np.linspace(0, _GRID_STEPS - 1, width, dtype=np.float32)
    y = np.linspace(0, _GRID_STEPS - 1, height, dtype=np.float32)
    fine = np.asarray(cv2.remap(coarse, *np.meshgrid(x, y), cv2.INTER_LINEAR), np.float32)
    outline = _outline(mesh, width, height) / np.float32(unit)
    return FaceCoordinates(fine[..., 0], fine[..., 1], outline, unit)


def _facing(
    points: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    mesh: FloatArray,
    middle: npt.NDArray[np.float64],
    unit: float,
) -> npt.NDArray[np.bool_]:
    """Return the (N,) anchors that are not on a side turned away."""
    eyes = mesh[[LEFT_EYE_OUTER, RIGHT_EYE_OUTER], :2].astype(np.float64)
    across = (eyes[1] - eyes[0]) / unit
    nose = (mesh[list(NOSE_LINE), :2].mean(axis=0) - middle) / unit
    spread = (points - nose) @ across * np.sign(values[:, 0])
    return (np.abs(values[:, 0]) < 0.3) | (spread > _MIN_ANCHOR_SPREAD * np.abs(values[:, 0]))


def _outline(mesh: FloatArray, width: int, height: int) -> FloatArray:
    """Return the (H, W) signed distance in pixels to the hull of the mesh, positive inside."""
    inside = np.zeros((height, width), np.uint8)
    hull = cv2.convexHull(np.round(mesh[:, :2]).astype(np.int32))
    cv2.fillConvexPoly(inside, hull, (255,))
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    beyond = cv2.distanceTransform(255 - inside, cv2.DIST_L2, 5)
    return np.asarray(within - beyond, np.float32)


def _mapped(
    points: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    places: npt.NDArray[np.float64],
    affine: bool,
) -> npt.NDArray[np.float64]:
    """Return (N, 2) values at places, of the map that takes points to values."""
    ones = np.ones((len(points), 1))
    linear = np.concatenate([ones, points], axis=1)
    at = np.concatenate([np.ones((len(places), 1)), places], axis=1)
    if affine:
        solution = np.linalg.lstsq(linear, values, rcond=None)[0]
        return np.asarray(at @ solution)
    count = len(points)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(points, points) + _STIFFNESS * np.eye(count)
    system[:count, count:], system[count:, :count] = linear, linear.T
    solution = np.linalg.solve(system, np.concatenate([values, np.zeros((3, 2))]))
    return np.asarray(_kernel(places, points) @ solution[:count] + at @ solution[count:])


def _kernel(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-12)))
