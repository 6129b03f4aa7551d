"""The face crop of a training sample and the box of the mouth in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from masktalk.types import FloatArray, UInt8Array

MarginMethod: TypeAlias = Literal["normal", "uniform"]
IntBox: TypeAlias = tuple[int, int, int, int]

#: Pixels of the frame by which a crop reaches below the chin: mean, spread, limits.
MARGIN_MEAN, MARGIN_SPREAD = 10.0, 10.0
MARGIN_LIMITS = (0.0, 20.0)

#: Pixels that the box of the mouth reaches beyond its corners, in a crop of 256.
_MOUTH_PADDING = 10
_MOUTH = slice(48, 67)
_REFERENCE_SIDE = 256


def draw_margin(source: np.random.RandomState, method: MarginMethod = "normal") -> float:
    """Return a margin below the chin in pixels, within ``MARGIN_LIMITS``."""
    if method == "normal":
        drawn = source.normal(MARGIN_MEAN, MARGIN_SPREAD)
    else:
        drawn = source.uniform(MARGIN_MEAN - MARGIN_SPREAD, MARGIN_MEAN + MARGIN_SPREAD)
    return float(np.clip(drawn, *MARGIN_LIMITS))


def union_box(landmarks: FloatArray, detector_box: Sequence[float]) -> IntBox:
    """Return x0, y0, x1, y1 round a detector's box and the landmarks, from 0 on.

    Args:
        landmarks: (68, 2) in pixels.
        detector_box: x0, y0, x1, y1 in pixels.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    x0, y0 = (max(0, int(min(a, b))) for a, b in zip(detector_box[:2], low, strict=True))
    x1, y1 = (int(max(a, b)) for a, b in zip(detector_box[2:], high, strict=True))
    return x0, y0, x1, y1


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A square image of a face.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        box: x0, y0, x1, y1 of it in pixels of the frame, the margin included.
    """

    image: UInt8Array
    box: IntBox


def crop_face(frame: UInt8Array, box: IntBox, margin: float, size: int) -> FaceCrop:
    """Return the face in a box that is lengthened below, resized by Lanczos' filter.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: x0, y0, x1, y1 in pixels.
        margin: Pixels added below.
        size: Side of the result in pixels.
    """
    x0, y0, x1, y1 = box
    height, width = frame.shape[:2]
    bottom = int(min(y1 + margin, height))
    cut = x0, y0, min(x1, width), bottom
    part = Image.fromarray(frame[cut[1] : cut[3], cut[0] : cut[2]])
    image = part.resize((size, size), Image.Resampling.LANCZOS)
    return FaceCrop(np.asarray(image, np.uint8), cut)


def mouth_box(landmarks: FloatArray, crop: IntBox, size: int) -> IntBox:
    """Return the box of the mouth in a crop, twice as wide as high, never empty.

    Args:
        landmarks: (68, 2) in pixels of the frame.
        crop: x0, y0, x1, y1 of the crop in the frame.
        size: Side of the resized crop in pixels.
    """
    corner = np.array(crop[:2], float)
    scale = size / (np.array(crop[2:], float) - corner)
    points = (landmarks[_MOUTH] - corner) * scale
    box = _padded_box(points, _MOUTH_PADDING * size / _REFERENCE_SIDE)
    x0, y0, x1, y1 = (round(edge) for edge in np.clip(box, 0, size))
    x0, y0 = min(x0, size - 2), min(y0, size - 2)
    return x0, y0, max(x1, x0 + 2), max(y1, y0 + 2)


def upstream_mouth_box(
    landmarks: FloatArray, face: IntBox, margin: float, frame_width: int
) -> IntBox | None:
    """Return the reference's box of the mouth; None where the reference's mask is empty.

    Its corners are those of a 256-pixel crop without margin, moved up by the margin times the
    crop's share of the frame's width and cut at the face's width and height in the frame.

    Args:
        landmarks: (68, 2) in pixels of the frame.
        face: x0, y0, x1, y1 of the face without margin.
        margin: Pixels that the crop reaches further down.
        frame_width: Width of the frame in pixels.
    """
    sides = np.array(face[2:], float) - face[:2]
    points = (landmarks[_MOUTH] - face[:2]) / sides * _REFERENCE_SIDE
    box = _padded_box(points, _MOUTH_PADDING)
    box[1::2] -= margin * sides[0] / frame_width
    x0, y0 = (round(max(edge, 0)) for edge in box[:2])
    x1, y1 = (round(min(edge, side)) for edge, side in zip(box[2:], sides, strict=True))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _padded_box(
    points: npt.NDArray[np.float64] | FloatArray, padding: float
) -> npt.NDArray[np.float64]:
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    x0, x1 = x0 - padding, x1 + padding
    middle, half_height = (y0 + y1) / 2, (x1 - x0) / 4
    return np.array([x0, middle - half_height, x1, middle + half_height], np.float64)
