"""MediaPipe's body pose: eyes, ears, nose and mouth corners of one person."""

from __future__ import annotations

import numpy as np

from masktalk.faces.canonical import canonical_face, fit_pose
from masktalk.faces.graphs import PoseGraph
from masktalk.faces.locators.base import Effort, Locator, Sighting
from masktalk.landmarks import (
    LEFT_EAR,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    NOSE_TIP,
    RIGHT_EAR,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
)
from masktalk.types import Frame

# BlazePose numbers the person's own left, which is the picture's right.
_NOSE, _EYES, _OUTER, _EARS, _MOUTH = 0, (5, 2), (6, 3), (8, 7), (10, 9)
_THRESHOLD = 0.5


class PoseLocator(Locator):
    """The canonical mesh fitted onto the head points of the most prominent person."""

    name = "pose"

    def __init__(self) -> None:
        self._graph = PoseGraph(_THRESHOLD)

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        del effort
        body = self._graph.run(frame.pixels)
        if body is None:
            return []
        order = [_NOSE, *_OUTER, *_EARS, *_MOUTH]
        places = body[order, :2] * [frame.width, frame.height]
        if np.linalg.norm(places[2] - places[1]) < 2:
            return []
        model = canonical_face().mesh
        indices = [
            NOSE_TIP,
            LEFT_EYE_OUTER,
            RIGHT_EYE_OUTER,
            LEFT_EAR,
            RIGHT_EAR,
            LEFT_MOUTH_CORNER,
            RIGHT_MOUTH_CORNER,
        ]
        pose = fit_pose(model[indices], places)
        seen = float(np.clip(body[order, 3].mean(), 0, 1))
        return [Sighting(pose.apply(model), seen, self.name)]

    def close(self) -> None:
        self._graph.close()
