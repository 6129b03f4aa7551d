"""Pictures, videos and sound: in, out, and kept without loss."""

from masktalk.media.audio import audio_duration, read_audio, stream_audio
from masktalk.media.color import Color
from masktalk.media.encoders import available_encoders, pick_encoder
from masktalk.media.frame_store import FrameStore
from masktalk.media.opening import open_source
from masktalk.media.output import check_output, write_arrays, write_atomic
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.media.writer import Writer, WriterOptions

__all__ = [
    "Color",
    "FrameStore",
    "Limits",
    "Source",
    "SourceKind",
    "Writer",
    "WriterOptions",
    "audio_duration",
    "available_encoders",
    "check_output",
    "open_source",
    "pick_encoder",
    "read_audio",
    "stream_audio",
    "write_arrays",
    "write_atomic",
]
