"""Bounding boxes of the faces that Wav2Lip repaints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.compose.boxes import Box, smooth_boxes
from masktalk.engines.wav2lip.options import Wav2LipOptions
from masktalk.errors import OptionError
from masktalk.types import Face

#: Frames of the reference's running mean.
_UPSTREAM_FRAMES = 5

Pads: TypeAlias = tuple[int, int, int, int]


def face_boxes(
    faces: Sequence[Face | None], size: tuple[int, int], rate: float, options: Wav2LipOptions
) -> list[Box | None]:
    """Return one box per frame, inside the frame; None where there is no face.

    Args:
        faces: One per frame.
        size: Width and height of the frames in pixels.
        rate: Frames per second.
        options: ``pads``, ``box``, ``smoothing`` and ``compat`` apply.

    Raises:
        OptionError: ``box`` is empty or lies outside the frame.
    """
    if options.box is not None:
        return [fixed_box(options.box, size)] * len(faces)
    padded = [
        None if face is None else padded_box(np.trunc(face.box), options.pads, size)
        for face in faces
    ]
    if options.smoothing == "none":
        return [None if box is None else _inside(box, size) for box in padded]
    if options.compat == "upstream":
        present = [index for index, box in enumerate(padded) if box is not None]
        rows = np.array([padded[index] for index in present], np.int64).reshape(-1, 4)
        smoothed: list[npt.NDArray[np.float64] | None] = [None] * len(faces)
        for index, row in zip(present, upstream_smoothed(rows), strict=True):
            smoothed[index] = row.astype(np.float64)
    else:
        smoothed = smooth_boxes(padded, rate)
    return [None if box is None else _inside(box, size) for box in smoothed]


def fixed_box(box: tuple[int, int, int, int], size: tuple[int, int]) -> Box:
    """Return x0, y0, x1, y1 of a box given as top, bottom, left, right.

    Args:
        box: In pixels.
        size: Width and height of the frames in pixels.

    Raises:
        OptionError: It is empty or lies outside the frame.
    """
    top, bottom, left, right = box
    width, height = size
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise OptionError(
            f"`box` {top} {bottom} {left} {right}",
            f"is not a box inside the frame of {width}x{height}",
            "give top, bottom, left and right in pixels",
        )
    return left, top, right, bottom


def padded_box(
    rectangle: npt.NDArray[np.float64] | Sequence[float], pads: Pads, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return the (4,) x0, y0, x1, y1 of a detector's rectangle with pads, cut at the frame.

    Args:
        rectangle: (4,) x0, y0, x1, y1 in pixels.
        pads: Pixels at the top, bottom, left and right; negative ones cut.
        size: Width and height of the frames in pixels.
    """
    left, top, right, bottom = (max(float(edge), 0.0) for edge in rectangle)
    above, below, before, behind = pads
    width, height = size
    return np.array(
        [
            max(0.0, left - before),
            max(0.0, top - above),
            min(width, right + behind),
            min(height, bottom + below),
        ]
    )


def upstream_smoothed(boxes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return boxes under the reference's running mean, with its order and its rounding.

    Each row becomes the mean of itself and the four that follow; near the end, of the last
    five, some of which are means already. With fewer than five rows a negative start counts
    from the end.

    Args:
        boxes: (N, 4) integers in pixels.
    """
    result = boxes.copy()
    for index in range(len(result)):
        if index + _UPSTREAM_FRAMES > len(result):
            window = result[len(result) - _UPSTREAM_FRAMES :]
        else:
            window = result[index : index + _UPSTREAM_FRAMES]
        result[index] = np.trunc(np.mean(window, axis=0))
    return result


def _inside(box: npt.NDArray[np.float64], size: tuple[int, int]) -> Box | None:
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, size[0]), min(y1, size[1])
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None
