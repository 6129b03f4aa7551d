"""Wav2Lip's networks against the reference's own numbers, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from masktalk.engines.wav2lip.networks import LAYOUTS, Wav2Lip
from tests.golden.recipe import fill, golden, golden_keys, rnd

pytestmark = pytest.mark.golden

NETS = {96: "wav2lip", 256: "wav2lip256", 384: "wav2lip384"}
KEYS = {96: "wav2lip", 256: "wav2lip/wav2lip256", 384: "wav2lip/wav2lip384"}


def network(size: int) -> Wav2Lip:
    with torch.device("meta"):
        empty = Wav2Lip(LAYOUTS[size])
    return fill(NETS[size], empty.to_empty(device="cpu"))  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", NETS)
def test_keys_and_shapes_are_the_public_ones(size: int) -> None:
    with torch.device("meta"):
        state = Wav2Lip(LAYOUTS[size]).state_dict()
    ours = {key: tuple(value.shape) for key, value in state.items()}
    theirs = {
        key: shape for key, shape in golden_keys(KEYS[size]) if not key.startswith("audio_refine.")
    }
    assert ours == theirs


@pytest.mark.parametrize(
    ("size", "stride", "tolerance"), [(96, 2, 2e-5), (256, 4, 2e-5), (384, 6, 1e-4)]
)
def test_generator(size: int, stride: int, tolerance: float) -> None:
    arrays = golden("wav2lip/d_generator" if size == 96 else "wav2lip/g_variants")
    prefix = "" if size == 96 else f"{NETS[size]}_"
    net = network(size)
    statistics = watch(net)
    mels = rnd(f"{NETS[size]}_mel", (2, 1, 80, 16), 4.0)
    faces = 0.5 + 0.5 * rnd(f"{NETS[size]}_face", (2, 6, size, size), 1.0)
    with torch.inference_mode():
        made = net(mels, faces)
        check_statistics(statistics, arrays, prefix)
        net.fold()
        folded = net(mels, faces)
    for ours in (made, folded):
        np.testing.assert_allclose(
            ours[:, :, ::stride, ::stride].numpy(), arrays[f"{prefix}out"], atol=tolerance
        )
    ours_mean_std = [float(made.double().mean()), float(made.double().std())]
    np.testing.assert_allclose(ours_mean_std, arrays[f"{prefix}out_mean_std"], rtol=1e-4)


def test_sound_matters_and_training_stacks_are_separate_frames() -> None:
    arrays = golden("wav2lip/d_generator")
    net = network(96)
    net.fold()
    mels = rnd("wav2lip_mel", (2, 1, 80, 16), 4.0)
    faces = 0.5 + 0.5 * rnd("wav2lip_face", (2, 6, 96, 96), 1.0)
    with torch.inference_mode():
        swapped = net(mels.flip(0), faces)
        stacked = net(mels[None], faces.transpose(0, 1)[None])
        plain = net(mels, faces)
        embedding = net.audio_encoder(mels).flatten(1).numpy()
    np.testing.assert_allclose(
        swapped[:, :, ::8, ::8].numpy(), arrays["out_swapped_audio_stride8"], atol=2e-5
    )
    theirs = arrays["audio_embedding"]
    np.testing.assert_allclose(embedding, theirs, atol=1e-4 * np.abs(theirs).max())
    np.testing.assert_allclose(stacked[0].transpose(0, 1).numpy(), plain.numpy(), atol=1e-6)


def watch(net: torch.nn.Module) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every module's output, by name, once it has run."""
    seen: dict[str, tuple[float, float]] = {}

    def hook(name: str) -> Any:
        def record(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            values = output.double()
            seen[name] = (float(values.mean()), float(values.std()))

        return record

    for name, module in list(net.named_modules())[1:]:
        module.register_forward_hook(hook(name))
    return seen


def check_statistics(
    seen: dict[str, tuple[float, float]], arrays: dict[str, np.ndarray], prefix: str
) -> None:
    names = [str(name) for name in arrays[f"{prefix}block_names"]]
    assert names
    for name, expected in zip(names, arrays[f"{prefix}block_mean_std"], strict=True):
        np.testing.assert_allclose(seen[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)
