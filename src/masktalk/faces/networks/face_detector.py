"""BlazeFace: anchors, decoding and weighted non-maximum suppression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import cv2
import numpy as np

from masktalk.faces.networks.runtime import open_network
from masktalk.faces.networks.sampling import Square, sample_square
from masktalk.types import FloatArray, UInt8Array

Range: TypeAlias = Literal["short", "full"]

_NMS_MIN_IOU = 0.3
_MAX_LOGIT = 80.0  # float32's exponential overflows beyond
_KEYPOINTS = 6


@dataclass(frozen=True)
class _Layout:
    """Input side in pixels, and (stride in pixels, anchors per cell) of each output layer."""

    side: int
    layers: tuple[tuple[int, int], ...]


_LAYOUTS: dict[Range, _Layout] = {
    "short": _Layout(128, ((8, 2), (16, 6))),
    "full": _Layout(192, ((4, 1),)),
}


@dataclass(frozen=True, eq=False)
class Detection:
    """A detected face, in fractions of the image's width and height.

    Attributes:
        score: 0 to 1.
        box: x0, y0, x1, y1.
        keypoints: (6, 2) eye, eye, nose tip, mouth, ear, ear; the image's left first.
    """

    score: float
    box: tuple[float, float, float, float]
    keypoints: FloatArray


class FaceDetector:
    """BlazeFace; the ``full`` range sees smaller faces, the ``short`` one larger ones.

    Args:
        kind: Which of the two networks.
        threshold: Score in 0..1 from which an answer counts.
    """

    def __init__(self, kind: Range, threshold: float) -> None:
        self._kind, self._threshold = kind, threshold

    def detect(self, image: UInt8Array) -> list[Detection]:
        """Return every face in an (H, W, 3) RGB uint8 image, best first."""
        height, width = image.shape[:2]
        layout = _LAYOUTS[self._kind]
        square = Square.letterbox(width, height)
        crop = sample_square(image, square, layout.side, cv2.BORDER_CONSTANT)
        pixels = crop[None].astype(np.float32) * np.float32(2 / 255) - np.float32(1)
        session = open_network(f"face_detection_{self._kind}")
        regressors, logits = session.run(None, {"image": pixels})
        scores = _sigmoid(logits[0, :, 0])
        kept = scores >= np.float32(self._threshold)
        places = _decoded(regressors[0][kept], anchors(self._kind)[kept], layout.side)
        solid = (places[:, 1] >= places[:, 0]).all(axis=1)
        return [
            _in_image(place, score, square, (width, height))
            for place, score in weighted_nms(places[solid], scores[kept][solid])
        ]


@cache
def anchors(kind: Range) -> FloatArray:
    """Return (N, 2) anchor centres in 0..1; all have unit size (Liu et al. 2016, SSD)."""
    layout = _LAYOUTS[kind]
    centres = []
    for stride, count in layout.layers:
        cells = layout.side // stride
        steps = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / cells
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, count, axis=0))
    return np.asarray(np.concatenate(centres), np.float32)


def weighted_nms(places: FloatArray, scores: FloatArray) -> list[tuple[FloatArray, float]]:
    """Merge overlapping answers into score-weighted means (Bazarevsky et al. 2019).

    Args:
        places: (N, 2 + K, 2): box corners, then keypoints.
        scores: (N,) in 0..1.

    Returns:
        (2 + K, 2) place and best score of each face, best first.
    """
    left = np.argsort(-scores, kind="stable")
    merged = []
    while len(left):
        joined = _iou(places[left[0], :2], places[left, :2]) > _NMS_MIN_IOU
        joined[0] = True
        group = left[joined]
        weights = scores[group] / scores[group].sum()
        place = (places[group] * weights[:, None, None]).sum(axis=0)
        merged.append((place, float(scores[left[0]])))
        left = left[~joined]
    return merged


def _decoded(regressors: FloatArray, centres: FloatArray, side: int) -> FloatArray:
    """(N, 8, 2) box corners and keypoints in fractions of the letterbox."""
    values = regressors.reshape(-1, 2 + _KEYPOINTS, 2) / np.float32(side)
    places = values + centres[:, None]
    half = values[:, 1] / 2
    middle = places[:, 0].copy()
    places[:, 0], places[:, 1] = middle - half, middle + half
    return np.asarray(places, np.float32)


def _in_image(place: FloatArray, score: float, square: Square, size: tuple[int, int]) -> Detection:
    scale = np.array([square.size / size[0], square.size / size[1]], np.float32)
    points = (place * scale - (scale - 1) / 2).astype(np.float32)
    (x0, y0), (x1, y1) = points[:2]
    return Detection(score, (float(x0), float(y0), float(x1), float(y1)), points[2:])


def _iou(box: FloatArray, others: FloatArray) -> FloatArray:
    """(N,) intersection over union of a (2, 2) box with (N, 2, 2) others."""
    shared = np.minimum(box[1], others[:, 1]) - np.maximum(box[0], others[:, 0])
    intersection = np.maximum(shared, 0).prod(axis=1)
    union = (box[1] - box[0]).prod() + (others[:, 1] - others[:, 0]).prod(axis=1) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-12), np.float32)


def _sigmoid(logits: FloatArray) -> FloatArray:
    clipped = np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT)
    return np.asarray(1 / (1 + np.exp(-clipped)), np.float32)
