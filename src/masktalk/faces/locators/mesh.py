"""MediaPipe's face mesh, wherever and however the face lies in the picture."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from masktalk.faces.canonical import LEFT_EYE, RIGHT_EYE
from masktalk.faces.graphs import MESH_SIDE, DetectorGraph, MeshGraph
from masktalk.faces.locators.base import Locator, Sighting
from masktalk.faces.locators.detector import detection_roi
from masktalk.faces.roi import Roi, roi_around
from masktalk.types import FloatArray, Frame, UInt8Array

_DETECTED = 0.5
_PRESENT = 0.5
_RETRY_SIDE = 512
#: The mesh network wants a margin of a quarter on every side of the face.
MESH_MARGIN = 1.5


class MeshLocator(Locator):
    """The attention mesh on whatever the detectors point at; retried until one fits."""

    name = "mesh"

    def __init__(self) -> None:
        self._mesh = MeshGraph()
        self._detectors = [DetectorGraph("Short", _DETECTED), DetectorGraph("Full", _DETECTED)]

    def find(self, frame: Frame) -> list[Sighting]:
        for view in views(frame.width, frame.height):
            found: list[Sighting] = []
            for candidate in self._candidates(frame.pixels, view):
                sighting = self.follow(frame.pixels, candidate)
                if sighting is not None and not any(same_face(sighting, f) for f in found):
                    found.append(sighting)
            if found:
                return found
        return []

    def follow(self, pixels: UInt8Array, roi: Roi) -> Sighting | None:
        """The face in a region that is about right, looked at twice; None without one."""
        for _ in range(2):
            points, score = self._mesh.run(roi.crop(pixels, MESH_SIDE))
            if score < _PRESENT:
                return None
            mesh = roi.to_picture(points)
            roi = mesh_roi(mesh)
        return Sighting(mesh, score, self.name)

    def once(self, pixels: UInt8Array, roi: Roi) -> tuple[FloatArray, float]:
        """(478, 3) mesh in pixels in a region that is right, and its score."""
        points, score = self._mesh.run(roi.crop(pixels, MESH_SIDE))
        return roi.to_picture(points), score

    def _candidates(self, pixels: UInt8Array, view: Roi | None) -> Iterator[Roi]:
        picture = pixels if view is None else view.crop(pixels, _RETRY_SIDE, cv2.BORDER_REFLECT_101)
        size = np.array(picture.shape[1::-1], np.float32)
        for graph in self._detectors:
            for detection in graph.run(picture):
                roi = detection_roi(detection, size)
                yield roi if view is None else placed(roi, view)

    def close(self) -> None:
        self._mesh.close()
        for graph in self._detectors:
            graph.close()


def mesh_roi(mesh: FloatArray) -> Roi:
    """The square in which the mesh network wants the face of this mesh."""
    return roi_around(mesh, mesh[LEFT_EYE], mesh[RIGHT_EYE], MESH_MARGIN)


def placed(roi: Roi, view: Roi) -> Roi:
    """A region found in the crop of a view, in the whole picture."""
    centre = view.to_picture(np.array([[roi.x, roi.y]], np.float32) / _RETRY_SIDE)[0]
    size = roi.size * view.size / _RETRY_SIDE
    return Roi(float(centre[0]), float(centre[1]), size, roi.angle + view.angle)


def views(width: int, height: int) -> Iterator[Roi | None]:
    """Where to look: the picture (None), enlarged parts, turned copies, turned parts."""
    yield None
    x, y, longer = width / 2, height / 2, float(max(width, height))
    for scale in (1.3, 0.7):
        yield Roi(x, y, longer * scale)
    for turn in (-45, 45, -90, 90, 180, -135, 135):
        yield Roi(x, y, longer * 1.2, float(np.deg2rad(turn)))
    for parts in (2, 3, 5):
        side = 2 * longer / (parts + 1)
        for row in np.linspace(side / 2, max(height - side / 2, side / 2), parts):
            for column in np.linspace(side / 2, max(width - side / 2, side / 2), parts):
                yield Roi(float(column), float(row), side)


def same_face(a: Sighting, b: Sighting) -> bool:
    """Whether two sightings overlap by a third of what they cover together."""
    return overlap(a.mesh, b.mesh) > 1 / 3


def overlap(a: FloatArray, b: FloatArray) -> float:
    """Intersection over union of the bounding boxes of two meshes."""
    low = np.maximum(a[:, :2].min(axis=0), b[:, :2].min(axis=0))
    high = np.minimum(a[:, :2].max(axis=0), b[:, :2].max(axis=0))
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = sum(float(np.prod(np.ptp(mesh[:, :2], axis=0))) for mesh in (a, b))
    return shared / max(areas - shared, 1e-9)
