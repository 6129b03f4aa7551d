"""Rendered heads become patches over the avatar's frames."""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.engines.sadtalker.crop import Region
from masktalk.numerics import smoothstep
from masktalk.types import FloatArray, Patch, UInt8Array

#: Width of the feather, in sides of the region.
_FEATHER_SHARE = 0.08
_OPAQUE = 255


def feathered_patch(head: UInt8Array, region: Region, size: tuple[int, int]) -> Patch:
    """Return a head as a patch that fades out towards the edges of its region.

    An edge on or beyond the frame's own does not fade: nothing lies behind it.

    Args:
        head: (S, S, 3) RGB.
        region: Where it belongs in the frame.
        size: Width and height of the frame.
    """
    alpha = np.outer(
        _ramp(region.y, region.height, size[1]), _ramp(region.x, region.width, size[0])
    )
    levels = np.rint(alpha * _OPAQUE).astype(np.uint8)
    return _inside(_resized(head, region), levels, region, size)


def poisson_patch(head: UInt8Array, region: Region, frame: UInt8Array) -> Patch:
    """Return a head whose gradients are blended into the frame (Perez et al. 2003).

    Args:
        head: (S, S, 3) RGB.
        region: Where it belongs in the frame.
        frame: (H, W, 3) RGB.
    """
    height, width = frame.shape[:2]
    opaque = np.full((region.height, region.width), _OPAQUE, np.uint8)
    patch = _inside(_resized(head, region), opaque, region, (width, height))
    pixels = np.ascontiguousarray(patch.pixels[..., :3])
    mask = np.ascontiguousarray(patch.pixels[..., 3])  # seamlessClone writes to it
    right, bottom = patch.x + mask.shape[1], patch.y + mask.shape[0]
    centre = ((patch.x + right) // 2, (patch.y + bottom) // 2)
    cloned = cv2.seamlessClone(pixels, frame, mask, centre, cv2.NORMAL_CLONE)
    blended = cloned[patch.y : bottom, patch.x : right]
    return Patch(np.dstack([blended, patch.pixels[..., 3]]), patch.x, patch.y)


def _resized(head: UInt8Array, region: Region) -> UInt8Array:
    shrinks = 2 * max(region.width, region.height) < len(head)
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(head, (region.width, region.height), interpolation=how), np.uint8)


def _inside(pixels: UInt8Array, alpha: UInt8Array, region: Region, size: tuple[int, int]) -> Patch:
    """Cut what lies outside the frame away."""
    left, top = max(-region.x, 0), max(-region.y, 0)
    right = min(region.width, size[0] - region.x)
    bottom = min(region.height, size[1] - region.y)
    shown = np.dstack([pixels, alpha])[top:bottom, left:right]
    return Patch(np.ascontiguousarray(shown), region.x + left, region.y + top)


def _ramp(begin: int, length: int, limit: int) -> FloatArray:
    """Return (length,) weights in 0..1 that rise and fall smoothly at the inner edges."""
    feather = max(_FEATHER_SHARE * length, 1.0)
    index = np.arange(length)
    rise = np.ones(length) if begin <= 0 else np.clip(index / feather, 0, 1)
    fall = np.ones(length)
    if begin + length < limit:
        fall = np.clip((length - 1 - index) / feather, 0, 1)
    return np.asarray(smoothstep(np.minimum(rise, fall)))
