"""Measures of a mouth, independent of head pose.

The upper face (brow, eyes, nose bridge, temples) does not move when one speaks, so it is
laid onto a frontal face of unit size (similarity transform of least squared error:
Umeyama, "Least-squares estimation of transformation parameters between two point
patterns", PAMI 1991). Distances of mouth points are taken after that, in units of the
distance between the outer eye corners.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from masktalk.landmarks import (
    CHIN,
    FRONTAL_UPPER_FACE,
    LEFT_INNER_MOUTH_CORNER,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_BOTTOM,
    LOWER_LIP_INNER,
    NOSE_BASE,
    OUTER_EYE_CORNERS,
    RIGHT_INNER_MOUTH_CORNER,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
    UPPER_LIP_TOP,
)
from masktalk.types import Face, FloatArray

Points = npt.NDArray[np.float64]

_STABLE = np.array(sorted(FRONTAL_UPPER_FACE))
_FRONTAL: Points = np.array([FRONTAL_UPPER_FACE[index] for index in sorted(FRONTAL_UPPER_FACE)])

_CORNERS = (LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER)
_INNER_CORNERS = (LEFT_INNER_MOUTH_CORNER, RIGHT_INNER_MOUTH_CORNER)
_INNER_LIPS = (UPPER_LIP_INNER, LOWER_LIP_INNER)
_OUTER_LIPS = (UPPER_LIP_TOP, LOWER_LIP_BOTTOM)


@dataclass(frozen=True)
class MouthMeasures:
    """One mouth at one time; lengths in units of the distance between the outer eye corners.

    Attributes:
        time: Seconds since the start of the stream.
        tracked: Whether there was a face; every length is NaN where there was none.
        aperture: Gap between the inner lips, at least 0.
        width: From mouth corner to mouth corner.
        inner_width: From inner corner to inner corner.
        height: From the top of the upper lip to the bottom of the lower one.
        jaw: From the base of the nose down to the chin.
        protrusion: How far the lips stand out before the mouth corners.
    """

    time: Fraction
    tracked: bool = False
    aperture: float = math.nan
    width: float = math.nan
    inner_width: float = math.nan
    height: float = math.nan
    jaw: float = math.nan
    protrusion: float = math.nan


def frontal_mesh(mesh: FloatArray) -> Points:
    """Return the mesh turned to look straight at the viewer, upright and of unit size.

    Args:
        mesh: (N, 3) in pixels, N at least 468.

    Returns:
        (N, 3); x to the picture's right, y down, z away; the outer eye corners lie
        about 1 apart around the origin.
    """
    points: Points = mesh.astype(np.float64)
    stable = points[_STABLE]
    middle, target_middle = stable.mean(axis=0), _FRONTAL.mean(axis=0)
    centred = stable - middle
    u, sizes, vt = np.linalg.svd(centred.T @ (_FRONTAL - target_middle))
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((sizes * handed).sum() / max(float((centred**2).sum()), 1e-12))
    turned: Points = (points - middle) @ ((u * handed) @ vt) * scale + target_middle
    return turned


def upper_face_rotation(mesh: FloatArray) -> tuple[Points, Points, float]:
    """Return yaw, pitch and roll in radians, the frontal mesh, and the inter-ocular distance.

    Args:
        mesh: (N, 3) in pixels, N at least 468.

    Returns:
        (3,) turns, positive to the image's right, down and clockwise; (N, 3) as
        ``frontal_mesh``; pixels between the outer eye corners seen from the front.
    """
    frontal = frontal_mesh(mesh)
    stable = mesh[_STABLE].astype(np.float64)
    centred, target = stable - stable.mean(axis=0), frontal[_STABLE] - frontal[_STABLE].mean(axis=0)
    u, sizes, vt = np.linalg.svd(target.T @ centred)
    axes = u @ vt  # rows: the face's own axes in the image
    ahead = -axes[2]
    yaw, pitch = math.atan2(ahead[0], -ahead[2]), math.atan2(ahead[1], -ahead[2])
    roll = math.atan2(axes[0, 1], axes[0, 0])
    unit = float(sizes.sum() / max(float((target**2).sum()), 1e-12))
    return np.array([yaw, pitch, roll]), frontal, unit


def measure_mouth(face: Face | None, time: Fraction | None = None) -> MouthMeasures:
    """Return the measures of one face's mouth.

    Args:
        face: The face, or None where a frame has none.
        time: Seconds; needed when there is no face to say it.
    """
    if face is None:
        return MouthMeasures(Fraction(0) if time is None else time)
    return measure_mesh(face.mesh, face.time if time is None else time)


def measure_mesh(mesh: FloatArray, time: Fraction = Fraction(0)) -> MouthMeasures:
    """Return the measures of a (N, 3) mesh in pixels."""
    points = frontal_mesh(mesh)
    unit = max(_distance(points, OUTER_EYE_CORNERS), 1e-6)
    lips_front = points[list(_INNER_LIPS), 2].mean()
    return MouthMeasures(
        time=time,
        tracked=True,
        aperture=max(_drop(points, _INNER_LIPS) / unit, 0.0),
        width=_distance(points, _CORNERS) / unit,
        inner_width=_distance(points, _INNER_CORNERS) / unit,
        height=_drop(points, _OUTER_LIPS) / unit,
        jaw=_drop(points, (NOSE_BASE, CHIN)) / unit,
        protrusion=float(points[list(_CORNERS), 2].mean() - lips_front) / unit,
    )


def _distance(points: Points, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[1]] - points[pair[0]]))


def _drop(points: Points, pair: tuple[int, int]) -> float:
    return float(points[pair[1], 1] - points[pair[0], 1])
