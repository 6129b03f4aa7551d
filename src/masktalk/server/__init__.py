"""`masktalk serve`: avatars, renders and live sessions over HTTP, WebSocket and WebRTC."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from masktalk.server.app import create_app
    from masktalk.server.options import Limits, ServerOptions

__all__ = ["Limits", "ServerOptions", "create_app"]

_HOMES = {"Limits": "options", "ServerOptions": "options", "create_app": "app"}


def __getattr__(name: str) -> Any:
    # Worker processes live in this package, too, and must start at once.
    if name not in _HOMES:
        raise AttributeError(f"module 'masktalk.server' has no attribute {name!r}")
    return getattr(import_module(f"masktalk.server.{_HOMES[name]}"), name)
