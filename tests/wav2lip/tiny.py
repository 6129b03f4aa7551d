"""A Wav2Lip so narrow that a test makes it: random weights under the public keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from masktalk.engines.wav2lip.networks import LAYOUTS, Wav2Lip

WIDTH = 2


def tiny_generator(size: int = 96) -> Wav2Lip:
    """A generator of ``WIDTH`` channels whose output depends on the audio."""
    torch.manual_seed(7)
    network = Wav2Lip(LAYOUTS[size].narrowed(WIDTH)).eval()
    with torch.no_grad():
        network.face_decoder_blocks[0][0].conv_block[1].weight.mul_(30)
    return network


def tiny_weights(folder: Path) -> dict[str, Any]:
    """Engine options under which Wav2Lip runs on weights written to ``folder``."""
    return {"checkpoint": write_checkpoint(folder / "wav2lip.pth"), "device": "cpu"}


def write_checkpoint(path: Path, size: int = 96) -> Path:
    """A file as the reference's training writes it."""
    state = tiny_generator(size).state_dict()
    saved = {"state_dict": {f"module.{key}": value for key, value in state.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({**saved, "optimizer": None, "global_step": 3, "global_epoch": 1}, path)
    return path
