"""Follow the mouth of a talking video, frame by frame as it is seen.

Unlike ``track``, which smooths a face's way and fills gaps for warping, every frame here
is measured by itself and nothing is filled in, so that a closure of one frame stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from fractions import Fraction

import numpy as np

from masktalk.faces.measures import MouthMeasures, measure_mesh
from masktalk.faces.quiet import quiet
from masktalk.types import FloatArray, Frame


def follow_mouth(
    frames: Iterable[Frame],
) -> Iterator[tuple[Frame, FloatArray | None, MouthMeasures]]:
    """Yield every frame with its (478, 3) mesh in pixels, if any, and its mouth's measures.

    Lazy: a frame is asked for when its measures are.
    """
    with MeshTracker() as tracker:
        for frame in frames:
            mesh = tracker.mesh(frame)
            yield frame, mesh, _measures(mesh, frame.time)


def _measures(mesh: FloatArray | None, time: Fraction) -> MouthMeasures:
    return MouthMeasures(time) if mesh is None else measure_mesh(mesh, time)


class MeshTracker:
    """MediaPipe's face mesh in video mode, one face."""

    def __init__(self) -> None:
        import mediapipe

        with quiet():
            self._mesh = mediapipe.solutions.face_mesh.FaceMesh(
                static_image_mode=False, max_num_faces=1, refine_landmarks=True
            )
        self._talkative = True

    def mesh(self, frame: Frame) -> FloatArray | None:
        """(478, 3) in pixels, or None where no face is seen."""
        pixels = np.ascontiguousarray(frame.pixels[..., :3])
        # The networks say what they have to say until they have first answered.
        with quiet() if self._talkative else nullcontext():
            found = self._mesh.process(pixels).multi_face_landmarks
        if not found:
            return None
        self._talkative = False
        size = np.array([frame.width, frame.height, frame.width], np.float32)
        points = [(point.x, point.y, point.z) for point in found[0].landmark]
        return np.asarray(np.array(points, np.float32) * size, np.float32)

    def close(self) -> None:
        self._mesh.close()

    def __enter__(self) -> MeshTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
