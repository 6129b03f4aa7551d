"""Bounding boxes of faces over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

#: x0, y0, x1, y1 in pixels.
Box: TypeAlias = tuple[int, int, int, int]

#: Seconds of the Gaussian that takes the jitter out of a box.
_SMOOTHING_S = 0.2
#: Jump of an edge at a cut, in widths of the box.
_CUT_WIDTHS = 0.5


def smooth_boxes(
    boxes: Sequence[npt.NDArray[np.float64] | None], rate: float
) -> list[npt.NDArray[np.float64] | None]:
    """Return boxes without jitter, smoothed neither across cuts nor across absent faces.

    Each edge is the value at its frame of a line fitted to its neighbours under a Gaussian
    (local linear regression, Cleveland 1979), which neither leads nor lags steady motion,
    at the ends of a shot too.

    Args:
        boxes: (4,) x0, y0, x1, y1 per frame; None where there is no face.
        rate: Frames per second.
    """
    reach = max(round(3 * _SMOOTHING_S * rate), 1)
    result: list[npt.NDArray[np.float64] | None] = [None] * len(boxes)
    for shot in _shots(boxes):
        stacked = np.stack([boxes[index] for index in shot])  # type: ignore[misc]
        for place, index in enumerate(shot):
            low, high = max(place - reach, 0), min(place + reach + 1, len(shot))
            offsets = np.arange(low, high) - place
            weight = np.exp(-0.5 * (offsets / (_SMOOTHING_S * rate)) ** 2)
            result[index] = _line_at_zero(offsets, stacked[low:high], weight)
    return result


def _line_at_zero(
    offsets: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the (4,) values at offset 0 of weighted least-squares lines.

    Args:
        offsets: (N,) frames.
        values: (N, 4).
        weight: (N,), positive.
    """
    total, first, second = (float((weight * offsets**power).sum()) for power in (0, 1, 2))
    if len(offsets) == 1:
        return values[0]
    share = weight * (second - first * offsets) / (total * second - first**2)
    return np.asarray(share @ values)


def _shots(boxes: Sequence[npt.NDArray[np.float64] | None]) -> list[list[int]]:
    """Return runs of frames with a face, split where the box jumps."""
    runs: list[list[int]] = []
    last: npt.NDArray[np.float64] | None = None
    for index, box in enumerate(boxes):
        if box is not None:
            jumped = last is not None and np.abs(box - last).max() > _CUT_WIDTHS * (
                last[2] - last[0]
            )
            if last is None or jumped:
                runs.append([])
            runs[-1].append(index)
        last = box
    return runs
