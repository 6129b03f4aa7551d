"""MediaPipe's face networks in onnxruntime: two detectors and the attention mesh.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019);
Grishchenko et al., "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time" (2020).
The weights are Google's, Apache-2.0 (`scripts/convert_networks.py` makes them anew).
"""

from masktalk.faces.networks.face_detector import Detection, FaceDetector
from masktalk.faces.networks.face_mesh import MESH_SIDE_PX, FaceMesh, MeshSequence

__all__ = ["MESH_SIDE_PX", "Detection", "FaceDetector", "FaceMesh", "MeshSequence"]
