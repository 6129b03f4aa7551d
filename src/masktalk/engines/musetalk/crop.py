"""Bounding boxes that MuseTalk repaints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.compose.boxes import Box, smooth_boxes
from masktalk.landmarks import IBUG_68
from masktalk.types import Face, FloatArray

CropKind: TypeAlias = Literal["stable", "reference"]

_BRIDGE_ABOVE, _BRIDGE, _BRIDGE_BELOW = 28, 29, 30


@dataclass(frozen=True)
class ShiftRange:
    """Between which values bbox_shift still makes sense for a face.

    Attributes:
        up: Pixels it may move up; ``bbox_shift`` of ``-up``.
        down: Pixels it may move down.
    """

    up: int
    down: int


def ibug_points(face: Face) -> FloatArray:
    """(68, 2) pixels, the face's points in the order of iBUG 300-W."""
    return np.asarray(face.mesh[list(IBUG_68), :2], np.float32)


def reference_box(points: FloatArray, shift: int, fallback: Box) -> Box:
    """Return the box the reference takes: twice as high as from the nose bridge to the chin.

    Args:
        points: (68, 2) in pixels.
        shift: Pixels the middle moves down; the top moves twice as far.
        fallback: The detector's box, for points that span none.

    Returns:
        x0, y0, x1, y1 in pixels; may leave the frame on the right and at the bottom.
    """
    whole = points.astype(np.int32)
    middle = int(whole[_BRIDGE, 1]) + shift
    bottom = int(whole[:, 1].max())
    top = max(0, 2 * middle - bottom)
    left, right = int(whole[:, 0].min()), int(whole[:, 0].max())
    if bottom <= top or right <= left or left < 0:
        return fallback
    return left, top, right, bottom


def shift_range(points: Sequence[FloatArray]) -> ShiftRange:
    """Return the reference's shift range for (68, 2) landmarks: half a nose bridge each way."""
    whole = np.stack([p.astype(np.int32) for p in points])
    up = whole[:, _BRIDGE_BELOW, 1] - whole[:, _BRIDGE, 1]
    down = whole[:, _BRIDGE, 1] - whole[:, _BRIDGE_ABOVE, 1]
    return ShiftRange(int(up.sum() / len(up)), int(down.sum() / len(down)))


def crop_boxes(
    faces: Sequence[Face | None],
    size: tuple[int, int],
    rate: float,
    kind: CropKind,
    shift: int,
    margin: int,
) -> list[Box | None]:
    """One box a frame, inside the frame; None where there is no face.

    Args:
        faces: One a frame.
        size: Width and height of the frames.
        rate: Frames per second.
        kind: ``reference`` takes each frame's own box, ``stable`` one smoothed over time.
        shift: See ``reference_box``.
        margin: Pixels the box reaches further down.
    """
    raw = [None if face is None else _box_of(face, shift) for face in faces]
    if kind == "stable":
        raw = smooth_boxes(raw, rate)
    return [None if box is None else _inside(box, size, margin) for box in raw]


def _box_of(face: Face, shift: int) -> npt.NDArray[np.float64]:
    x0, y0, x1, y1 = (int(edge) for edge in face.box)
    fallback = (max(x0, 0), max(y0, 0), x1, y1)
    return np.array(reference_box(ibug_points(face), shift, fallback), np.float64)


def _inside(box: npt.NDArray[np.float64], size: tuple[int, int], margin: int) -> Box | None:
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    x0, y0 = max(x0, 0), max(y0, 0)
    x1, y1 = min(x1, size[0]), min(y1 + margin, size[1])
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None
