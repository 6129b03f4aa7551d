"""MuseTalk's two large networks, built by diffusers and filled from public files.

Zhang et al., "MuseTalk: Real-Time High Quality Lip Synchronization with Latent Space
Inpainting" (2024): a Stable Diffusion 1 UNet that paints a mouth in one step, between the
encoder and the decoder of Stable Diffusion's VAE.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from masktalk.errors import MissingExtraError, WeightsError
from masktalk.types import FloatArray, UInt8Array
from masktalk.weights import fill_network, load_tensors

#: Latents per unit of the VAE's own scale.
SCALING_FACTOR = 0.18215

UNET_CONFIG: dict[str, Any] = {
    "act_fn": "silu",
    "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 384,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 8,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-5,
    "norm_num_groups": 32,
    "out_channels": 4,
    "sample_size": 64,
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}

VAE_CONFIG: dict[str, Any] = {
    "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 256,
    "scaling_factor": SCALING_FACTOR,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}

#: The VAE's attention, as the published file of 2022 names it and as diffusers does now.
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


_CONFIG_NAMES = ("musetalk.json", "config.json")


@dataclass(frozen=True, eq=False)
class Networks:
    """The loaded pair.

    Attributes:
        unet: diffusers' ``UNet2DConditionModel``.
        vae: diffusers' ``AutoencoderKL``.
    """

    unet: Any
    vae: Any

    @property
    def scaling_factor(self) -> float:
        """Latents per unit of the VAE's own scale."""
        return float(self.vae.config.scaling_factor)

    @property
    def picture_size(self) -> int:
        """Pixels along a side of the face that is generated."""
        return int(self.vae.config.sample_size)


def make_unet(config: dict[str, Any] | None = None, device: str | None = None) -> Any:
    """Return an unfilled UNet."""
    with torch.device(device or "cpu"):
        return _diffusers().UNet2DConditionModel(**(config or UNET_CONFIG)).eval()


def make_vae(config: dict[str, Any] | None = None, device: str | None = None) -> Any:
    """Return an unfilled VAE."""
    with torch.device(device or "cpu"):
        return _diffusers().AutoencoderKL(**(config or VAE_CONFIG)).eval()


def load_unet(
    path: Path, config: Path | None, dtype: torch.dtype, device: torch.device | str
) -> Any:
    """Return a UNet from a plain state dict.

    Args:
        path: ``unet.pth`` or ``pytorch_model.bin``.
        config: Its configuration; None for the one beside it, or else the published one.
        dtype: What to compute in.
        device: Where.

    Raises:
        WeightsError: The file does not fit the network.
    """
    beside = (path.with_name(name) for name in _CONFIG_NAMES)
    config = config or next((place for place in beside if place.is_file()), None)
    network = make_unet(_read_config(config) if config else None, device="meta")
    return fill_network(network, path, load_tensors(path), dtype, device)


def load_vae(path: Path, dtype: torch.dtype, device: torch.device | str) -> Any:
    """Return a VAE from the published file, its attention named in the old way or the new.

    A ``config.json`` beside it is honoured.

    Raises:
        WeightsError: The file does not fit the network.
    """
    beside = path.with_name("config.json")
    network = make_vae(_read_config(beside) if beside.is_file() else None, device="meta")
    tensors = {modern_key(key): value for key, value in load_tensors(path).items()}
    shapes = network.state_dict()
    for key, value in tensors.items():
        if key in shapes and value.shape != shapes[key].shape:
            tensors[key] = value.reshape(shapes[key].shape)
    return fill_network(network, path, tensors, dtype, device)


def modern_key(key: str) -> str:
    """Return a VAE key as diffusers names it now."""
    head, dot, tail = key.rpartition(".")
    parent, _, last = head.rpartition(".")
    if ".attentions." in key and last in _OLD_ATTENTION:
        return f"{parent}.{_OLD_ATTENTION[last]}{dot}{tail}"
    return key


def positional_encoding(tokens: int, width: int) -> Tensor:
    """(tokens, width) sinusoids (Vaswani et al. 2017, section 3.5)."""
    place = torch.arange(tokens, dtype=torch.float32)[:, None]
    exponent = torch.arange(0, width, 2).float() * (-torch.log(torch.tensor(1e4)) / width)
    # Rounded from double precision: processors differ in the last bit of exp in single.
    step = torch.exp(exponent.double()).float()
    encoding = torch.zeros(tokens, width)
    encoding[:, 0::2] = torch.sin(place * step)
    encoding[:, 1::2] = torch.cos(place * step)
    return encoding


def _read_config(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(path, f"is not a network configuration ({error})") from error
    return {key: value for key, value in content.items() if not key.startswith("_")}


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise MissingExtraError(
            str(error.name), "is not installed", "pip install 'masktalk[musetalk]'"
        ) from error
    return diffusers


def face_picture(crop: UInt8Array, size: int) -> UInt8Array:
    """(size, size, 3) of a (h, w, 3) crop of any shape."""
    return np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_LANCZOS4), np.uint8)


def face_tensor(picture: UInt8Array, hide_lower: bool) -> Tensor:
    """(3, S, S) in -1..1 of a (S, S, 3) RGB picture; a hidden lower half is -1."""
    planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255
    if hide_lower:
        planes[:, planes.shape[1] // 2 :] = 0
    return (planes - 0.5) / 0.5


def encode_faces(networks: Networks, pictures: Sequence[UInt8Array]) -> FloatArray:
    """Return the generator input of square RGB pictures.

    The posterior's mean is taken, as in training, so that the same picture always gives
    the same latent.

    Args:
        networks: Whose VAE encodes.
        pictures: (S, S, 3) RGB each, S being ``networks.picture_size``.

    Returns:
        (N, 8, S / 8, S / 8): four channels of the half-hidden face, four of the whole.
    """
    vae = networks.vae
    hidden = [face_tensor(picture, hide_lower=True) for picture in pictures]
    whole = [face_tensor(picture, hide_lower=False) for picture in pictures]
    with torch.inference_mode():
        faces = torch.stack(hidden + whole).to(vae.device, vae.dtype)
        means = vae.encode(faces).latent_dist.mode().float() * networks.scaling_factor
        both = torch.cat([means[: len(hidden)], means[len(hidden) :]], dim=1)
    result: FloatArray = both.cpu().numpy()
    return result
