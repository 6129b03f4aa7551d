"""Engines: speech and an avatar in, patches out."""

from masktalk.engines.base import (
    ENGINES,
    Articulator,
    Capabilities,
    Engine,
    EngineOptions,
    Speech,
    engine_class,
    frame_count,
    make_engine,
)

__all__ = [
    "ENGINES",
    "Articulator",
    "Capabilities",
    "Engine",
    "EngineOptions",
    "Speech",
    "engine_class",
    "frame_count",
    "make_engine",
]
