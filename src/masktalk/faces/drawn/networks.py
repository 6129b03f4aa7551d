"""The two networks of drawn faces, in onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from masktalk.faces.closing import Closing
from masktalk.faces.roi import Roi
from masktalk.types import FloatArray, UInt8Array

_FINDER_SIDE, _CROP_SIDE = 160, 96
_CELL = 8  # pixels of the finder's input that one of its answers stands for


@dataclass(frozen=True)
class Head:
    """A head that the finder sees.

    Attributes:
        x: Column of its middle in pixels.
        y: Row of its middle.
        size: Longer side of its outline in pixels.
        roll: Radians, clockwise in the picture.
        score: 0 to 1.
    """

    x: float
    y: float
    size: float
    roll: float
    score: float


@dataclass(frozen=True, eq=False)
class CropAnswers:
    """Answers about N crops.

    Attributes:
        points: (N, 8, 2) as 0..1 of the crop: eyes, nose, mouth corners, upper and lower lip,
            chin; left before right.
        peaks: (N, 8) 0 to 1, the part of a point's heat map in one cell.
        boxes: (N, 4) x0, y0, x1, y1 of the head's outline as 0..1 of the crop.
        states: (N, 4) probabilities of a closed, an open, no and a covered mouth.
        kinds: (N, 3) probabilities of no head, a drawing and a photograph.
    """

    points: FloatArray
    peaks: FloatArray
    boxes: FloatArray
    states: FloatArray
    kinds: FloatArray


class DrawnNetworks(Closing):
    """Both networks, loaded when first used and held until closed."""

    def __init__(self) -> None:
        self._sessions: dict[str, Any] = {}

    def heads(self, pixels: UInt8Array, view: Roi, threshold: float) -> list[Head]:
        """Return the heads in a square region of a (H, W, 3) picture, surest first."""
        crop = view.crop(pixels, _FINDER_SIDE, cv2.BORDER_REPLICATE)
        (answer,) = self._run("finder", crop[None])
        scores = 1 / (1 + np.exp(-np.clip(answer[0, 0], -50, 50)))
        peak = np.asarray(cv2.dilate(scores, np.ones((3, 3))))
        found = []
        for row, column in np.argwhere((scores >= peak) & (scores > threshold)):
            _, dx, dy, log_size, cos, sin = answer[0, :, row, column]
            place = np.array([[column + 0.5 + dx, row + 0.5 + dy]], np.float32)
            x, y = view.to_picture(place * (_CELL / _FINDER_SIDE))[0]
            size = float(np.exp(np.clip(log_size, -5, 1))) * view.size
            roll = float(np.arctan2(sin, cos)) + view.angle
            found.append(Head(float(x), float(y), size, roll, float(scores[row, column])))
        return _apart(sorted(found, key=lambda head: -head.score))

    def read(self, crops: UInt8Array) -> CropAnswers:
        """Return what (N, 96, 96, 3) crops show."""
        points, peaks, boxes, states, kinds = self._run("points", crops)
        return CropAnswers(points, peaks, boxes, _softmax(states), _softmax(kinds))

    def crop(self, pixels: UInt8Array, roi: Roi) -> UInt8Array:
        """Return the (96, 96, 3) crop of a region."""
        return roi.crop(pixels, _CROP_SIDE, cv2.BORDER_REPLICATE)

    def close(self) -> None:
        self._sessions.clear()

    def _run(self, name: str, pixels: UInt8Array) -> list[FloatArray]:
        if name not in self._sessions:
            self._sessions[name] = _session(name)
        scaled = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 255
        answers: list[FloatArray] = self._sessions[name].run(None, {"pixels": scaled})
        return answers


def _session(name: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = files("masktalk.faces.drawn").joinpath(f"{name}.onnx").read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _apart(heads: list[Head]) -> list[Head]:
    """The surest of heads that lie on one another."""
    kept: list[Head] = []
    for head in heads:
        near = (
            np.hypot(head.x - other.x, head.y - other.y) < 0.5 * max(head.size, other.size)
            for other in kept
        )
        if not any(near):
            kept.append(head)
    return kept


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
