"""What the mouth of a face does, freed of where the head looks.

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

from masktalk.types import Face, FloatArray

Points = npt.NDArray[np.float64]

# A mean frontal face: mesh index -> x (to the picture's right), y (down), z (away from
# the viewer), in units of the distance between the outer eye corners.
_UPPER_FACE: dict[int, tuple[float, float, float]] = {
    33: (-0.500, 0.000, 0.000),
    133: (-0.192, 0.016, -0.063),
    263: (0.500, 0.000, 0.000),
    362: (0.192, 0.016, -0.063),
    168: (0.000, -0.094, -0.223),
    6: (0.000, -0.002, -0.286),
    197: (0.000, 0.069, -0.355),
    195: (0.000, 0.132, -0.428),
    8: (0.000, -0.197, -0.208),
    9: (0.000, -0.301, -0.204),
    151: (0.000, -0.473, -0.150),
    10: (0.000, -0.642, -0.083),
    67: (-0.392, -0.593, -0.002),
    297: (0.392, -0.593, -0.002),
    54: (-0.664, -0.384, 0.230),
    284: (0.664, -0.384, 0.230),
    127: (-0.777, 0.108, 0.532),
    356: (0.777, 0.108, 0.532),
    193: (-0.085, -0.080, -0.183),
    417: (0.085, -0.080, -0.183),
    122: (-0.063, 0.018, -0.263),
    351: (0.063, 0.018, -0.263),
}
_STABLE = np.array(sorted(_UPPER_FACE))
_FRONTAL: Points = np.array([_UPPER_FACE[index] for index in sorted(_UPPER_FACE)])

_EYES = (33, 263)
_CORNERS = (61, 291)
_INNER_CORNERS = (78, 308)
_INNER_LIPS = (13, 14)
_OUTER_LIPS = (0, 17)
_NOSE_BASE, _CHIN = 2, 152


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
    """The mesh turned to look straight at the viewer, upright and of unit size.

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


def measure_mouth(face: Face | None, time: Fraction | None = None) -> MouthMeasures:
    """The measures of one face's mouth.

    Args:
        face: The face, or None where a frame has none.
        time: Seconds; needed when there is no face to say it.
    """
    if face is None:
        return MouthMeasures(Fraction(0) if time is None else time)
    return measure_mesh(face.mesh, face.time if time is None else time)


def measure_mesh(mesh: FloatArray, time: Fraction = Fraction(0)) -> MouthMeasures:
    """The measures of a (N, 3) mesh in pixels."""
    points = frontal_mesh(mesh)
    unit = max(_distance(points, _EYES), 1e-6)
    lips_front = points[list(_INNER_LIPS), 2].mean()
    return MouthMeasures(
        time=time,
        tracked=True,
        aperture=max(_drop(points, _INNER_LIPS) / unit, 0.0),
        width=_distance(points, _CORNERS) / unit,
        inner_width=_distance(points, _INNER_CORNERS) / unit,
        height=_drop(points, _OUTER_LIPS) / unit,
        jaw=_drop(points, (_NOSE_BASE, _CHIN)) / unit,
        protrusion=float(points[list(_CORNERS), 2].mean() - lips_front) / unit,
    )


def _distance(points: Points, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[1]] - points[pair[0]]))


def _drop(points: Points, pair: tuple[int, int]) -> float:
    return float(points[pair[1], 1] - points[pair[0], 1])
