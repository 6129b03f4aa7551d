"""From parts of a face to the soft mask that a generated face is laid over with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from PIL import Image

from masktalk.compose.boxes import Box
from masktalk.types import UInt8Array

ParsingMode: TypeAlias = Literal["raw", "jaw", "neck"]

# CelebAMask-HQ labels as the public checkpoint numbers them.
SKIN, NOSE, MOUTH, UPPER_LIP, LOWER_LIP, NECK = 1, 10, 11, 12, 13, 14
_LIPS = (MOUTH, UPPER_LIP, LOWER_LIP)
_MIDDLE = 256


@dataclass(frozen=True)
class MaskOptions:
    """Options of the blending mask.

    Attributes:
        mode: ``raw`` is skin and mouth; ``neck`` adds the neck; ``jaw`` reaches below the
            jaw and keeps away from the cheeks.
        left_cheek_width: In ``jaw`` mode, how far the picture's left half reaches out from
            the middle, in 1/512 of the crop.
        right_cheek_width: The same to the right.
        upper_boundary_ratio: Part of the crop, from the top, that stays as it is.
        expand: Width of the crop over the larger side of the face box.
        blur: Width of the soft edge over the width of the crop.
    """

    mode: ParsingMode = "jaw"
    left_cheek_width: int = 90
    right_cheek_width: int = 90
    upper_boundary_ratio: float = 0.5
    expand: float = 1.5
    blur: float = 0.05


def crop_box(box: Box, expand: float = 1.5) -> Box:
    """Return the square around a face box that is parsed; may leave the frame."""
    x0, y0, x1, y1 = box
    middle_x, middle_y = (x0 + x1) // 2, (y0 + y1) // 2
    half = int(max(x1 - x0, y1 - y0) // 2 * expand)
    return middle_x - half, middle_y - half, middle_x + half, middle_y + half


def cut(picture: UInt8Array, box: Box) -> UInt8Array:
    """Return a box of a (H, W, 3) picture, black where it leaves the picture."""
    x0, y0, x1, y1 = box
    height, width = picture.shape[:2]
    part = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    left, right = max(x0, 0), min(x1, width)
    top, bottom = max(y0, 0), min(y1, height)
    if left < right and top < bottom:
        part[top - y0 : bottom - y0, left - x0 : right - x0] = picture[top:bottom, left:right, :3]
    return part


def jaw_kernel() -> UInt8Array:
    """(33, 33) what skin grows by in ``jaw`` mode: a cone that opens downwards, on a stem."""
    rows, columns = np.mgrid[0:33, 0:33]
    return np.asarray(np.abs(columns - 16) <= np.minimum(rows - 10, 10), np.uint8)


def cheek_kernel() -> UInt8Array:
    """(3, 35) what the cheeks shrink by in ``jaw`` mode."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (35, 3)), np.uint8)


def speaking_region(labels: UInt8Array, options: MaskOptions) -> UInt8Array:
    """(512, 512) 255 where a mouth may be painted, 0 elsewhere, from face labels."""
    if options.mode == "jaw":
        region = (_jaw(labels, options) & (labels != NOSE)) | np.isin(labels, _LIPS)
    else:
        parts = (SKIN, *_LIPS, NECK) if options.mode == "neck" else (SKIN, *_LIPS)
        region = np.isin(labels, parts)
    return np.where(region, np.uint8(255), np.uint8(0))


def _jaw(labels: UInt8Array, options: MaskOptions) -> UInt8Array:
    grown = cv2.dilate((labels == SKIN).astype(np.uint8), jaw_kernel())
    shrunk = cv2.erode(grown, cheek_kernel(), iterations=2)
    columns = np.arange(labels.shape[1])
    cheeks = (columns <= _MIDDLE - options.left_cheek_width) | (
        columns >= _MIDDLE + options.right_cheek_width
    )
    return np.where(cheeks[None, :], shrunk, grown).astype(np.uint8)


def soft_mask(region: UInt8Array, box: Box, options: MaskOptions) -> UInt8Array:
    """Weight of the generated face within its box.

    Args:
        region: (512, 512) 0 or 255 over ``crop_box(box, options.expand)``.
        box: The face box in the frame.
        options: How.

    Returns:
        (y1 - y0, x1 - x0) uint8; 255 shows the generated face alone.
    """
    x0, y0, x1, y1 = box
    left, top, right, bottom = crop_box(box, options.expand)
    size = (right - left, bottom - top)
    inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    whole = np.array(Image.fromarray(region).resize(size))
    kept = np.zeros_like(whole)
    kept[inside] = whole[inside]
    kept[: int(size[1] * options.upper_boundary_ratio)] = 0
    return blurred(kept, options)[inside]


def blurred(mask: UInt8Array, options: MaskOptions) -> UInt8Array:
    """Blur the edge of an (H, W) mask over a crop."""
    width = int(options.blur * mask.shape[1] // 2 * 2) + 1
    return np.asarray(cv2.GaussianBlur(mask, (width, width), 0), np.uint8)
