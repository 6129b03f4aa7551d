"""masktalk: any face and any speech in, that face speaking out.

avatar = masktalk.prepare("ninja.jpg")
masktalk.render(avatar, "hello.wav", "out.mp4")
for frame in masktalk.frames(avatar, "hello.wav"):
    ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from masktalk.avatar import Avatar
    from masktalk.errors import MasktalkError
    from masktalk.preparation import PrepareOptions, prepare
    from masktalk.rendering import RenderOptions, frames, render
    from masktalk.session import LiveSession, ProcessSession, Session, SessionOptions, SessionSpec
    from masktalk.speech import articulate
    from masktalk.types import Articulation, Audio, Face, Frame, Patch

__all__ = [
    "Articulation",
    "Audio",
    "Avatar",
    "Face",
    "Frame",
    "LiveSession",
    "MasktalkError",
    "Patch",
    "PrepareOptions",
    "ProcessSession",
    "RenderOptions",
    "Session",
    "SessionOptions",
    "SessionSpec",
    "articulate",
    "frames",
    "prepare",
    "render",
]

_HOMES = {
    "Articulation": "types",
    "Audio": "types",
    "Avatar": "avatar",
    "Face": "types",
    "Frame": "types",
    "LiveSession": "session",
    "MasktalkError": "errors",
    "Patch": "types",
    "PrepareOptions": "preparation",
    "ProcessSession": "session",
    "RenderOptions": "rendering",
    "Session": "session",
    "SessionOptions": "session",
    "SessionSpec": "session",
    "articulate": "speech",
    "frames": "rendering",
    "prepare": "preparation",
    "render": "rendering",
}


def __getattr__(name: str) -> Any:
    # What is public loads when it is used: `masktalk --help` must not wait for it.
    if name not in _HOMES:
        raise AttributeError(f"module 'masktalk' has no attribute {name!r}")
    return getattr(import_module(f"masktalk.{_HOMES[name]}"), name)
