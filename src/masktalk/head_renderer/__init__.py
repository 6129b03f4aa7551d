"""The head renderer: one image and sparse 3-D keypoints become a moving head.

Wang et al., "One-Shot Free-View Neural Talking-Head Synthesis for Video Conferencing"
(CVPR 2021), with the SPADE decoder of Park et al., "Semantic Image Synthesis with
Spatially-Adaptive Normalization" (CVPR 2019). It takes the keypoint count and the
upscaling as parameters and knows nothing of audio.
"""

from masktalk.head_renderer.generator import GeneratorConfig, HeadGenerator, SourceFeatures
from masktalk.head_renderer.inference import fold_norms, use_winograd
from masktalk.head_renderer.keypoints import (
    HeadPose,
    KeypointDetector,
    rotation_matrix,
    transform_keypoints,
)
from masktalk.head_renderer.renderer import HeadRenderer, SourceHead

__all__ = [
    "GeneratorConfig",
    "HeadGenerator",
    "HeadPose",
    "HeadRenderer",
    "KeypointDetector",
    "SourceFeatures",
    "SourceHead",
    "fold_norms",
    "rotation_matrix",
    "transform_keypoints",
    "use_winograd",
]
