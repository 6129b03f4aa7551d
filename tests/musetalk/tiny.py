"""A MuseTalk so small that a test makes it: random weights in the public layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from masktalk.engines.musetalk.networks import make_unet, make_vae

WIDTH = 16

UNET: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 4,
    "cross_attention_dim": WIDTH,
    "block_out_channels": [8, 16],
    "norm_num_groups": 4,
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "sample_size": 8,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}
VAE: dict[str, Any] = {
    "block_out_channels": [4, 4, 4, 4],
    "norm_num_groups": 2,
    "latent_channels": 4,
    "layers_per_block": 1,
    "sample_size": 64,
    "scaling_factor": 0.18215,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}
WHISPER: dict[str, Any] = {
    "d_model": WIDTH,
    "encoder_layers": 1,
    "encoder_attention_heads": 1,
    "encoder_ffn_dim": 16,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
    "dropout": 0.0,
}


def tiny_weights(folder: Path) -> dict[str, Any]:
    """Engine options under which MuseTalk runs on weights written to ``folder``."""
    return {"models": tiny_models(folder), "device": "cpu", "precision": "fp32"}


def tiny_models(folder: Path) -> Path:
    """A ``models/`` folder in the reference's own layout, without face parsing."""
    from transformers.models.whisper import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.manual_seed(7)
    unet = make_unet(UNET).state_dict()
    for name in ("musetalkV15/unet.pth", "musetalk/pytorch_model.bin"):
        _save(unet, UNET, folder / name, "musetalk.json")
    vae = make_vae(VAE).state_dict()
    _save(vae, VAE, folder / "sd-vae" / "diffusion_pytorch_model.bin")
    encoder = WhisperEncoder(WhisperConfig(**WHISPER)).state_dict()
    whole = {f"model.encoder.{key}": value for key, value in encoder.items()}
    _save(whole, WHISPER, folder / "whisper" / "pytorch_model.bin")
    return folder


def _save(
    state: dict[str, torch.Tensor], config: dict[str, Any], path: Path, name: str = "config.json"
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    path.with_name(name).write_text(json.dumps(config), encoding="utf-8")
