"""Live: speech streams in, frames and sound stream out, ruled by one clock."""

from masktalk.session.live import Session
from masktalk.session.options import Moment, SessionOptions, SessionStats

__all__ = ["Moment", "Session", "SessionOptions", "SessionStats"]
