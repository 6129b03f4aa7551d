"""Live: speech streams in, frames and sound stream out, ruled by one clock."""

from masktalk.session.apart import Cast, SessionApart, SessionLostError
from masktalk.session.live import Session
from masktalk.session.options import Moment, SessionOptions, SessionStats

__all__ = [
    "Cast",
    "Moment",
    "Session",
    "SessionApart",
    "SessionLostError",
    "SessionOptions",
    "SessionStats",
]
