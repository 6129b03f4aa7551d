"""The avatar bundle: prepared once, used by every later render."""

from masktalk.avatar.bundle import FACES_NAME, OVERLAY_NAME, Avatar, is_avatar, ping_pong
from masktalk.avatar.facetrack import FaceTrack
from masktalk.avatar.manifest import (
    IMAGE_FRAME_RATE,
    MOUTH_CHOICES,
    Manifest,
    MouthChoice,
    MouthMode,
    SourceRecord,
)
from masktalk.avatar.occlusions import OCCLUSIONS_NAME, OcclusionTrack, write_occlusions
from masktalk.files import file_digest

__all__ = [
    "FACES_NAME",
    "IMAGE_FRAME_RATE",
    "MOUTH_CHOICES",
    "OCCLUSIONS_NAME",
    "OVERLAY_NAME",
    "Avatar",
    "FaceTrack",
    "Manifest",
    "MouthChoice",
    "MouthMode",
    "OcclusionTrack",
    "SourceRecord",
    "file_digest",
    "is_avatar",
    "ping_pong",
    "write_occlusions",
]
