"""Read a Wav2Lip generator from any of the public files; its keys tell the network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from masktalk.engines.wav2lip.networks import LAYOUTS, Layout, Wav2Lip
from masktalk.errors import WeightsError
from masktalk.weights import fill_network, load_tensors

_FIRST_WEIGHT = "face_encoder_blocks.0.0.conv_block.0.weight"
_KEY_OF_384 = "sam.sa.conv1.weight"
_KEY_OF_256 = "face_encoder_blocks.7.0.conv_block.0.weight"
#: Tensors in the 384 files that no forward pass uses.
_UNUSED_PREFIX = "audio_refine."
_PARALLEL_PREFIX = "module."


def load_generator(path: Path) -> Wav2Lip:
    """Return the float32 generator of a file, on the CPU and ready for inference.

    Args:
        path: A dict saved by torch (keys with or without ``module.``), a TorchScript archive
            or a safetensors file.

    Raises:
        WeightsError: It cannot be opened safely, or is not a Wav2Lip generator.
    """
    tensors = generator_tensors(load_tensors(path))
    layout = recognise_layout(path, tensors)
    with torch.device("meta"):
        network = Wav2Lip(layout)
    return cast(Wav2Lip, fill_network(network, path, tensors))


def generator_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under the network's own keys, without those that it never uses."""
    plain = {key.removeprefix(_PARALLEL_PREFIX): value for key, value in tensors.items()}
    return {key: value for key, value in plain.items() if not key.startswith(_UNUSED_PREFIX)}


def recognise_layout(path: Path, tensors: dict[str, Tensor]) -> Layout:
    """Return the table that a file's keys and first weight belong to.

    Raises:
        WeightsError: It is not a Wav2Lip generator.
    """
    first = tensors.get(_FIRST_WEIGHT)
    if first is None:
        raise WeightsError(
            path, "is not a Wav2Lip generator", "give wav2lip.pth, wav2lip_gan.pth or a descendant"
        )
    size = 384 if _KEY_OF_384 in tensors else 256 if _KEY_OF_256 in tensors else 96
    return LAYOUTS[size].narrowed(len(first))
