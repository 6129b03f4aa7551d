"""MediaPipe's face detector: six points a face, at two ranges."""

from __future__ import annotations

import numpy as np

from masktalk.faces.canonical import canonical_face, fit_pose
from masktalk.faces.locators.locator import Effort, Locator, Sighting
from masktalk.faces.networks import Detection, FaceDetector
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
        self._detectors = [FaceDetector("full", _THRESHOLD), FaceDetector("short", _THRESHOLD)]

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        """Find faces in a frame; see ``Locator.find``."""
        del effort
        size = np.array([frame.width, frame.height], np.float32)
        for detector in self._detectors:
            found = detector.detect(frame.pixels)
            if found:
                return [fitted(detection, size, self.name) for detection in found]
        return []


def fitted(detection: Detection, size: FloatArray, name: str) -> Sighting:
    """Fit the canonical mesh to a detection; ``size`` is the picture's (width, height)."""
    model = canonical_face().mesh
    eyes = [model[list(LEFT_EYE_CORNERS)].mean(axis=0), model[list(RIGHT_EYE_CORNERS)].mean(axis=0)]
    mouth = model[list(MOUTH)].mean(axis=0)
    points = np.stack([*eyes, model[NOSE_TIP], mouth, model[LEFT_EAR], model[RIGHT_EAR]])
    pose = fit_pose(points.astype(np.float32), detection.keypoints * size)
    return Sighting(pose.apply(model), detection.score, name)
