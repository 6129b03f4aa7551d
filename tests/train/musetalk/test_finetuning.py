"""Low-rank updates: what is trained, what they change, and what they become when merged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from masktalk.engines.musetalk.finetuning import (
    FinetunedWeights,
    add_low_rank,
    low_rank_tensors,
)
from masktalk.engines.musetalk.networks import make_unet
from masktalk.errors import WeightsError
from tests.musetalk.tiny import UNET, WIDTH

RANK = 4


def output(unet: torch.nn.Module) -> torch.Tensor:
    torch.manual_seed(5)
    latents, tokens = torch.randn(2, 8, 8, 8), torch.randn(2, 10, WIDTH)
    step = torch.zeros(1, dtype=torch.long)
    return unet(latents, step, encoder_hidden_states=tokens).sample


@pytest.fixture
def unet() -> torch.nn.Module:
    torch.manual_seed(3)
    return make_unet(UNET)


def test_only_the_updates_have_gradients_and_at_first_change_nothing(unet: torch.nn.Module) -> None:
    before = output(unet)
    layers = add_low_rank(unet, RANK)
    after = output(unet)
    assert torch.equal(before, after)
    after.square().mean().backward()
    trained = {name for name, value in unet.named_parameters() if value.grad is not None}
    expected = {f"{name}.{side}" for name in layers for side in ("down", "up")}
    assert trained == expected
    assert {name for name, value in unet.named_parameters() if value.requires_grad} == expected


def test_merged_and_unmerged_are_the_same(unet: torch.nn.Module, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    base = {key: value.clone() for key, value in unet.state_dict().items()}
    layers = add_low_rank(unet, RANK)
    with torch.no_grad():
        for layer in layers.values():
            layer.up.normal_(0, 0.05)
    unmerged = output(unet)
    save_file(low_rank_tensors(layers), tmp_path / "weights.safetensors")
    tuned = FinetunedWeights.read(tmp_path)
    assert tuned.part == "lora"
    other = make_unet(UNET)
    other.load_state_dict(base)
    tuned.apply(other)
    assert (output(other) - unmerged).abs().max() < 1e-5
    assert (output(other) - unmerged).abs().max() < 0.1 * unmerged.abs().max()


def test_a_full_size_update_of_rank_16_is_under_15_mb() -> None:
    layers = add_low_rank(make_unet(device="meta"), 16)
    size = sum(layer.down.numel() + layer.up.numel() for layer in layers.values()) * 4
    assert 5e6 < size < 15e6


def test_weights_of_another_network_are_refused(unet: torch.nn.Module, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    wide = make_unet(UNET | {"block_out_channels": [16, 32]})
    save_file(low_rank_tensors(add_low_rank(wide, RANK)), tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match="does not fit"):
        FinetunedWeights.read(tmp_path).apply(unet)
    with pytest.raises(WeightsError, match="does not exist"):
        FinetunedWeights.read(tmp_path / "nothing")
