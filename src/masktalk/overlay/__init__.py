"""Two-image avatars: a bare face that speaks, and the mask composited back over it."""

from masktalk.overlay.masked_engine import MaskedEngine, engine_for, with_overlay, write_overlay

__all__ = ["MaskedEngine", "engine_for", "with_overlay", "write_overlay"]
