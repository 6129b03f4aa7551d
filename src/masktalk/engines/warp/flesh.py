"""The flesh that shows at the edge of an open mouth: lips that turn inwards, round corners.

A closed mouth hides the inner side of its lips, which shows at the corners when it opens.
It is made of the colours around the opening, and the wider a mouth opens, the more of it
there is.
"""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.engines.warp.field import smooth_step
from masktalk.types import FloatArray, UInt8Array

# Eye distances over which the flesh turns inwards, and that part of the opening at most.
_RIM, _OF_OPENING = 0.032, 0.22
_LEAST = 0.6  # pixels; a narrower rim is not seen
# Of the neighbourhood that lies between the lips: where the depth begins, and where it is all.
_FROM, _TO = 0.40, 0.80
_BEGINS = 0.35  # how far aside flesh begins to show
_NEAR = 0.022  # eye distances over which the colours around are averaged
_COARSE = 1.5  # pixels that an average's deviation is worked out at
_OUTSIDE, _INSIDE = 0.80, 0.34  # its brightness at the lips and at the depth
_OWN = 0.6  # of its hue that is the lips' own


def with_flesh(
    inside: FloatArray,
    area: UInt8Array,
    opening: FloatArray,
    aside: FloatArray,
    tint: FloatArray,
    unit: float,
) -> FloatArray:
    """(h, w, 3) the inside with flesh along the lips, towards the corners.

    Args:
        inside: (h, w, 3) float32 what is between the lips.
        area: (h, w, 3) the picture with its lips moved.
        opening: (h, w) 0..1, how much of each pixel lies between the lips.
        aside: (h, w) 0 in the mouth's middle, 1 at its corners.
        tint: (3,) flesh of brightness 1.
        unit: Pixels between the outer eye corners.
    """
    height = float(opening.sum(axis=0).max())
    sigma = min(_RIM * unit, _OF_OPENING * height)
    if sigma < _LEAST:
        return inside
    near = cv2.GaussianBlur(opening, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    middle = 1 - smooth_step((aside - _BEGINS) / (1 - _BEGINS))
    depth = smooth_step((near + middle - _FROM) / (_TO - _FROM))
    around = _around(area, 1 - opening, _NEAR * unit)
    flesh = np.asarray(cv2.transform(around, _own(tint)), np.float32)
    flesh *= (_OUTSIDE + (_INSIDE - _OUTSIDE) * depth)[..., None]
    flesh += (inside - flesh) * depth[..., None]
    return flesh


def _own(tint: FloatArray) -> FloatArray:
    """(3, 3) what makes flesh of a colour around: some of its hue is the lips', some stays."""
    bright = tint[:, None] * np.full((1, 3), _OWN / 3, np.float32)
    return np.asarray(bright + (1 - _OWN) * np.eye(3, dtype=np.float32), np.float32)


def _around(rgb: UInt8Array, weight: FloatArray, sigma: float) -> FloatArray:
    """(h, w, 3) weighted average of the colours around each pixel."""
    height, width = weight.shape
    share = min(_COARSE / sigma, 1.0)
    small = (max(round(width * share), 1), max(round(height * share), 1))
    coarse = cv2.resize(weight, small, interpolation=cv2.INTER_AREA) + np.float32(1e-4)
    colours = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA) * coarse[..., None]
    mean = cv2.GaussianBlur(colours, (0, 0), _COARSE) / _blurred(coarse)[..., None]
    return np.asarray(cv2.resize(mean, (width, height)), np.float32)


def _blurred(weight: FloatArray) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(weight, (0, 0), _COARSE), np.float32)
