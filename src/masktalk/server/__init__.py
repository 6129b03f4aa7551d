"""`masktalk serve`: avatars, renders and live sessions over HTTP, WebSocket and WebRTC."""

from masktalk.server.app import create_app
from masktalk.server.options import Limits, ServerOptions

__all__ = ["Limits", "ServerOptions", "create_app"]
