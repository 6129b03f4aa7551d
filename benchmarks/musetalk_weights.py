"""Full-size pseudo-random MuseTalk weights in the public layout, for measuring.

    python benchmarks/musetalk_weights.py FOLDER

Nothing is downloaded; what the networks paint is noise, what they cost is real.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from masktalk.compose.parsing import BiSeNet
from masktalk.engines.musetalk.networks import UNET_CONFIG, VAE_CONFIG, make_unet, make_vae
from masktalk.engines.musetalk.whisper import tiny_config


def main(folder: Path) -> None:
    """Write every file that the engine reads."""
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.manual_seed(0)
    _save(_seeded(BiSeNet()), folder / "face-parse-bisent" / "79999_iter.pth")
    encoder = WhisperEncoder(tiny_config()).state_dict()
    whole = {f"model.encoder.{key}": value for key, value in encoder.items()}
    _save(whole, folder / "whisper" / "pytorch_model.bin")
    _save(_seeded(make_vae()), folder / "sd-vae" / "diffusion_pytorch_model.bin")
    _write(VAE_CONFIG, folder / "sd-vae" / "config.json")
    unet = make_unet(device="meta").to_empty(device="cpu")
    _save(_seeded(unet), folder / "musetalkV15" / "unet.pth")
    _write(UNET_CONFIG, folder / "musetalkV15" / "musetalk.json")


def _seeded(network: Any) -> dict[str, torch.Tensor]:
    """Uniform weights that keep the variance of what passes through."""
    state: dict[str, torch.Tensor] = network.state_dict()
    for key, value in state.items():
        if not value.is_floating_point():
            value.zero_()
        elif value.ndim > 1:
            bound = (3 / value[0].numel()) ** 0.5
            value.uniform_(-bound, bound)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        else:
            low, high = (-0.1, 0.1) if key.endswith(("bias", "running_mean")) else (0.8, 1.2)
            value.uniform_(low, high)
    return state


def _save(state: dict[str, torch.Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


def _write(config: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(config), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
