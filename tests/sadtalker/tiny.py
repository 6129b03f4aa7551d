"""A SadTalker so small that a test makes it: pseudo-random weights in the public layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from masktalk.engines.sadtalker.audio import ExpressionNetwork
from masktalk.engines.sadtalker.mapping import MappingNetwork
from masktalk.engines.sadtalker.pose import PoseNetwork
from masktalk.engines.sadtalker.recon import ReconNetwork
from masktalk.head_renderer import GeneratorConfig, HeadGenerator, KeypointDetector
from masktalk.head_renderer.keypoints import antialias_kernel
from tests.golden.recipe import weights

KEYPOINTS = 1
GENERATOR = GeneratorConfig(
    keypoints=KEYPOINTS,
    channels=2,
    depth=2,
    volume_channels=4,
    volume_blocks=1,
    hourglass=(2, 4),
    middle_channels=4,
    label_hidden_channels=4,
)
NETWORKS = {
    "audio2exp": lambda: ExpressionNetwork(2),
    "audio2pose": lambda: PoseNetwork(2, 2, hidden=16),
    "face_3drecon": lambda: ReconNetwork(4, (1, 1, 1, 1)),
    "generator": lambda: HeadGenerator(GENERATOR),
    "kp_extractor": lambda: KeypointDetector(KEYPOINTS, channels=2, depth=2),
}
MAPPINGS = {"mapping_00109-model.pth.tar": 73, "mapping_00229-model.pth.tar": 70}
#: Files of the earlier release: network, file and section.
EARLIER = (
    ("audio2exp", "auido2exp_00300-model.pth", "model"),
    ("audio2pose", "auido2pose_00140-model.pth", "model"),
    ("face_3drecon", "epoch_20.pth", "net_recon"),
    ("generator", "facevid2vid_00189-model.pth.tar", "generator"),
    ("kp_extractor", "facevid2vid_00189-model.pth.tar", "kp_detector"),
)


def tiny_options(folder: Path) -> dict[str, Any]:
    """Engine options under which SadTalker runs on weights written to ``folder``."""
    return {"checkpoints": tiny_checkpoints(folder), "device": "cpu", "precision": "fp32"}


def tiny_checkpoints(folder: Path) -> Path:
    """A ``checkpoints/`` folder in the reference's own layout."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{key}": value
        for name in NETWORKS
        for key, value in state(f"tiny_{name}", NETWORKS[name]()).items()
    }
    for size in (256, 512):
        save_file(tensors, folder / f"SadTalker_V0.0.2_{size}.safetensors")
    write_mappings(folder)
    return folder


def earlier_checkpoints(folder: Path) -> Path:
    """The same weights in the layout of the earlier release."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {}
    for name, file, section in EARLIER:
        files.setdefault(file, {})[section] = state(f"tiny_{name}", NETWORKS[name]())
    for file, content in files.items():
        torch.save(content, folder / file)
    write_mappings(folder)
    return folder


def write_mappings(folder: Path) -> None:
    for file, coefficients in MAPPINGS.items():
        mapping = state(f"tiny_{coefficients}", MappingNetwork(coefficients, 8, KEYPOINTS))
        torch.save({"mapping": mapping, "epoch": 3}, folder / file)


def state(name: str, network: nn.Module) -> dict[str, Tensor]:
    """Pseudo-random weights of a network, from its name alone."""
    return dict(spectral(dict(weights(name, network.state_dict()))))


def spectral(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Set vectors in place that make spectral norms about 1, and the true Gaussian kernel."""
    with torch.no_grad():
        for key, value in tensors.items():
            if key.endswith("weight_v"):
                stem = key.removesuffix("weight_v")
                weight = tensors[f"{stem}weight_orig"].double().flatten(1)
                vector = weight.T @ tensors[f"{stem}weight_u"].double()
                value.copy_(vector / vector.norm())
            elif key == "down.weight":
                value.copy_(antialias_kernel().expand_as(value))
    return tensors
