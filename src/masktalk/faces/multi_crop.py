"""Looks at one face closely: the same networks on slightly different crops.

A network that sees a mouth puts it in the same place whatever the crop; one that guesses
at a mouth under a cloth guesses anew each time. So the scatter of the answers tells what
is seen from what is guessed, and their median is steadier than any one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.faces.networks import MESH_SIDE_PX, FaceDetector, FaceMesh
from masktalk.faces.roi import Roi, roi_around
from masktalk.landmarks import (
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_LINE,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_LINE,
)
from masktalk.types import FloatArray, UInt8Array

#: The mesh network wants a margin of a quarter on every side of the face.
_MESH_MARGIN = 1.5
_EYES = (LEFT_EYE_OUTER, 133, 362, RIGHT_EYE_OUTER)
_CORNERS = (LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER)

# Crops of one look: right, down, scale, turn.
_NUDGES = (
    (0.0, 0.0, 1.0, 0.0),
    (0.04, 0.03, 1.08, 0.06),
    (-0.04, 0.03, 0.94, -0.06),
    (0.03, -0.04, 1.15, -0.09),
    (-0.03, -0.04, 1.05, 0.09),
    (0.0, 0.07, 1.2, 0.0),
    (0.0, -0.05, 0.9, 0.0),
)
# Crops for the detectors, which want more around the face; the last says mirrored.
_VIEWS = (
    (0.0, 0.0, 1.0, 0.0, False),
    (0.0, 0.05, 1.4, 0.0, True),
    (0.0, 0.0, 1.4, 0.1, False),
    (0.05, 0.0, 2.0, -0.1, True),
    (0.0, 0.1, 2.0, 0.0, False),
    (-0.05, 0.0, 2.8, 0.0, True),
)
_MIRRORED = [1, 0, 2, 3, 5, 4]
# Score from which a detector's answer counts where a face is known to be.
_FAINT = 0.15
_SIDES = {"short": 256, "full": 384}


@dataclass(frozen=True, eq=False)
class MultiCropEstimate:
    """Estimate of one face from several crops.

    Attributes:
        mesh: (478, 3) median mesh in pixels.
        presence: 0 to 1, the median score of there being a face.
        eye_scatter: Mean distance of the crops' eyes from their median, in interocular
            distances.
        corner_scatter: The same of the mouth corners.
        lip_contrast: How much of a line there is where the lips should meet.
    """

    mesh: FloatArray
    presence: float
    eye_scatter: float
    corner_scatter: float
    lip_contrast: float

    @property
    def interocular(self) -> float:
        """Pixels between the outer eye corners."""
        return float(np.linalg.norm(self.mesh[RIGHT_EYE_OUTER, :2] - self.mesh[LEFT_EYE_OUTER, :2]))


@dataclass(frozen=True, eq=False)
class DetectorVotes:
    """Detector votes for one face.

    Attributes:
        keypoints: ``short`` and ``full`` -> (6, 2) median points in pixels; one that does
            not see the face is missing.
        score: 0 to 1, the mean over all crops of both.
    """

    keypoints: dict[str, FloatArray]
    score: float


class MultiCropEstimator:
    """The mesh network and both detectors."""

    def __init__(self) -> None:
        self._mesh = FaceMesh()
        self._detectors = {
            "short": FaceDetector("short", _FAINT),
            "full": FaceDetector("full", _FAINT),
        }

    def detect(self, picture: UInt8Array, threshold: float) -> list[Roi]:
        """Detect faces in an (H, W, 3) picture with both detectors, most confident first."""
        size = np.array(picture.shape[1::-1], np.float32)
        return [
            detection_roi(detection.box, detection.keypoints * size, size)
            for detector in self._detectors.values()
            for detection in detector.detect(picture)
            if detection.score >= threshold
        ]

    def glance(self, pixels: UInt8Array, roi: Roi) -> tuple[FloatArray, float]:
        """(478, 3) mesh in pixels from one crop, and the score of a face, 0 to 1."""
        answer = self._mesh.landmarks(roi.crop(pixels, MESH_SIDE_PX))
        return roi.to_picture(answer.landmarks), answer.presence

    def look(self, pixels: UInt8Array, roi: Roi) -> MultiCropEstimate:
        """Estimate the face from several crops around an approximate region of (H, W, 3) pixels."""
        mesh, _ = self.glance(pixels, roi)
        roi = mesh_roi(mesh)
        glances = [self.glance(pixels, roi.nudged(*nudge)) for nudge in _NUDGES]
        meshes = np.stack([mesh for mesh, _ in glances])
        median = np.median(meshes, axis=0).astype(np.float32)
        unit = max(
            float(np.linalg.norm(median[RIGHT_EYE_OUTER, :2] - median[LEFT_EYE_OUTER, :2])), 1e-3
        )
        apart = np.linalg.norm(meshes[:, :, :2] - median[:, :2], axis=2) / unit
        eyes = meshes[:, _EYES, :2].mean(axis=1)
        eye_apart = np.linalg.norm(eyes - np.median(eyes, axis=0), axis=1) / unit
        return MultiCropEstimate(
            mesh=median,
            presence=float(np.median([score for _, score in glances])),
            eye_scatter=float(eye_apart.mean()),
            corner_scatter=float(apart[:, _CORNERS].mean()),
            lip_contrast=lip_contrast(pixels, median),
        )

    def support(self, pixels: UInt8Array, mesh: FloatArray) -> DetectorVotes:
        """Collect detector votes for a (478, 3) mesh from several crops of an (H, W, 3) picture."""
        seen: dict[str, FloatArray] = {}
        scores = 0.0
        for name, detector in self._detectors.items():
            answers = [
                answer
                for *nudge, mirrored in _VIEWS
                if (answer := _detected(detector, pixels, mesh, nudge, mirrored, _SIDES[name]))
                is not None
            ]
            if answers:
                seen[name] = np.median([points for points, _ in answers], axis=0)
                scores += sum(score for _, score in answers)
        return DetectorVotes(seen, scores / (len(_VIEWS) * len(self._detectors)))


def _detected(
    detector: FaceDetector,
    pixels: UInt8Array,
    mesh: FloatArray,
    nudge: list[float],
    mirrored: bool,
    side: int,
) -> tuple[FloatArray, float] | None:
    """(6, 2) points in pixels and the score that one detector gives this face in one crop."""
    roi = mesh_roi(mesh)
    middle = mesh[list(_EYES), :2].mean(axis=0)
    view = roi.nudged(*nudge)
    crop = view.crop(pixels, side, cv2.BORDER_CONSTANT)
    for detection in detector.detect(np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop):
        points = detection.keypoints
        if mirrored:
            points = (points * [-1, 1] + [1, 0])[_MIRRORED]
        placed = view.to_picture(points.astype(np.float32))
        if np.linalg.norm(placed[:2].mean(axis=0) - middle) < 0.25 * roi.size:
            return placed, detection.score
    return None


def mesh_roi(mesh: FloatArray) -> Roi:
    """Return the mesh network's region of interest for a (478, 3) mesh."""
    return roi_around(mesh, mesh[LEFT_EYE_OUTER], mesh[RIGHT_EYE_OUTER], _MESH_MARGIN)


def detection_roi(
    box: tuple[float, float, float, float], keypoints: FloatArray, size: FloatArray
) -> Roi:
    """Return the square in which the mesh network wants a detected face (as MediaPipe's own graph).

    Args:
        box: x0, y0, x1, y1 as fractions of the picture.
        keypoints: (6, 2) in pixels, eyes first.
        size: Width and height of the picture.
    """
    x0, y0, x1, y1 = np.array(box) * np.tile(size, 2)
    across = keypoints[1] - keypoints[0]
    angle = float(np.arctan2(across[1], across[0]))
    longer = _MESH_MARGIN * max(x1 - x0, y1 - y0)
    return Roi(float(x0 + x1) / 2, float(y0 + y1) / 2, float(longer), angle)


_SIDE = 160
# Pixels between the outer eye corners in the crop, and rows from them to its middle.
_UNIT, _DROP = 60, 35
# Rows above and below that are looked at, and how much of the mouth's width.
_REACH, _WIDTH = 10, np.linspace(0.12, 0.88, 25)


def lip_contrast(pixels: UInt8Array, mesh: FloatArray) -> float:
    """Measure the contrast across the lip line of a (478, 3) mesh in an (H, W, 3) picture.

    Averaged along the line, freed of even shading (a parabola), in parts of the mean
    light: 0.2 to 1.5 for lips, below 0.1 for most cloths.
    """
    left, right = mesh[LEFT_EYE_OUTER, :2], mesh[RIGHT_EYE_OUTER, :2]
    across = right - left
    unit, angle = float(np.hypot(*across)), float(np.arctan2(across[1], across[0]))
    down = np.array([-across[1], across[0]]) * (_DROP / _UNIT)
    x, y = (left + right) / 2 + down
    roi = Roi(float(x), float(y), unit * _SIDE / _UNIT, angle)
    grey = cv2.cvtColor(roi.crop(pixels, _SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)
    profile = _across(grey, _line(mesh, roi))
    rows = np.arange(-_REACH, _REACH + 1.0)
    shading = np.stack([rows**2, rows, np.ones_like(rows)], axis=1)
    left_over = profile - shading @ np.linalg.lstsq(shading, profile, rcond=None)[0]
    # A few grey levels more keep black cloth from looking contrasty.
    return float(np.ptp(left_over) / (profile.mean() + 8))


def _line(mesh: FloatArray, roi: Roi) -> FloatArray:
    """(25, 2) points along the line between the lips, in pixels of the crop."""
    middle = (mesh[list(UPPER_LIP_LINE), :2] + mesh[list(LOWER_LIP_LINE), :2]) / 2
    matrix = roi.matrix(_SIDE).astype(np.float64)
    placed = (middle - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T - 0.5
    knots = np.linspace(0, 1, len(UPPER_LIP_LINE))
    return np.stack([np.interp(_WIDTH, knots, placed[:, axis]) for axis in (0, 1)], axis=1)


def _across(grey: FloatArray, line: FloatArray) -> FloatArray:
    """(21,) mean light at each distance above and below the line."""
    rows = np.arange(-_REACH, _REACH + 1.0)[:, None]
    x = np.broadcast_to(line[:, 0], (len(rows), len(line))).astype(np.float32)
    y = (line[:, 1] + rows).astype(np.float32)
    sampled = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled.mean(axis=1))
