"""Open a checkpoint without running anything that is in it."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktalk.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]

_BLOCK = 1 << 22


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def load_tensors(path: Path) -> Tensors:
    """The tensors of a ``.safetensors`` file, or of a plain state dict saved by torch.

    A pickle that holds anything but tensors is refused, not run.

    Raises:
        WeightsError: Missing, damaged, or not a plain state dict.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtraError(
            str(error.name), "is not installed", "pip install 'masktalk[musetalk]'"
        ) from error
    if not path.is_file():
        raise WeightsError(path, "no such file", "see 'masktalk models list'")
    try:
        if path.suffix == ".safetensors":
            tensors: Any = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Detected pickle protocol")
                tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(path, f"is not a checkpoint that opens safely ({reason})") from error
    tensors = tensors.get("state_dict", tensors) if isinstance(tensors, dict) else tensors
    if not _is_state_dict(tensors):
        raise WeightsError(path, "is not a plain state dict of tensors")
    return dict(tensors)


def _is_state_dict(value: object) -> bool:
    import torch

    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(tensor, torch.Tensor) for key, tensor in value.items()
    )
