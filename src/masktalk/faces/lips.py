"""Contrast of lips at the place of the mesh's lip line."""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.faces.roi import Roi
from masktalk.landmarks import LEFT_EYE_OUTER, LOWER_LIP_LINE, RIGHT_EYE_OUTER, UPPER_LIP_LINE
from masktalk.types import FloatArray, UInt8Array

_SIDE = 160
# Pixels between the outer eye corners in the crop, and rows from them to its middle.
_UNIT, _DROP = 60, 35
# Rows above and below that are looked at, and how much of the mouth's width.
_REACH, _WIDTH = 10, np.linspace(0.12, 0.88, 25)


def lip_contrast(pixels: UInt8Array, mesh: FloatArray) -> float:
    """Measure the contrast across the lip line of a (478, 3) mesh in an (H, W, 3) picture.

    Averaged along the line, freed of even shading (a parabola), in parts of the mean
    light: 0.2 to 1.5 for lips, below 0.1 for most cloths.
    """
    left, right = mesh[LEFT_EYE_OUTER, :2], mesh[RIGHT_EYE_OUTER, :2]
    across = right - left
    unit, angle = float(np.hypot(*across)), float(np.arctan2(across[1], across[0]))
    down = np.array([-across[1], across[0]]) * (_DROP / _UNIT)
    x, y = (left + right) / 2 + down
    roi = Roi(float(x), float(y), unit * _SIDE / _UNIT, angle)
    grey = cv2.cvtColor(roi.crop(pixels, _SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)
    profile = _across(grey, _line(mesh, roi))
    rows = np.arange(-_REACH, _REACH + 1.0)
    shading = np.stack([rows**2, rows, np.ones_like(rows)], axis=1)
    left_over = profile - shading @ np.linalg.lstsq(shading, profile, rcond=None)[0]
    # A few grey levels more keep black cloth from looking contrasty.
    return float(np.ptp(left_over) / (profile.mean() + 8))


def _line(mesh: FloatArray, roi: Roi) -> FloatArray:
    """(25, 2) points along the line between the lips, in pixels of the crop."""
    middle = (mesh[list(UPPER_LIP_LINE), :2] + mesh[list(LOWER_LIP_LINE), :2]) / 2
    matrix = roi.matrix(_SIDE).astype(np.float64)
    placed = (middle - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T - 0.5
    knots = np.linspace(0, 1, len(UPPER_LIP_LINE))
    return np.stack([np.interp(_WIDTH, knots, placed[:, axis]) for axis in (0, 1)], axis=1)


def _across(grey: FloatArray, line: FloatArray) -> FloatArray:
    """(21,) mean light at each distance above and below the line."""
    rows = np.arange(-_REACH, _REACH + 1.0)[:, None]
    x = np.broadcast_to(line[:, 0], (len(rows), len(line))).astype(np.float32)
    y = (line[:, 1] + rows).astype(np.float32)
    sampled = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled.mean(axis=1))
