"""Displacement fields that do not fold.

A field x -> x + u(x) keeps neighbours in their order while the determinant of its Jacobian is
positive. Between four nodes a bilinear field's determinant is least at one of them, so a grid
is free of folds if no corner of its cells has a determinant that is not positive. Where one
has, the field is made smoother around it until none is left: it gives up detail there rather
than its reach.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray

BoolArray = npt.NDArray[np.bool_]

#: Least determinant that a limited field keeps.
MIN_JACOBIAN = 0.05
_MAX_PASSES = 40
_PASSES_PER_NODE = 4  # after so many passes the smoothed surroundings grow by a node
_MAX_REACH = 2 + _MAX_PASSES // _PASSES_PER_NODE  # nodes around a fold that change
_HALVINGS = 6


def jacobian(shift: FloatArray) -> FloatArray:
    """Return the least Jacobian determinant of each cell of a field, (rows - 1, columns - 1).

    Args:
        shift: (rows, columns, 2) displacement of the nodes, counted in nodes.
    """
    x, y = cv2.split(shift)
    across = (x[:, 1:] - x[:, :-1] + 1, y[:, 1:] - y[:, :-1])
    down = (x[1:] - x[:-1], y[1:] - y[:-1] + 1)
    least: FloatArray | None = None
    for upper in (np.s_[:-1], np.s_[1:]):
        for left in (np.s_[:, :-1], np.s_[:, 1:]):
            corner = across[0][upper] * down[1][left] - across[1][upper] * down[0][left]
            least = corner if least is None else np.minimum(least, corner, out=least)
    return np.asarray(least, np.float32)


def lip_sides(
    points: FloatArray, above: FloatArray, below: FloatArray, slack: float
) -> tuple[BoolArray, BoolArray]:
    """Return which points lie above the upper lip's inner edge, and which below the lower's.

    Args:
        points: (rows, columns, 2) positions.
        above: (P, 2) the upper lip's inner edge from left to right, in the same unit; it runs
            on straight from its ends.
        below: (P, 2) the lower lip's.
        slack: How far across an edge a point still counts, in the same unit.
    """
    along = above[-1] - above[0]
    x, y = along / max(float(np.hypot(*along)), 1e-6)
    frame = np.array([[x, -y], [y, x]], np.float32)  # to along the mouth and across it
    place, depth = np.moveaxis(points @ frame, -1, 0)
    edges = []
    for line in (above, below):
        places, depths = (line @ frame).T
        edges.append(np.interp(place, np.maximum.accumulate(places), depths))
    return depth < edges[0] + slack, depth > edges[1] - slack


def unfold(shift: FloatArray, used: BoolArray) -> FloatArray:
    """Return a field without folds; the field itself if it has none.

    Args:
        shift: (rows, columns, 2) displacement of the nodes, counted in nodes.
        used: (rows, columns) nodes between which the field is looked at. Cells with others
            may fold.
    """
    inside = used[:-1] & used[1:]
    inside = inside[:, :-1] & inside[:, 1:]
    folded = (jacobian(shift) < MIN_JACOBIAN) & inside
    if not folded.any():
        return shift
    rows, columns = (_stretch(np.atleast_1d(folded.any(axis=axis))) for axis in (1, 0))
    part = np.s_[rows.start : rows.stop + 1, columns.start : columns.stop + 1]
    limited = shift.copy()
    limited[part] = _smoothed(shift[part], used[part], inside[rows, columns], folded[rows, columns])
    if ((jacobian(limited) < MIN_JACOBIAN) & inside).any():
        limited = _scaled(limited, inside)
    return limited


def _stretch(folded: BoolArray) -> slice:
    """Return the cells in a row, (n,), that smoothing around folded ones may reach."""
    kept = np.flatnonzero(folded)
    return slice(max(int(kept[0]) - _MAX_REACH, 0), int(kept[-1]) + 1 + _MAX_REACH)


def _smoothed(
    shift: FloatArray, used: BoolArray, inside: BoolArray, folded: BoolArray
) -> FloatArray:
    """Return a field, (rows, columns, 2), smoothed around its folded cells until none is left.

    Args:
        shift: (rows, columns, 2) in nodes.
        used: (rows, columns) nodes between which the field is looked at.
        inside: (rows - 1, columns - 1) the cells between them.
        folded: (rows - 1, columns - 1) those of them that fold.
    """
    weight = used.astype(np.float32)
    total = cv2.blur(weight, (3, 3), borderType=cv2.BORDER_CONSTANT) + np.float32(1e-6)
    smooth = np.where(used[..., None], shift, 0).astype(np.float32)
    region = np.zeros(used.shape, np.uint8)
    for done in range(_MAX_PASSES):
        region |= _around(folded, 1 + done // _PASSES_PER_NODE)
        mean = cv2.blur(smooth, (3, 3), borderType=cv2.BORDER_CONSTANT) / total[..., None]
        near = cv2.blur(region.astype(np.float32), (3, 3))[..., None] * weight[..., None]
        smooth += near * (mean - smooth)
        folded = (jacobian(smooth) < MIN_JACOBIAN) & inside
        if not folded.any():
            break
    return np.where(used[..., None], smooth, shift).astype(np.float32)


def _around(cells: BoolArray, nodes: int) -> npt.NDArray[np.uint8]:
    """(rows, columns) 1 at the nodes of some cells and so many nodes around them."""
    size = 2 * nodes
    padded = np.pad(cells.astype(np.uint8), ((0, 1), (0, 1)))
    return np.asarray(
        cv2.dilate(padded, np.ones((size, size), np.uint8), anchor=(nodes, nodes)), np.uint8
    )


def _scaled(shift: FloatArray, inside: BoolArray) -> FloatArray:
    """Return the field made smaller until it does not fold: no displacement never does."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        folds = ((jacobian(np.float32(middle) * shift) < MIN_JACOBIAN) & inside).any()
        low, high = (low, middle) if folds else (middle, high)
    return np.asarray(np.float32(low) * shift, np.float32)
