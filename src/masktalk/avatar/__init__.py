"""The avatar bundle: prepared once, used by every later render."""

from masktalk.avatar.bundle import (
    FACES_NAME,
    OVERLAY_NAME,
    Avatar,
    file_digest,
    is_avatar,
    ping_pong,
)
from masktalk.avatar.facetrack import FaceTrack
from masktalk.avatar.manifest import Manifest, MouthMode, SourceRecord

__all__ = [
    "FACES_NAME",
    "OVERLAY_NAME",
    "Avatar",
    "FaceTrack",
    "Manifest",
    "MouthMode",
    "SourceRecord",
    "file_digest",
    "is_avatar",
    "ping_pong",
]
