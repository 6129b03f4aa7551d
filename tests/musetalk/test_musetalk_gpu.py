"""The fast way on a GPU against the plain one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from masktalk.avatar import Avatar
from masktalk.engines.musetalk.face_generator import Generator
from masktalk.engines.musetalk.networks import Networks, make_unet, make_vae
from tests.musetalk.conftest import speak
from tests.musetalk.tiny import UNET, VAE, WIDTH

DEVICES = [
    pytest.param(("cpu", torch.float32, 0), id="cpu"),
    pytest.param(("cuda", torch.float32, 1), id="cuda-fp32", marks=pytest.mark.gpu),
    pytest.param(("cuda", torch.float16, 4), id="cuda-fp16", marks=pytest.mark.gpu),
]


def inputs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents and prompts."""
    rng = np.random.default_rng(count)
    latents = rng.normal(size=(count, 8, 8, 8)).astype(np.float32)
    return latents, rng.normal(size=(count, 20, WIDTH)).astype(np.float32)


def networks(device: str, dtype: torch.dtype) -> Networks:
    """The same tiny pair wherever it is put."""
    torch.manual_seed(5)
    pair = [make_unet(UNET), make_vae(VAE)]
    return Networks(*(torch.nn.Module.to(network, device, dtype) for network in pair))


@pytest.mark.parametrize("case", DEVICES)
def test_the_fast_way_paints_what_the_plain_one_does(case: tuple[str, torch.dtype, int]) -> None:
    device, dtype, levels = case
    fast = Generator(networks(device, dtype), torch.device(device), dtype, batch=4)
    plain = Generator(
        networks("cpu", torch.float32), torch.device("cpu"), torch.float32, 4, plain=True
    )
    for count in (4, 4, 3, 1):  # the last batches are partial
        ours, theirs = fast.generate(*inputs(count)), plain.generate(*inputs(count))
        assert ours.shape == theirs.shape == (count, 64, 64, 3)
        assert np.abs(ours.astype(int) - theirs).max() <= max(levels, 1)
        np.testing.assert_array_equal(ours, fast.generate(*inputs(count)))


@pytest.mark.parametrize("case", DEVICES)
def test_faces_are_resized_alike_on_every_device(case: tuple[str, torch.dtype, int]) -> None:
    device, dtype, levels = case
    sizes = [(90, 71), (33, 150)]
    fast = Generator(networks(device, dtype), torch.device(device), dtype, batch=4)
    plain = Generator(
        networks("cpu", torch.float32), torch.device("cpu"), torch.float32, 4, plain=True
    )
    pairs = zip(
        fast.submit(*inputs(2), sizes).result(),
        plain.submit(*inputs(2), sizes).result(),
        strict=True,
    )
    for size, (ours, theirs) in zip(sizes, pairs, strict=True):
        assert ours.shape == theirs.shape == (*size, 3)
        assert np.abs(ours.astype(int) - theirs).max() <= levels + 1


@pytest.mark.gpu
def test_compiled_networks_paint_the_same() -> None:
    pair = networks("cuda", torch.float16)
    fused = Generator(pair, torch.device("cuda"), torch.float16, batch=4, fused=True)
    plain = Generator(
        networks("cpu", torch.float32), torch.device("cpu"), torch.float32, 4, plain=True
    )
    ours, theirs = fused.generate(*inputs(3)), plain.generate(*inputs(3))
    assert np.abs(ours.astype(int) - theirs).max() <= 4


@pytest.mark.gpu
def test_the_engine_on_a_gpu(avatar: Avatar, options: dict[str, Any]) -> None:
    on_gpu = {**options, "device": "cuda", "precision": "fp16", "batch_size": 8}
    for recorded in (True, False):
        made = speak(avatar, on_gpu, 1.0, recorded=recorded)
        plain = speak(avatar, options, 1.0, recorded=recorded)
        for ours, theirs in zip(made, plain, strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None and theirs is not None:
                assert np.abs(ours.pixels.astype(int) - theirs.pixels).max() <= 8
