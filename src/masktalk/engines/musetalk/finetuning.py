"""Fine-tuned weights of the UNet: low-rank updates or trained tensors, kept apart and merged.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021): y = W x + s B A x,
with B zero at the start, so that training begins with exactly the base's output.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import torch
from torch import Tensor, nn

from masktalk.errors import WeightsError
from masktalk.weights import load_tensors

TrainedPart: TypeAlias = Literal["lora", "audio", "full"]

#: Name of the result within a run's folder.
RESULT_NAME = "weights.safetensors"
#: Projections of every attention that get a low-rank update.
_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
#: Part of a tensor's name that marks attention to the audio.
AUDIO_ATTENTION = ".attn2."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"


class LowRankLinear(nn.Module):
    """A frozen linear layer with a trainable low-rank update.

    Args:
        base: The layer.
        rank: Of the update.
    """

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        kept: Any = {"device": base.weight.device, "dtype": torch.float32}
        self.down = nn.Parameter(torch.empty(rank, base.in_features, **kept))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, **kept))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the base's output plus the update's."""
        low = nn.functional.linear(hidden, self.down.to(hidden.dtype))
        return cast(Tensor, self.base(hidden)) + nn.functional.linear(low, self.up.to(hidden.dtype))


def add_low_rank(unet: nn.Module, rank: int) -> dict[str, LowRankLinear]:
    """Freeze a UNet and give its attention projections low-rank updates; return them by name."""
    unet.requires_grad_(False)
    layers: dict[str, LowRankLinear] = {}
    for name, layer in _projections(unet):
        layers[name] = LowRankLinear(layer, rank)
        parent, _, last = name.rpartition(".")
        setattr(unet.get_submodule(parent), last, layers[name])
    return layers


def _projections(unet: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    for name, module in list(unet.named_modules()):
        if isinstance(module, nn.Linear) and name.endswith(
            tuple(f".{projection}" for projection in _PROJECTIONS)
        ):
            yield name, module


def low_rank_tensors(layers: Mapping[str, LowRankLinear]) -> dict[str, Tensor]:
    """Return the updates' tensors by name, as they are written to a file."""
    tensors = {}
    for name, layer in layers.items():
        tensors[name + _DOWN] = layer.down.detach().cpu().contiguous()
        tensors[name + _UP] = layer.up.detach().cpu().contiguous()
    return tensors


@dataclass(frozen=True, eq=False)
class FinetunedWeights:
    """The weights that a training run wrote.

    Attributes:
        part: Trained part of the UNet.
        tensors: Low-rank factors, or the trained tensors themselves.
        path: File they were read from.
    """

    part: TrainedPart
    tensors: dict[str, Tensor]
    path: Path

    @classmethod
    def read(cls, path: Path) -> FinetunedWeights:
        """Read a run's folder or its ``.safetensors``.

        Raises:
            WeightsError: It is missing or is something else.
        """
        file = cls.locate(path)
        tensors = load_tensors(file)
        part: TrainedPart = "full"
        if any(key.endswith(_DOWN) for key in tensors):
            part = "lora"
        elif all(AUDIO_ATTENTION in key for key in tensors):
            part = "audio"
        return cls(part, tensors, file)

    @staticmethod
    def locate(path: Path) -> Path:
        """Return the file of a run's folder, or the file itself.

        Raises:
            WeightsError: It does not exist.
        """
        file = path / RESULT_NAME if path.is_dir() else path
        if not file.is_file():
            remedy = "name a folder that 'masktalk train musetalk' wrote"
            raise WeightsError(file, "does not exist", remedy)
        return file

    def apply(self, unet: nn.Module) -> None:
        """Write the weights into a UNet, low-rank updates added to what they belong to.

        Raises:
            WeightsError: They belong to another network.
        """
        state = unet.state_dict()
        for key, value in self.merged(state).items():
            state[key].copy_(value)

    def merged(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the changed tensors of a UNet's state.

        Args:
            state: The base's tensors by name.

        Raises:
            WeightsError: These weights belong to another network.
        """
        changed = self.tensors
        if self.part == "lora":
            names = [key.removesuffix(_DOWN) for key in self.tensors if key.endswith(_DOWN)]
            changed = {f"{name}.weight": self._update(name, state) for name in names}
        for key, value in changed.items():
            if key not in state or state[key].shape != value.shape:
                raise WeightsError(self.path, f"{key} does not fit this UNet", "give its own base")
        return changed

    def _update(self, name: str, state: Mapping[str, Tensor]) -> Tensor:
        base = state.get(f"{name}.weight")
        down, up = self.tensors[name + _DOWN], self.tensors[name + _UP]
        if base is None or base.shape != (up.shape[0], down.shape[1]):
            raise WeightsError(self.path, f"{name} does not fit this UNet", "give its own base")
        device = base.device
        update = up.to(device, torch.float32) @ down.to(device, torch.float32)
        return (base.float() + update).to(base.dtype)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card that a run wrote beside its weights; empty where there is none."""
    path = folder / "card.json"
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
