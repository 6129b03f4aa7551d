"""Generated faces put into frames: colour and sharpness as around them, a soft edge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.compose.boxes import Box
from masktalk.types import FloatArray, Patch, UInt8Array

#: Side of the grid on which colours are compared, and the Gaussian that fills it, in cells.
_GRID = 32
_GRID_SIGMA = 8.0
#: Largest change of a colour, in levels of 255.
_MAX_COLOUR_SHIFT = 40.0
#: Largest share of detail that sharpening adds, and its Gaussian in generated pixels.
_MAX_SHARPENING = 0.6
_DETAIL_SIGMA = 0.7
_NO_WEIGHT = 1e-3
_AREA = cv2.INTER_AREA


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The frame around a generated face, as far as the face is matched to it.

    Attributes:
        mask: (h, w) uint8 weight of the generated face over ``area``.
        area: x0, y0, x1, y1 in the box, the part that the mask fills, with a rim of 0.
        colours: (32, 32, 4) float32 mean RGB in 0..255 of each cell, and its weight, which is
            largest along the mask's edge.
        detail: RMS of the fine detail along the mask's edge, in levels.
    """

    mask: UInt8Array
    area: Box
    colours: FloatArray
    detail: float


def surroundings(crop: UInt8Array, mask: UInt8Array, scale: float) -> Surroundings:
    """Measure the frame along the edge of a mask.

    Args:
        crop: (h, w, 3) RGB uint8, the box of the frame.
        mask: (h, w) uint8.
        scale: Pixels of the box per generated pixel.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):  # all of the mouth is occluded
        rows = columns = np.zeros(1, np.intp)
    height, width = mask.shape
    x0, x1 = max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, width)
    y0, y1 = max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, height)
    cut = np.ascontiguousarray(mask[y0:y1, x0:x1])
    image = np.ascontiguousarray(crop[y0:y1, x0:x1])
    band = _band(cut)
    colours = np.dstack([_small(image), cv2.resize(band, (_GRID, _GRID), interpolation=_AREA)])
    return Surroundings(cut, (x0, y0, x1, y1), colours, _rms(_detail(image, scale), band))


def blended_patch(face: FloatArray, box: Box, around: Surroundings, weight: float) -> Patch:
    """Return a generated face as a patch that is 0 along its border.

    Args:
        face: (S, S, 3) RGB in 0..1.
        box: x0, y0, x1, y1 in the frame.
        around: From ``surroundings`` of the same box.
        weight: Weight of the face, 0..1.
    """
    x0, y0, x1, y1 = around.area
    width, height = box[2] - box[0], box[3] - box[1]
    scale = width / face.shape[1]
    levels = np.clip(face * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    method = cv2.INTER_CUBIC if scale > 1 else _AREA
    whole = np.asarray(cv2.resize(levels, (width, height), interpolation=method))
    pixels = np.empty((*around.mask.shape, 4), np.uint8)
    pixels[..., :3] = matched(np.ascontiguousarray(whole[y0:y1, x0:x1]), around, scale)
    pixels[..., 3] = around.mask if weight >= 1 else np.rint(around.mask * np.float32(weight))
    return Patch(pixels, box[0] + x0, box[1] + y0)


def matched(image: UInt8Array, around: Surroundings, scale: float) -> UInt8Array:
    """Return (h, w, 3) RGB with the colours and the sharpness of their surroundings.

    The difference of colour along the mask's edge is spread over the face as a smooth field
    (a coarse form of Pérez et al., "Poisson Image Editing", 2003). Sharpening is an unsharp
    mask, for faces that were enlarged alone.

    Args:
        image: (h, w, 3) RGB uint8 over ``around.area``.
        around: What to match.
        scale: Pixels of the box per generated pixel.
    """
    colours, weight = around.colours[..., :3], around.colours[..., 3:]
    missing = (colours - _small(image)) * weight
    spread = cv2.GaussianBlur(missing, (0, 0), _GRID_SIGMA)
    total = cv2.GaussianBlur(weight, (0, 0), _GRID_SIGMA)[..., None]
    shift = np.clip(spread / (total + _NO_WEIGHT), -_MAX_COLOUR_SHIFT, _MAX_COLOUR_SHIFT)
    change = cv2.resize(shift, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if scale > 1:
        detail = _detail(image, scale)
        own = _rms(detail, _band(around.mask))
        gain = min(max(around.detail / own - 1, 0.0), _MAX_SHARPENING) if own > _NO_WEIGHT else 0.0
        change += (np.float32(gain) * detail)[..., None]
    return np.asarray(cv2.add(image, change, dtype=cv2.CV_8U), np.uint8)


def pasted_patch(face: FloatArray, box: Box) -> Patch:
    """Return the rectangle as the reference pastes it: truncated levels, resized, opaque.

    Args:
        face: (S, S, 3) RGB in 0..1.
        box: x0, y0, x1, y1 in the frame.
    """
    levels = (face * 255.0).astype(np.uint8)
    size = (box[2] - box[0], box[3] - box[1])
    opaque = np.full((size[1], size[0], 1), 255, np.uint8)
    return Patch(np.dstack([cv2.resize(levels, size), opaque]), box[0], box[1])


def _band(mask: UInt8Array) -> FloatArray:
    """Return (h, w) in 0..1, largest where the mask is half transparent."""
    weight = mask.astype(np.float32) / 255
    return 4 * weight * (1 - weight)


def _small(image: UInt8Array) -> FloatArray:
    """Return the (32, 32, 3) mean levels of a (h, w, 3) image's cells."""
    return cv2.resize(image, (_GRID, _GRID), interpolation=_AREA).astype(np.float32)


def _detail(image: UInt8Array, scale: float) -> FloatArray:
    """Return (h, w) levels of brightness finer than a generated pixel."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), max(scale, 1.0) * _DETAIL_SIGMA)


def _rms(detail: FloatArray, band: FloatArray) -> float:
    return float(np.sqrt(np.vdot(detail * detail, band) / (band.sum() + _NO_WEIGHT)))
