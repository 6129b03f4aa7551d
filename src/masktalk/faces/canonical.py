"""The canonical face: 478 points of a mean head, and how it is fitted onto fewer points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray

# How far heads usually turn, in radians; keeps a fit onto few points from spinning.
_USUAL_TURN = 0.35
# How far a given point pulls its surroundings along, in interocular distances.
_REACH = 0.7


@dataclass(frozen=True, eq=False)
class CanonicalFace:
    """A mean head, symmetric, upright, looking at the camera.

    Attributes:
        mesh: (478, 3) with the outer eye corners 1 apart and their middle at the origin;
            x to the picture's right, y down, z away from the camera.
        mirror: (478,) index of each point's twin on the other side.
    """

    mesh: FloatArray
    mirror: npt.NDArray[Any]


@cache
def canonical_face() -> CanonicalFace:
    """Return the mean head that ships with the package (made by tools/canonical_face.py)."""
    with files("masktalk.faces").joinpath("canonical.npz").open("rb") as stored:
        arrays = np.load(stored, allow_pickle=False)
        return CanonicalFace(arrays["mesh"], arrays["mirror"].astype(np.intp))


def rotation(yaw: float, pitch: float, roll: float) -> FloatArray:
    """(3, 3) turn of a head, radians: yaw about y, then pitch about x, then roll about z."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y, np.float32)


@dataclass(frozen=True)
class HeadPose:
    """Pose of a rigid head under weak perspective.

    Attributes:
        yaw: Radians about the vertical axis.
        pitch: Radians about the horizontal axis.
        roll: Radians in the picture, clockwise.
        scale: Pixels per interocular distance of a head that looks at the camera.
        x: Column of the middle between the outer eye corners.
        y: Row of it.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    x: float
    y: float

    def apply(self, points: FloatArray) -> FloatArray:
        """(N, 3) canonical points in pixels of the picture."""
        turned = points @ rotation(self.yaw, self.pitch, self.roll).T * self.scale
        return np.asarray(turned + np.array([self.x, self.y, 0]), np.float32)


def fit_pose(model: FloatArray, points: FloatArray) -> HeadPose:
    """Return the pose in which (N, 3) points of the canonical head come closest to (N, 2) points.

    Turns are kept near zero as far as the points do not ask for more; N is at least 2.
    """
    points = np.asarray(points, np.float64)
    start = _similarity(model[:, :2], points)

    def misfit(v: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the residuals of (6,) pose parameters."""
        turned = model @ rotation(v[0], v[1], v[2]).T * np.exp(v[3])
        error = (turned[:, :2] + v[4:6] - (points - start[2:4]) / start[1]).ravel()
        prior = np.array([v[0], v[1]]) * (0.05 / _USUAL_TURN)
        return np.concatenate([error, prior])

    best = _minimise(misfit, np.array([0, 0, start[0], 0, 0, 0.0]))
    scale = float(start[1])
    return HeadPose(
        yaw=float(best[0]),
        pitch=float(best[1]),
        roll=float(best[2]),
        scale=float(np.exp(best[3])) * scale,
        x=float(start[2] + best[4] * scale),
        y=float(start[3] + best[5] * scale),
    )


_MAX_STEPS = 200
_LARGEST_DAMPING, _LEAST_GAIN = 1e9, 1e-7
# Wide enough for residuals in single precision, whose derivative a finer one would drown.
_DIFFERENCE = 1e-4


def _minimise(
    residuals: Callable[[npt.NDArray[Any]], npt.NDArray[Any]], start: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return the parameters whose residuals have the least sum of squares near a start.

    The Levenberg-Marquardt method (Marquardt, SIAM J. Appl. Math. 11, 1963) with central
    differences; for a handful of parameters.
    """
    best, values, damping = start, residuals(start), 1e-3
    for _ in range(_MAX_STEPS):
        offsets = _DIFFERENCE * np.eye(len(best))
        slopes = [residuals(best + step) - residuals(best - step) for step in offsets]
        jacobian = np.stack(slopes, axis=1) / (2 * _DIFFERENCE)
        normal, gradient, cost = jacobian.T @ jacobian, jacobian.T @ values, values @ values
        damped = np.diag(np.maximum(np.diag(normal), 1e-12))
        while True:
            tried = best - np.linalg.solve(normal + damping * damped, gradient)
            new = residuals(tried)
            # A step so large that it overflows is no improvement.
            if new @ new < cost:
                break
            damping *= 10
            if damping > _LARGEST_DAMPING:
                return best
        gained = cost - new @ new
        best, values, damping = tried, new, damping / 10
        if gained <= _LEAST_GAIN * cost:
            break
    return best


def _similarity(model: FloatArray, points: npt.NDArray[Any]) -> tuple[float, float, float, float]:
    """Roll, scale, x, y of the similarity that maps model points onto picture points."""
    a = (model - model.mean(axis=0)) @ np.array([1, 1j])
    b = (points - points.mean(axis=0)) @ np.array([1, 1j])
    factor = complex((b * a.conj()).sum() / max(float((abs(a) ** 2).sum()), 1e-9))
    if abs(factor) < 1e-6:
        raise ValueError("the points of a face lie on one another")
    shift = complex(*points.mean(axis=0)) - factor * complex(*model.mean(axis=0))
    return float(np.angle(factor)), abs(factor), shift.real, shift.imag


def fit_mesh(points: Mapping[int, tuple[float, float]]) -> FloatArray:
    """Return the canonical mesh fitted onto known points.

    A rigid pose first, then a smooth local correction that fades with distance, so that
    every known point is hit exactly and the rest of the face follows.

    Args:
        points: Mesh index -> x, y in pixels; at least two.

    Returns:
        (478, 3) float32, x and y in pixels, z in the same unit.

    Raises:
        ValueError: Fewer than two points, or all in one place.
    """
    if len(points) < 2:
        raise ValueError(f"a mesh needs two points or more, not {len(points)}")
    indices = np.array(list(points), np.intp)
    places = np.array(list(points.values()), np.float32)
    mesh = fit_pose(canonical_face().mesh[indices], places).apply(canonical_face().mesh)
    return pull(mesh, indices, places)


def pull(mesh: FloatArray, indices: npt.NDArray[Any], places: FloatArray) -> FloatArray:
    """Move some points of a (478, 3) mesh to (N, 2) places; the skin around follows smoothly.

    The correction interpolates the moves with a Matérn-3/2 kernel over the canonical head
    (Rasmussen and Williams, Gaussian Processes for Machine Learning, eq. 4.17).
    """
    model = canonical_face().mesh
    moves = places - mesh[indices, :2]
    weights = np.linalg.solve(
        _kernel(model[indices], model[indices]) + 1e-6 * np.eye(len(indices)), moves
    )
    moved = mesh.copy()
    moved[:, :2] += _kernel(model, model[indices]) @ weights
    moved[indices, :2] = places
    return moved


def _kernel(a: FloatArray, b: FloatArray) -> npt.NDArray[Any]:
    distance = np.linalg.norm(a[:, None] - b[None], axis=2) * (np.sqrt(3) / _REACH)
    return np.asarray((1 + distance) * np.exp(-distance))


def pose_onto(model: FloatArray, mesh: FloatArray, indices: list[int]) -> FloatArray:
    """(478, 3) model turned, scaled and moved so that some points come closest to a mesh's.

    The similarity transform of least squared error (Umeyama, PAMI 13, 1991).
    """
    a, b = model[indices].astype(np.float64), mesh[indices].astype(np.float64)
    a_middle, b_middle = a.mean(axis=0), b.mean(axis=0)
    u, sizes, vt = np.linalg.svd((a - a_middle).T @ (b - b_middle))
    handed = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((sizes * handed).sum() / max(float(((a - a_middle) ** 2).sum()), 1e-12))
    posed = scale * (model - a_middle) @ ((u * handed) @ vt) + b_middle
    return np.asarray(posed, np.float32)
