"""Live: speech streams in, frames and sound stream out, ruled by one clock."""

from masktalk.session.live import Session
from masktalk.session.options import SessionOptions, SessionStats, Tick
from masktalk.session.process import ProcessSession, SessionLostError, SessionSpec

__all__ = [
    "ProcessSession",
    "Session",
    "SessionLostError",
    "SessionOptions",
    "SessionSpec",
    "SessionStats",
    "Tick",
]
