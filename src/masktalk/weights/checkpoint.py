"""Open a checkpoint without running anything that is in it."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktalk.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

    Tensors = dict[str, torch.Tensor]

_BLOCK = 1 << 22
_DAMAGED = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    EOFError,
    OSError,
)


def load_tensors(path: Path, section: str | None = None) -> Tensors:
    """Return the tensors of a safetensors file, a state dict saved by torch, or TorchScript.

    A pickle that holds anything but tensors is refused, and no code of a TorchScript archive
    runs. A dict with a ``state_dict`` in it gives that one.

    Args:
        path: The file.
        section: Entry of the saved dict that holds the state dict; the others are dropped.

    Raises:
        WeightsError: Missing, damaged, or not a plain state dict.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from masktalk.weights.torchscript import is_torchscript, torchscript_state
    except ImportError as error:
        raise MissingExtraError(
            str(error.name), "is not installed", "pip install 'masktalk[musetalk]'"
        ) from error
    if not path.is_file():
        raise WeightsError(path, "no such file", "see 'masktalk models list'")
    try:
        if path.suffix == ".safetensors":
            tensors: Any = load_file(path)
        elif is_torchscript(path):
            tensors = torchscript_state(path)
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Detected pickle protocol")
                tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, *_DAMAGED) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if reason.startswith("Weights only load failed"):
            # torch goes on with advice to open it unsafely.
            reason = "not a pickle of tensors alone"
        raise WeightsError(path, f"is not a checkpoint that opens safely ({reason})") from error
    if isinstance(tensors, dict):
        tensors = tensors.get(section or "state_dict", None if section else tensors)
    if not _is_state_dict(tensors):
        raise WeightsError(path, "is not a plain state dict of tensors")
    return dict(tensors)


def fill_network(
    network: nn.Module,
    path: Path,
    tensors: Tensors,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Move a checkpoint's tensors into a network on the meta device, ready for inference.

    They are moved one by one, and ``tensors`` is emptied, so that they never lie in memory
    twice.

    Args:
        network: As built under ``torch.device("meta")``.
        path: The file, for error messages.
        tensors: From ``load_tensors``, with the network's own keys.
        dtype: Precision; None for float32.
        device: Target device.

    Raises:
        WeightsError: Keys or shapes do not fit the network.
    """
    import torch
    from torch import nn

    state = network.state_dict()
    missing, unknown = sorted(set(state) - set(tensors)), sorted(set(tensors) - set(state))
    if missing or unknown:
        raise WeightsError(
            path, f"does not fit: missing {missing[:2] or 'none'}, unknown {unknown[:2] or 'none'}"
        )
    for key, value in tensors.items():
        if value.shape != state[key].shape:
            raise WeightsError(path, f"{key} is {list(value.shape)}, not {list(state[key].shape)}")
    # diffusers overrides `to` with one that warns of modules that are not there.
    nn.Module.to(network, dtype or torch.float32)
    network.to_empty(device=device)
    state = network.state_dict()
    with torch.no_grad():
        for key in list(tensors):
            state[key].copy_(tensors.pop(key))
    return network.eval().requires_grad_(False)


def _is_state_dict(value: object) -> bool:
    import torch

    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(tensor, torch.Tensor) for key, tensor in value.items()
    )
