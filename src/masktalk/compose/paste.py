"""Lay an engine's patch over a frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from masktalk.types import Frame, Patch, UInt8Array


@dataclass(frozen=True)
class _Window:
    """The part of a patch that lies inside the frame."""

    frame: tuple[slice, slice]
    patch: tuple[slice, slice]


def paste(frame: Frame, patch: Patch | None, time: Fraction) -> Frame:
    """Return the frame with the patch over it, at a new time.

    Where the patch's alpha is 0 the pixels equal the frame's, where it is 255 the
    patch's; between, they are mixed in gamma space and rounded. What of the patch lies
    outside the frame is cut off. The given frame is not changed.

    Args:
        frame: (H, W, 3|4) the avatar's own frame.
        patch: What to lay over it; None leaves the frame as it is.
        time: Time of the result in seconds.
    """
    window = None if patch is None else _window(frame, patch)
    if patch is None or window is None:
        return frame.at(time)
    rows, columns = window.frame
    below = frame.region(columns.start, rows.start, columns.stop, rows.stop)
    pixels = _mix(below, patch.pixels[window.patch])
    if frame.has_alpha:
        alpha = below[..., 3] if patch.matte is None else patch.matte[window.patch]
        pixels = np.dstack([pixels, alpha])
    return frame.with_region(columns.start, rows.start, pixels).at(time)


def _window(frame: Frame, patch: Patch) -> _Window | None:
    height, width = patch.pixels.shape[:2]
    left, right = max(patch.x, 0), min(patch.x + width, frame.width)
    top, bottom = max(patch.y, 0), min(patch.y + height, frame.height)
    if left >= right or top >= bottom:
        return None
    return _Window(
        frame=(slice(top, bottom), slice(left, right)),
        patch=(slice(top - patch.y, bottom - patch.y), slice(left - patch.x, right - patch.x)),
    )


def _mix(below: UInt8Array, over: UInt8Array) -> UInt8Array:
    """(h, w, 3) what is below, (h, w, 3|4), with what is over it, (h, w, 4), laid over."""
    over = np.ascontiguousarray(over)
    colour = np.asarray(cv2.cvtColor(over, cv2.COLOR_RGBA2RGB), np.uint8)
    if over[..., 3].min(initial=255) == 255:
        return colour
    weight = over[..., 3].astype(np.float32)
    below = np.ascontiguousarray(below[..., :3])
    return np.asarray(cv2.blendLinear(colour, below, weight, 255.0 - weight), np.uint8)
