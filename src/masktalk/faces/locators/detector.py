"""MediaPipe's face detector: six points a face, at two ranges."""

from __future__ import annotations

import numpy as np

from masktalk.faces.canonical import LEFT_EAR, NOSE_TIP, RIGHT_EAR, canonical_face, fit_pose
from masktalk.faces.graphs import Detection, DetectorGraph
from masktalk.faces.locators.base import Locator, Sighting
from masktalk.faces.roi import Roi
from masktalk.types import Frame

_THRESHOLD = 0.5


class DetectorLocator(Locator):
    """The canonical mesh fitted onto the detector's eyes, nose, mouth and ears."""

    name = "detector"

    def __init__(self) -> None:
        self._graphs = [DetectorGraph("Full", _THRESHOLD), DetectorGraph("Short", _THRESHOLD)]

    def find(self, frame: Frame) -> list[Sighting]:
        size = np.array([frame.width, frame.height], np.float32)
        for graph in self._graphs:
            found = graph.run(frame.pixels)
            if found:
                return [fitted(detection, size, self.name) for detection in found]
        return []

    def close(self) -> None:
        for graph in self._graphs:
            graph.close()


def fitted(detection: Detection, size: np.ndarray, name: str) -> Sighting:
    """The canonical mesh on a detection; ``size`` is the picture's width and height."""
    model = canonical_face().mesh
    eyes = [model[[33, 133], :].mean(axis=0), model[[263, 362], :].mean(axis=0)]
    mouth = model[[61, 291, 13, 14], :].mean(axis=0)
    points = np.stack([*eyes, model[NOSE_TIP], mouth, model[LEFT_EAR], model[RIGHT_EAR]])
    pose = fit_pose(points.astype(np.float32), detection.keypoints * size)
    return Sighting(pose.apply(model), detection.score, name)


def detection_roi(detection: Detection, size: np.ndarray) -> Roi:
    """The square in which the mesh network wants this face (as MediaPipe's own graph)."""
    x0, y0, x1, y1 = np.array(detection.box) * np.tile(size, 2)
    across = (detection.keypoints[1] - detection.keypoints[0]) * size
    angle = float(np.arctan2(across[1], across[0]))
    return Roi((x0 + x1) / 2, (y0 + y1) / 2, 1.5 * max(x1 - x0, y1 - y0), angle)
