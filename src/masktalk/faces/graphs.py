"""MediaPipe's networks, one small class each, without its hidden state.

The ready-made solutions decide alone where to look and remember the last picture. Here
the same subgraphs run on crops that the caller chooses, and every answer comes with its
score, so retries and tracking are ours.

MediaPipe takes a second to import; it is imported when the first graph is built, so that
who only opens a prepared avatar never waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from masktalk.faces.closing import Closing
from masktalk.faces.quiet import quiet
from masktalk.landmarks import MESH_LANDMARKS
from masktalk.types import FloatArray, UInt8Array

MESH_SIDE = 192

_MESH = """
input_stream: "image"
input_stream: "roi"
output_stream: "landmarks"
input_side_packet: "with_attention"
node {
  calculator: "FaceLandmarkCpu"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  output_stream: "LANDMARKS:landmarks"
  input_side_packet: "WITH_ATTENTION:with_attention"
}
"""
_DETECTOR = """
input_stream: "image"
output_stream: "detections"
node {{
  calculator: "FaceDetection{kind}RangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}}
"""


class Graph(Closing):
    """One MediaPipe graph; close it, or use it as a context manager."""

    def __init__(self, solution: Any, first: dict[str, Any]) -> None:
        self._solution = solution
        solution.process(first)

    def close(self) -> None:
        """Free the graph and its threads."""
        self._solution.close()


class MeshGraph(Graph):
    """The attention face mesh: 478 points and whether there is a face at all."""

    _SCORE = "facelandmarkcpu__face_presence_score"

    def __init__(self) -> None:
        from google.protobuf import text_format
        from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect
        from mediapipe.python.solution_base import PacketDataType, SolutionBase

        self._whole = NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
        blank = np.zeros((MESH_SIDE, MESH_SIDE, 3), np.uint8)
        with quiet():
            solution = SolutionBase(
                graph_config=text_format.Parse(_MESH, CalculatorGraphConfig()),
                side_inputs={"with_attention": True},
                calculator_params={"facelandmarkcpu__ThresholdingCalculator.threshold": -1.0},
                outputs=["landmarks", self._SCORE],
                stream_type_hints={
                    "roi": PacketDataType.PROTO,
                    self._SCORE: PacketDataType.FLOAT,
                },
            )
            super().__init__(solution, {"image": blank, "roi": self._whole})

    def run(self, crop: UInt8Array) -> tuple[FloatArray, float]:
        """(478, 3) points as fractions of the crop, and the score of a face, 0 to 1."""
        answer = self._solution.process({"image": crop, "roi": self._whole})
        points = answer.landmarks.landmark
        mesh = np.fromiter((c for p in points for c in (p.x, p.y, p.z)), np.float32)
        return mesh.reshape(MESH_LANDMARKS, 3), float(getattr(answer, self._SCORE))


@dataclass(frozen=True, eq=False)
class Detection:
    """A face as the detector sees it, in fractions of its picture's width and height.

    Attributes:
        score: 0 to 1.
        box: x0, y0, x1, y1.
        keypoints: (6, 2) eye, eye, nose tip, mouth, ear, ear; the picture's left first.
    """

    score: float
    box: tuple[float, float, float, float]
    keypoints: FloatArray


class DetectorGraph(Graph):
    """MediaPipe's face detector; ``Full`` sees smaller faces, ``Short`` larger ones."""

    def __init__(self, kind: Literal["Short", "Full"], threshold: float) -> None:
        from google.protobuf import text_format
        from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
        from mediapipe.python.solution_base import SolutionBase

        name = f"facedetection{kind.lower()}range"
        node = f"{name}cpu__{name}__facedetection__TensorsToDetectionsCalculator"
        with quiet():
            solution = SolutionBase(
                graph_config=text_format.Parse(
                    _DETECTOR.format(kind=kind), CalculatorGraphConfig()
                ),
                calculator_params={f"{node}.min_score_thresh": threshold},
            )
            super().__init__(solution, {"image": np.zeros((192, 192, 3), np.uint8)})

    def run(self, picture: UInt8Array) -> list[Detection]:
        """Every face found, best first."""
        found = []
        for detection in self._solution.process({"image": picture}).detections or ():
            place = detection.location_data
            box = place.relative_bounding_box
            found.append(
                Detection(
                    score=float(detection.score[0]),
                    box=(box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height),
                    keypoints=np.array([(k.x, k.y) for k in place.relative_keypoints], np.float32),
                )
            )
        return sorted(found, key=lambda face: -face.score)


class PoseGraph(Graph):
    """BlazePose's 33 body points; the first eleven are eyes, ears, nose and mouth corners."""

    def __init__(self, threshold: float) -> None:
        from mediapipe.python.solution_base import SolutionBase

        with quiet():
            solution = SolutionBase(
                binary_graph_path="mediapipe/modules/pose_landmark/pose_landmark_cpu.binarypb",
                side_inputs={
                    "model_complexity": 1,
                    "smooth_landmarks": False,
                    "enable_segmentation": False,
                    "smooth_segmentation": False,
                    "use_prev_landmarks": False,
                },
                calculator_params={
                    "posedetectioncpu__TensorsToDetectionsCalculator.min_score_thresh": threshold,
                    "poselandmarkbyroicpu__tensorstoposelandmarksandsegmentation__"
                    "ThresholdingCalculator.threshold": threshold,
                },
                outputs=["pose_landmarks"],
            )
            super().__init__(solution, {"image": np.zeros((224, 224, 3), np.uint8)})

    def run(self, picture: UInt8Array) -> FloatArray | None:
        """(33, 4) x, y as fractions of the picture, z, visibility; None without a body."""
        found = self._solution.process({"image": picture}).pose_landmarks
        if found is None:
            return None
        return np.array([(p.x, p.y, p.z, p.visibility) for p in found.landmark], np.float32)
