"""Live: speech streams in, frames and sound stream out, ruled by one clock."""

from masktalk.session.encoding import EncodingOptions
from masktalk.session.options import LiveSession, SessionOptions, SessionStats, Tick
from masktalk.session.positions import PlaybackEvent
from masktalk.session.process import ProcessSession, SessionLostError, SessionSpec
from masktalk.session.session import Session

__all__ = [
    "EncodingOptions",
    "LiveSession",
    "PlaybackEvent",
    "ProcessSession",
    "Session",
    "SessionLostError",
    "SessionOptions",
    "SessionSpec",
    "SessionStats",
    "Tick",
]
