"""The attention mesh on a crop, and followed through a video."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.faces.networks.face_detector import Detection, FaceDetector
from masktalk.faces.networks.runtime import open_network
from masktalk.faces.networks.sampling import Square, sample_square, sample_square_fast
from masktalk.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from masktalk.types import FloatArray, UInt8Array

MESH_SIDE_PX = 192
_ROI_MARGIN = 1.5
_MIN_DETECTION = 0.5
_MIN_PRESENCE = 0.5


class FaceMesh:
    """The attention mesh: 478 landmarks and whether there is a face at all. Stateless."""

    def landmarks(
        self, image: UInt8Array, square: Square | None = None, exact: bool = True
    ) -> MeshAnswer:
        """Return the landmarks of the face in a square of an (H, W, 3) RGB uint8 image.

        Args:
            image: RGB.
            square: Where the face is; None for the image's whole width and height.
            exact: Whether the square is sampled as MediaPipe does, to the bit; see
                ``sample_square_fast`` for the difference.
        """
        height, width = image.shape[:2]
        if square is None and width != height:
            crop = np.asarray(
                cv2.resize(image, (MESH_SIDE_PX, MESH_SIDE_PX), interpolation=cv2.INTER_LINEAR),
                np.uint8,
            )
        else:
            where = square or Square.letterbox(width, height)
            sample = sample_square if exact else sample_square_fast
            crop = sample(image, where, MESH_SIDE_PX, cv2.BORDER_REPLICATE)
        pixels = crop[None].astype(np.float32) * np.float32(1 / 255)
        points, presence = open_network("face_mesh").run(None, {"image": pixels})
        return MeshAnswer(points, float(presence[0]))


@dataclass(frozen=True, eq=False)
class MeshAnswer:
    """Output of the mesh network for one crop.

    Attributes:
        landmarks: (478, 3) float32 as fractions of the crop; z in the same unit.
        presence: 0 to 1, the score of there being a face.
    """

    landmarks: FloatArray
    presence: float


class MeshSequence:
    """One face through the frames of a video: detected once, then followed by its mesh."""

    def __init__(self) -> None:
        self._detector = FaceDetector("short", _MIN_DETECTION)
        self._mesh = FaceMesh()
        self._square: Square | None = None

    def track(self, image: UInt8Array) -> FloatArray | None:
        """Return the (478, 3) mesh in pixels in the next (H, W, 3) frame; None without a face.

        A frame that loses the face answers None, and the next one detects anew.
        """
        if self._square is None:
            found = self._detector.detect(image)
            if not found:
                return None
            self._square = square_of_detection(found[0], image.shape[1], image.shape[0])
        answer = self._mesh.landmarks(image, self._square, exact=False)
        if answer.presence <= _MIN_PRESENCE:
            self._square = None
            return None
        mesh = self._square.to_image(answer.landmarks)
        self._square = square_of_landmarks(mesh)
        return mesh


def square_of_detection(detection: Detection, width: int, height: int) -> Square:
    """Return the region of interest of a detected face, level with its eyes.

    Args:
        detection: In fractions of the image.
        width: Of the image, pixels.
        height: Of the image, pixels.
    """
    size = np.array([width, height], np.float32)
    low, high = np.array(detection.box, np.float32).reshape(2, 2) * size
    across = (detection.keypoints[1] - detection.keypoints[0]) * size
    return _square(low, high, across)


def square_of_landmarks(mesh: FloatArray) -> Square:
    """Return the region of interest around a (478, 3) mesh in pixels, level with its eyes.

    The side is 1.5 times the longer side of the upright bounding box of all landmarks.
    """
    plane = mesh[:, :2]
    across = plane[RIGHT_EYE_OUTER] - plane[LEFT_EYE_OUTER]
    return _square(plane.min(axis=0), plane.max(axis=0), across)


def _square(low: FloatArray, high: FloatArray, across: FloatArray) -> Square:
    x, y = (low + high) / 2
    side = float((high - low).max()) * _ROI_MARGIN
    return Square(float(x), float(y), side, float(np.arctan2(across[1], across[0])))
