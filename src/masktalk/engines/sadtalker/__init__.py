"""SadTalker: one picture becomes a talking head, from the public checkpoints."""

from importlib.util import find_spec

from masktalk.errors import MissingExtraError

for _needed in ("torch", "safetensors"):
    if find_spec(_needed) is None:
        raise MissingExtraError(_needed, "is not installed", "pip install 'masktalk[sadtalker]'")

from masktalk.engines.sadtalker.engine import SadTalkerEngine  # noqa: E402
from masktalk.engines.sadtalker.options import SadTalkerOptions  # noqa: E402

__all__ = ["SadTalkerEngine", "SadTalkerOptions"]
