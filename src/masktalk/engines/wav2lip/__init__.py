"""Wav2Lip: the public checkpoints for faces of 96 pixels, and the descendants for 256 and 384."""

from importlib.util import find_spec

from masktalk.errors import MissingExtraError

for _needed in ("torch", "safetensors"):
    if find_spec(_needed) is None:
        raise MissingExtraError(_needed, "is not installed", "pip install 'masktalk[wav2lip]'")

from masktalk.engines.wav2lip.engine import Wav2LipEngine  # noqa: E402
from masktalk.engines.wav2lip.options import Wav2LipOptions  # noqa: E402

__all__ = ["Wav2LipEngine", "Wav2LipOptions"]
