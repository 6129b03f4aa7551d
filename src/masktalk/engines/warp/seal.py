"""Lips freed of what shines through between them, so that they can close.

A mesh follows the lips' inner edges to a pixel or two. Where a frame's mouth is open, what
it takes for lip may be tooth, which would stay as a row of specks on lips that meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.engines.warp.lips import CLOSED_GAP, TRIM
from masktalk.landmarks import (
    LIP_COLUMNS,
    LOWER_LIP_RINGS,
    MOUTH_CORNERS,
    OUTER_EYE_CORNERS,
    UPPER_LIP_RINGS,
)
from masktalk.types import FloatArray, Frame, UInt8Array

_INNER = (MOUTH_CORNERS[2], *UPPER_LIP_RINGS[-1], MOUTH_CORNERS[3], *reversed(LOWER_LIP_RINGS[-1]))
_OUTER = (MOUTH_CORNERS[0], *UPPER_LIP_RINGS[0], MOUTH_CORNERS[1], *reversed(LOWER_LIP_RINGS[0]))
_MIDDLE = LIP_COLUMNS // 2
# In eye distances: how far beyond the mesh's edge teeth may show, at most this part of a
# lip's height; and over what distance a lip's colour is averaged.
_BAND, _MOST, _AVERAGE = 0.03, 0.35, 0.06
_COARSE = 2.0  # pixels that an average's deviation is worked out at
_BRIGHTER, _SURELY = 8.0, 22.0  # grey levels above the lip's own
# Where lips meet they are darker: brightness there, and how far it reaches in eye distances.
_LINE, _FOLD = 0.7, 0.01
# What may be tooth, and what is skin, counts so much in a lip's average: where nothing else is.
_UNCERTAIN, _ANY = 0.03, 0.0003


@dataclass(frozen=True, eq=False)
class Seal:
    """Pixels to see in place of a frame's own.

    Attributes:
        x: Column of their left edge in the frame.
        y: Row of their top edge in the frame.
        pixels: (h, w, 3).
    """

    x: int
    y: int
    pixels: UInt8Array

    def laid_on(self, pixels: UInt8Array, left: int, top: int) -> UInt8Array:
        """(H, W, 3|4) pixels of a frame from a column and a row on, sealed."""
        height, width = self.pixels.shape[:2]
        x0, y0 = max(self.x, left), max(self.y, top)
        x1 = min(self.x + width, left + pixels.shape[1])
        y1 = min(self.y + height, top + pixels.shape[0])
        if x0 >= x1 or y0 >= y1:
            return pixels
        sealed = pixels.copy()
        mine = self.pixels[y0 - self.y : y1 - self.y, x0 - self.x : x1 - self.x]
        sealed[y0 - top : y1 - top, x0 - left : x1 - left, :3] = mine
        return sealed


def is_parted(mesh: FloatArray) -> bool:
    """Return whether there is a gap between the lips of a (478, 3) mesh."""
    gap = np.linalg.norm(
        mesh[LOWER_LIP_RINGS[-1][_MIDDLE], :2] - mesh[UPPER_LIP_RINGS[-1][_MIDDLE], :2]
    )
    return bool(gap > CLOSED_GAP * _unit(mesh))


def seal_lips(frame: Frame, mesh: FloatArray) -> Seal | None:
    """Make the seal of a frame's lips from a (478, 3) mesh in pixels; None out of the frame."""
    unit = _unit(mesh)
    outer, inner = mesh[list(_OUTER), :2], mesh[list(_INNER), :2]
    margin = 0.02 * unit + 2
    x0, y0 = np.maximum(np.floor(outer.min(axis=0) - margin), 0).astype(int)
    reach = np.ceil(outer.max(axis=0) + margin)
    x1, y1 = np.minimum(reach, (frame.width, frame.height)).astype(int)
    if x1 - x0 < 3 or y1 - y0 < 3:
        return None
    corner, size = np.array([x0, y0], np.float32), (int(y1 - y0), int(x1 - x0))
    pixels = np.ascontiguousarray(frame.region(int(x0), int(y0), int(x1), int(y1))[..., :3])
    lips, between = filled(size, outer - corner), filled(size, inner - corner)
    band = max(min(_BAND * unit, _MOST * _height(mesh)), 1.0)
    sealed = _sealed(pixels.astype(np.float32), lips, between, unit, band)
    return Seal(int(x0), int(y0), np.clip(sealed + 0.5, 0, 255).astype(np.uint8))


def _sealed(
    rgb: FloatArray, lips: FloatArray, between: FloatArray, unit: float, band: float
) -> FloatArray:
    """(h, w, 3) colours with the lips' own between them and where teeth overlap them.

    Args:
        rgb: (h, w, 3) float32 colours as they are.
        lips: (h, w) 0..1 what lies inside the lips' outer edge.
        between: (h, w) 0..1 what lies inside the inner one.
        unit: Pixels between the outer eye corners.
        band: Pixels beyond the inner edge within which there may be teeth.
    """
    away = cv2.distanceTransform((between < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    outside = 1 - between
    certain = lips * (np.clip(away - band, 0, 1) + _UNCERTAIN)
    own = _averaged(rgb, (certain + _ANY) * outside, max(_AVERAGE * unit, 1.5))
    bright = cv2.transform(rgb - own, np.full((1, 3), 1 / 3, np.float32))
    tooth = np.clip((bright - _BRIGHTER) / (_SURELY - _BRIGHTER), 0, 1)
    near = np.clip(band + 1 - away, 0, 1) * lips
    weight = np.maximum(tooth * near, between)
    meeting = np.clip(1 + TRIM * unit - away, 0, 1).astype(np.float32)
    fold = cv2.GaussianBlur(meeting, (0, 0), _FOLD * unit + 0.5)
    own -= rgb
    own *= weight[..., None]
    own += rgb
    own *= (1 - (1 - _LINE) * fold)[..., None]
    return own


def _unit(mesh: FloatArray) -> float:
    return float(np.linalg.norm(mesh[OUTER_EYE_CORNERS[1], :2] - mesh[OUTER_EYE_CORNERS[0], :2]))


def filled(shape: tuple[int, int], ring: FloatArray) -> FloatArray:
    """(h, w) 0..1 how much of each pixel lies inside a ring (P, 2) of pixels."""
    mask: UInt8Array = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(ring * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    return (mask / np.float32(255)).astype(np.float32)


def _height(mesh: FloatArray) -> float:
    """Mean height of one lip in pixels."""
    rings = (UPPER_LIP_RINGS, LOWER_LIP_RINGS)
    across = [mesh[list(lip[0]), :2] - mesh[list(lip[-1]), :2] for lip in rings]
    return float(np.hypot(*np.concatenate(across).T).mean())


def _averaged(rgb: FloatArray, weight: FloatArray, sigma: float) -> FloatArray:
    """(h, w, 3) weighted average of the colours around each pixel."""
    height, width = weight.shape
    small = (max(round(width * _COARSE / sigma), 1), max(round(height * _COARSE / sigma), 1))
    small = (min(small[0], width), min(small[1], height))
    weight = np.asarray(weight + 1e-7, np.float32)
    both = cv2.merge([*cv2.split(rgb * weight[..., None]), weight])
    mean = cv2.GaussianBlur(cv2.resize(both, small, interpolation=cv2.INTER_AREA), (0, 0), _COARSE)
    average = np.ascontiguousarray(mean[..., :3] / mean[..., 3:])
    return np.asarray(cv2.resize(average, (width, height)), np.float32)
