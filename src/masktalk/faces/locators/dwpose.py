"""DWPose through rtmlib: the 68 face points of a whole-body pose, as MuseTalk finds them.

Yang et al., "Effective Whole-body Pose Estimation with Two-stages Distillation" (2023).
"""

from __future__ import annotations

import contextlib
import io
import logging
from importlib.util import find_spec
from typing import Any

import numpy as np

from masktalk.faces.canonical import fit_mesh
from masktalk.faces.locators.locator import Effort, Locator, Sighting
from masktalk.landmarks import IBUG_68
from masktalk.types import Frame
from masktalk.weights import WeightStore

logger = logging.getLogger(__name__)

_WEIGHTS = "dwpose"
_INPUT_SIZE = (288, 384)
# Which of the 133 whole-body points of COCO are the face's.
_FACE = slice(23, 91)
_THRESHOLD = 0.4


class DwposeLocator(Locator):
    """The mesh fitted onto the face of the one person; sees nothing without its weights."""

    name = "dwpose"

    def __init__(self) -> None:
        self._pose: Any = None
        path = WeightStore().find(_WEIGHTS)
        if path is None or find_spec("rtmlib") is None:
            logger.debug("dwpose is not asked: its weights or rtmlib are not here")
            return
        from rtmlib import RTMPose

        with contextlib.redirect_stdout(io.StringIO()):
            self._pose = RTMPose(str(path), _INPUT_SIZE, backend="onnxruntime")

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        """Find faces in a frame; see ``Locator.find``."""
        del effort
        if self._pose is None:
            return []
        # The network takes RGB; rtmlib passes on what it is given.
        points, scores = self._pose(frame.pixels, [[0, 0, frame.width, frame.height]])
        face, sure = np.asarray(points[0][_FACE]), np.asarray(scores[0][_FACE])
        confidence = float(np.clip(sure.mean(), 0, 1))
        if confidence < _THRESHOLD or np.ptp(face, axis=0).min() < 2:
            return []
        places = {
            vertex: (float(x), float(y)) for vertex, (x, y) in zip(IBUG_68, face, strict=True)
        }
        return [Sighting(fit_mesh(places), confidence, self.name)]
