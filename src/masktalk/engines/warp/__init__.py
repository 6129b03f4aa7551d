"""The embedded engine: the avatar's own pixels moved."""

from masktalk.engines.warp.engine import WarpEngine, WarpOptions

__all__ = ["WarpEngine", "WarpOptions"]
