"""MediaPipe's face mesh, wherever and however the face lies in the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from masktalk.faces.covered import is_guessed, mouth_state, uncover
from masktalk.faces.locators.locator import Effort, Locator, Sighting
from masktalk.faces.multi_crop import DetectorVotes, MultiCropEstimate, MultiCropEstimator, mesh_roi
from masktalk.faces.roi import Roi, overlap
from masktalk.landmarks import EYE_CORNERS
from masktalk.types import FloatArray, Frame, UInt8Array

_DETECTED = 0.5
_PRESENT = 0.5
_RETRY_SIDE = 512
# Doubt below which a face is taken at once, and above which it is none.
_SURE, _WRONG = 0.05, 0.2
# Mean score below which the detectors' silence is doubtful.
_EXPECTED = 0.45
# Doubt per radian of tilt: a cloth upside down looks much like one the right way up.
_TILTED = 0.025
# Pixels between the outer eye corners of the smallest face worth having.
_SMALLEST = 6


class MeshLocator(Locator):
    """The attention mesh on whatever the detectors point at; retried until one fits."""

    name = "mesh"

    def __init__(self) -> None:
        self.examiner = MultiCropEstimator()

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        """Find faces in a frame; see ``Locator.find``."""
        seen: list[tuple[float, Sighting]] = []
        for number, view in enumerate(views(frame.width, frame.height)):
            for roi in self._candidates(frame.pixels, view):
                answer = self.examine(frame.pixels, roi)
                if answer is not None:
                    seen = _merged(seen, answer)
            sure = [sighting for doubt, sighting in seen if doubt < _SURE]
            if effort == "quick" or (sure and (number >= _PARTS or effort == "usual")):
                return sure
        return [sighting for _, sighting in seen]

    def examine(self, pixels: UInt8Array, roi: Roi) -> tuple[float, Sighting] | None:
        """Return the face near a region of (H, W, 3) pixels, and its doubt; None without one."""
        mesh, score = self.examiner.glance(pixels, roi)
        if score < _PRESENT:
            return None
        look = self.examiner.look(pixels, mesh_roi(mesh))
        if is_guessed(look):
            # A face upside down looks like one the right way up under a cloth.
            roi = mesh_roi(mesh)
            turned = self.examiner.look(pixels, replace(roi, angle=roi.angle + np.pi))
            look = look if is_guessed(turned) or turned.presence < _PRESENT else turned
        if look.presence < _PRESENT or look.interocular < _SMALLEST or look.eye_scatter > _WRONG:
            return None
        return self._judged(pixels, look)

    def _judged(self, pixels: UInt8Array, look: MultiCropEstimate) -> tuple[float, Sighting] | None:
        """Return a multi-crop estimate and its doubt; None when it is no face."""
        state, mesh, doubt = mouth_state(look), look.mesh, look.eye_scatter
        keypoints: dict[str, FloatArray] = {}
        if state == "occluded":
            support = self.examiner.support(pixels, mesh)
            doubt += _disagreement(look, support) + max(0.0, _EXPECTED - support.score)
            doubt += _TILTED * abs(mesh_roi(mesh).angle)
            keypoints = support.keypoints
            mesh = uncover(mesh, keypoints)
        if doubt > _WRONG:
            return None
        confidence = look.presence * (1 - 2 * doubt)
        return doubt, Sighting(mesh, confidence, self.name, state, look, keypoints)

    def _candidates(self, pixels: UInt8Array, view: Roi | None) -> Iterator[Roi]:
        if view is None:
            yield from self.examiner.detect(pixels, _DETECTED)
            return
        picture = view.crop(pixels, _RETRY_SIDE)
        for roi in self.examiner.detect(picture, _DETECTED):
            yield _placed(roi, view)


def _disagreement(look: MultiCropEstimate, support: DetectorVotes) -> float:
    """Measure the distance between the detectors' eyes and the mesh's as doubt."""
    eyes = look.mesh[list(EYE_CORNERS), :2].mean(axis=0)
    apart = [
        float(np.linalg.norm(points[:2].mean(axis=0) - eyes))
        for points in support.keypoints.values()
    ]
    return 0.15 * min(1.0, min(apart, default=look.interocular) / look.interocular)


def _merged(
    seen: list[tuple[float, Sighting]], new: tuple[float, Sighting]
) -> list[tuple[float, Sighting]]:
    """With a new answer; of answers about the same face the least doubtful stays."""
    same = [old for old in seen if overlap(old[1].mesh, new[1].mesh) > 1 / 3]
    if any(old[0] <= new[0] for old in same):
        return seen
    return [*(old for old in seen if old not in same), new]


def _placed(roi: Roi, view: Roi) -> Roi:
    """Return a region found in the crop of a view, in the whole picture."""
    centre = view.to_picture(np.array([[roi.x, roi.y]], np.float32) / _RETRY_SIDE)[0]
    size = roi.size * view.size / _RETRY_SIDE
    return Roi(float(centre[0]), float(centre[1]), size, roi.angle + view.angle)


# The whole picture and its quarters: enough to see everybody in a group.
_PARTS = 4


def views(width: int, height: int) -> Iterator[Roi | None]:
    """Yield the views to search: the picture (None), its parts, padded, turned, smaller parts."""
    x, y, longer = width / 2, height / 2, float(max(width, height))
    yield None
    yield from _tiles(width, height, 2)
    for scale in (1.3, 0.7):
        yield Roi(x, y, longer * scale)
    for turn in (-45, 45, -90, 90, 180, -135, 135):
        yield Roi(x, y, longer * 1.2, float(np.deg2rad(turn)))
    for parts in (3, 5):
        yield from _tiles(width, height, parts)


def _tiles(width: int, height: int, parts: int) -> Iterator[Roi]:
    """Overlapping squares that cover a picture, ``parts`` along its longer side."""
    side = 2 * max(width, height) / (parts + 1)
    for row in np.linspace(side / 2, max(height - side / 2, side / 2), parts):
        for column in np.linspace(side / 2, max(width - side / 2, side / 2), parts):
            yield Roi(float(column), float(row), side)
