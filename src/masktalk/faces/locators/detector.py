"""MediaPipe's face detector: six points a face, at two ranges."""

from __future__ import annotations

import numpy as np

from masktalk.faces.canonical import canonical_face, fit_pose
from masktalk.faces.graphs import Detection, DetectorGraph
from masktalk.faces.locators.base import Effort, Locator, Sighting
from masktalk.landmarks import (
    LEFT_EAR,
    LEFT_EYE_CORNERS,
    MOUTH,
    NOSE_TIP,
    RIGHT_EAR,
    RIGHT_EYE_CORNERS,
)
from masktalk.types import FloatArray, Frame

# Where the mesh network sees no face, only a strong answer counts.
_THRESHOLD = 0.7


class DetectorLocator(Locator):
    """The canonical mesh fitted onto the detector's eyes, nose, mouth and ears."""

    name = "detector"

    def __init__(self) -> None:
        self._graphs = [DetectorGraph("Full", _THRESHOLD), DetectorGraph("Short", _THRESHOLD)]

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        del effort
        size = np.array([frame.width, frame.height], np.float32)
        for graph in self._graphs:
            found = graph.run(frame.pixels)
            if found:
                return [fitted(detection, size, self.name) for detection in found]
        return []

    def close(self) -> None:
        for graph in self._graphs:
            graph.close()


def fitted(detection: Detection, size: FloatArray, name: str) -> Sighting:
    """The canonical mesh on a detection; ``size`` is the picture's width and height."""
    model = canonical_face().mesh
    eyes = [model[list(LEFT_EYE_CORNERS)].mean(axis=0), model[list(RIGHT_EYE_CORNERS)].mean(axis=0)]
    mouth = model[list(MOUTH)].mean(axis=0)
    points = np.stack([*eyes, model[NOSE_TIP], mouth, model[LEFT_EAR], model[RIGHT_EAR]])
    pose = fit_pose(points.astype(np.float32), detection.keypoints * size)
    return Sighting(pose.apply(model), detection.score, name)
