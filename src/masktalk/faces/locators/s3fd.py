"""S3FD through face-alignment: a box around every face, small and turned ones too.

Zhang et al., "S3FD: Single Shot Scale-invariant Face Detector" (ICCV 2017).
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

import numpy as np

from masktalk.faces.canonical import canonical_face, fit_mesh
from masktalk.faces.locators.locator import Effort, Locator, Sighting
from masktalk.landmarks import CHIN
from masktalk.types import FloatArray, Frame
from masktalk.weights import WeightStore

logger = logging.getLogger(__name__)

_WEIGHTS = "s3fd"
_THRESHOLD = 0.5
_HAIRLINE = 10
# Of the mesh's width, how wide S3FD draws its boxes.
_LEFT_SIDE, _RIGHT_SIDE = 234, 454


class S3fdLocator(Locator):
    """The canonical mesh upright in S3FD's boxes; sees nothing where its weights are not here."""

    name = "s3fd"

    def __init__(self) -> None:
        self._detector: Any = None
        path = WeightStore().find(_WEIGHTS)
        if path is None or find_spec("face_alignment") is None or find_spec("torch") is None:
            logger.debug("s3fd is not asked: its weights or face-alignment are not here")
            return
        from face_alignment.detection.sfd.sfd_detector import SFDDetector

        self._detector = SFDDetector("cpu", str(path), filter_threshold=_THRESHOLD)

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        """Find faces in a frame; see ``Locator.find``."""
        del effort
        if self._detector is None:
            return []
        boxes = self._detector.detect_from_image(frame.pixels)
        return [self._fitted(np.asarray(box, np.float32)) for box in boxes]

    def _fitted(self, box: FloatArray) -> Sighting:
        x0, y0, x1, y1, score = (float(value) for value in box)
        middle = (x0 + x1) / 2
        places = {_HAIRLINE: (middle, y0), CHIN: (middle, y1)}
        model = canonical_face().mesh
        ratio = np.ptp(model[[_LEFT_SIDE, _RIGHT_SIDE], 0]) / np.ptp(model[[_HAIRLINE, CHIN], 1])
        half = float(min((x1 - x0) / 2, ratio * (y1 - y0) / 2))
        height = y0 + (y1 - y0) * 0.45
        places |= {_LEFT_SIDE: (middle - half, height), _RIGHT_SIDE: (middle + half, height)}
        return Sighting(fit_mesh(places), min(max(score, 0.0), 1.0), self.name)
