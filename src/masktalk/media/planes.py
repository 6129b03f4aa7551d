"""Cutting, pasting and turning the planes of decoded frames."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import numpy.typing as npt

from masktalk.media.orientation import Orientation

_MARGIN = 4
_SMALLEST = 16

#: Formats whose planes are cut and patched here: chroma halved both ways.
HALVED_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuva420p", "yuv420p10le"})


def around(low: int, high: int, limit: int) -> tuple[int, int]:
    """Even bounds around low..high, wide enough to convert what lies inside as in the whole.

    swscale looks ``_MARGIN`` pixels around, and takes another way below ``_SMALLEST``.
    """
    begin, end = align_down(low - _MARGIN), align_up(high + _MARGIN, limit)
    end = min(max(end, begin + _SMALLEST), limit)
    return align_down(min(begin, end - _SMALLEST)), end


def align_down(value: int) -> int:
    """Return the even number at or below a value, not below 0."""
    return max(value - value % 2, 0)


def align_up(value: int, limit: int) -> int:
    """Return the even number at or above a value, not above a limit."""
    return min(value + value % 2, limit)


def plane_views(frame: av.VideoFrame) -> list[npt.NDArray[Any]]:
    """Return (h, w) uint8 or uint16 views of a frame's planes, in one of ``HALVED_FORMATS``."""
    kind = np.dtype(np.uint8 if sample_bits(frame.format.name) == 8 else "<u2")
    views = []
    for plane in frame.planes:
        buffer: Any = plane
        rows = np.frombuffer(buffer, kind).reshape(-1, plane.line_size // kind.itemsize)
        views.append(rows[: plane.height, : plane.width])
    return views


def sample_bits(pixel_format: str) -> int:
    """Return the bits of a sample of a pixel format, by FFmpeg's name."""
    return int(av.VideoFormat(pixel_format).components[0].bits)


def cut_planes(frame: av.VideoFrame, x0: int, y0: int, x1: int, y1: int) -> av.VideoFrame:
    """Return a copy of a rectangle, in the same format; x0 and y0 are even."""
    cut = av.VideoFrame(x1 - x0, y1 - y0, frame.format.name)
    for index, (target, source) in enumerate(
        zip(plane_views(cut), plane_views(frame), strict=True)
    ):
        step = 2 if index in (1, 2) else 1
        height, width = target.shape
        target[:] = source[y0 // step : y0 // step + height, x0 // step : x0 // step + width]
    return cut


def paste_planes(
    frame: av.VideoFrame, patch: av.VideoFrame, x: int, y: int, inset: tuple[int, int, int, int]
) -> None:
    """Copy a patch into a frame of the same format at x, y, which are even.

    Args:
        frame: Written to.
        patch: What to copy.
        x: Column of the patch's left edge in the frame.
        y: Row of its top edge.
        inset: Columns and rows of the patch to leave out, even: left, top, right, bottom.
    """
    for index, (target, source) in enumerate(
        zip(plane_views(frame), plane_views(patch), strict=True)
    ):
        step = 2 if index in (1, 2) else 1
        left, top, right, bottom = (value // step for value in inset)
        height, width = source.shape
        inner = source[top : height - bottom, left : width - right]
        row, column = y // step + top, x // step + left
        target[row : row + inner.shape[0], column : column + inner.shape[1]] = inner


def turned(frame: av.VideoFrame, orientation: Orientation) -> av.VideoFrame:
    """Return the frame with its planes turned, in one of ``HALVED_FORMATS`` and of even size."""
    width, height = frame.width, frame.height
    if orientation.swaps:
        width, height = height, width
    upright = av.VideoFrame(width, height, frame.format.name)
    for target, source in zip(plane_views(upright), plane_views(frame), strict=True):
        target[:] = orientation.apply(source)
    return upright


def turns_planes(frame: av.VideoFrame) -> bool:
    """Return whether ``turned`` can rotate a frame without moving its chroma."""
    even = frame.width % 2 == 0 and frame.height % 2 == 0
    return even and frame.format.name in HALVED_FORMATS


def copied(frame: av.VideoFrame, pixel_format: str | None = None) -> av.VideoFrame:
    """Return a copy of the planes and nothing else: no tags, no time, no side data.

    swscale reads the tags of where chroma samples lie, which a decoder invents when the file
    does not say; without them all frames are treated alike.

    Args:
        frame: Of any format.
        pixel_format: Another name of a format of the same planes; None for the same.
    """
    copy = av.VideoFrame(frame.width, frame.height, pixel_format or frame.format.name)
    for target, source in zip(copy.planes, frame.planes, strict=True):
        rows, used = _rows(target), _rows(source)
        width = min(rows.shape[1], used.shape[1])
        rows[:, :width] = used[: len(rows), :width]
    return copy


def _rows(plane: Any) -> npt.NDArray[np.uint8]:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))
    # A negative line size means that the picture is stored from the bottom up.
    return rows[::-1] if plane.line_size < 0 else rows
