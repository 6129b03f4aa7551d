"""MuseTalk: the public checkpoints v1 and v1.5."""

from importlib.util import find_spec

from masktalk.errors import MissingExtraError

for _needed in ("torch", "diffusers", "transformers", "safetensors"):
    if find_spec(_needed) is None:
        raise MissingExtraError(_needed, "is not installed", "pip install 'masktalk[musetalk]'")

from masktalk.engines.musetalk.engine import MuseTalkEngine  # noqa: E402
from masktalk.engines.musetalk.options import MuseTalkOptions  # noqa: E402

__all__ = ["MuseTalkEngine", "MuseTalkOptions"]
