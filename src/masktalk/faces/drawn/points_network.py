"""The network of drawn heads, in onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from masktalk.faces.closing import Closing
from masktalk.faces.roi import Roi
from masktalk.types import FloatArray, UInt8Array

_SIDE = 96


@dataclass(frozen=True, eq=False)
class CropAnswers:
    """Answers about N crops.

    Attributes:
        points: (N, 8, 2) as 0..1 of the crop: eyes, nose, mouth corners, upper and lower lip,
            chin; left before right.
        boxes: (N, 4) x0, y0, x1, y1 of the head's outline as 0..1 of the crop.
        states: (N, 4) probabilities of a closed, an open, no and a covered mouth.
        heads: (N,) probabilities of a head.
    """

    points: FloatArray
    boxes: FloatArray
    states: FloatArray
    heads: FloatArray


class DrawnNetwork(Closing):
    """The network, loaded when first used and held until closed."""

    def __init__(self) -> None:
        self._session: Any = None

    def read(self, pixels: UInt8Array, regions: list[Roi], mirrored: bool = False) -> CropAnswers:
        """Return what regions of a (H, W, 3) uint8 picture show, as they are or mirrored."""
        if self._session is None:
            self._session = _session()
        crops = np.stack([region.crop(pixels, _SIDE, cv2.BORDER_REPLICATE) for region in regions])
        crops = crops[:, :, ::-1] if mirrored else crops
        scaled = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / 255
        names = ["points", "boxes", "states", "kinds"]
        points, boxes, states, kinds = self._session.run(names, {"pixels": scaled})
        return CropAnswers(points, boxes, _softmax(states), 1 - _softmax(kinds)[:, 0])

    def close(self) -> None:
        """Free the network."""
        self._session = None


def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = files("masktalk.faces.drawn").joinpath("points.onnx").read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _softmax(logits: FloatArray) -> FloatArray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
