"""VAE, UNet and one whole frame against the reference's own numbers, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from masktalk.engines.musetalk.networks import (
    Networks,
    encode_faces,
    face_tensor,
    make_unet,
    make_vae,
    positional_encoding,
)
from tests.golden.recipe import fill, golden, golden_keys, relative, rnd, synth_frame

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def vae() -> Any:
    return fill("vae", make_vae(device="meta").to_empty(device="cpu"))


@pytest.fixture(scope="module", params=["v1", "v15"])
def unet(request: pytest.FixtureRequest) -> tuple[str, Any]:
    empty = make_unet(device="meta").to_empty(device="cpu")
    return request.param, fill(f"unet_{request.param}", empty)


def test_positional_encoding() -> None:
    theirs = golden("b_positional_encoding")["pe50"]
    np.testing.assert_allclose(positional_encoding(50, 384).numpy(), theirs, atol=1e-6)


@pytest.mark.parametrize("half", [False, True])
def test_face_tensor(half: bool) -> None:
    arrays = golden("d_preprocess_img")
    picture = np.ascontiguousarray(arrays["image_bgr"][..., ::-1])
    theirs = arrays["half_mask" if half else "no_mask"][0]
    np.testing.assert_allclose(face_tensor(picture, half).numpy(), theirs, atol=1e-6)


def test_networks_have_the_public_keys() -> None:
    for name, network in (("unet", make_unet(device="meta")), ("vae", make_vae(device="meta"))):
        ours = [(key, tuple(value.shape)) for key, value in network.state_dict().items()]
        assert sorted(ours) == sorted(golden_keys(name))


def test_vae(vae: Any) -> None:
    arrays = golden("g_vae")
    with torch.inference_mode():
        posterior = vae.encode(rnd("vae_encode", (1, 3, 256, 256), 1.0)).latent_dist
        decoded = vae.decode(rnd("vae_decode", (1, 4, 32, 32))).sample[0].numpy()
    assert relative(posterior.mean.numpy(), arrays["enc_mean"]) < 1e-4
    assert relative(posterior.logvar.numpy(), arrays["enc_logvar"]) < 1e-4
    assert relative(decoded[:, ::4, ::4], arrays["dec_stride4"]) < 1e-4
    np.testing.assert_allclose([decoded.mean(), decoded.std()], arrays["dec_mean_std"], rtol=1e-3)
    assert vae.config.scaling_factor == arrays["scaling_factor"]


def test_latents_for_the_unet(vae: Any) -> None:
    theirs = golden("g_vae")["latents_for_unet_mode"]
    picture = np.ascontiguousarray(synth_frame(256, 256)[..., ::-1])
    assert relative(encode_faces(Networks(None, vae), [picture]), theirs) < 1e-4


def test_unet_and_one_frame_end_to_end(unet: tuple[str, Any], vae: Any) -> None:
    name, network = unet
    arrays = golden("g_unet")
    context = rnd("unet_audio", (1, 50, 384)) + positional_encoding(50, 384)
    means: dict[str, tuple[float, float]] = {}
    hooks = [
        module.register_forward_hook(_watch(means, key)) for key, module in _blocks(network).items()
    ]
    with torch.inference_mode():
        step = torch.tensor([0])
        latent = rnd("unet_latent", (1, 8, 32, 32))
        out = network(latent, step, encoder_hidden_states=context).sample
    for hook in hooks:
        hook.remove()
    assert relative(out.numpy(), arrays[f"out_{name}"]) < 1e-4
    for key, expected in zip(
        arrays[f"block_names_{name}"], arrays[f"block_mean_std_{name}"], strict=True
    ):
        np.testing.assert_allclose(means[str(key)], expected, rtol=1e-3, atol=1e-4)
    if name == "v15":
        _end_to_end(network, vae)


def _end_to_end(network: Any, vae: Any) -> None:
    from masktalk.engines.musetalk.face_generator import Generator

    arrays = golden("g_end_to_end_v15")
    picture = np.ascontiguousarray(synth_frame(256, 256)[..., ::-1])
    networks = Networks(network, vae)
    latents = torch.from_numpy(encode_faces(networks, [picture]))
    tokens = torch.from_numpy(golden("g_whisper")["chunk10"])[None]
    generator = Generator(networks, torch.device("cpu"), torch.float32, batch=1)
    predicted = generator.predict(latents, tokens)
    assert relative(predicted.numpy(), arrays["pred_latents"]) < 1e-3
    face = generator.generate(latents.numpy(), tokens.numpy())[0]
    theirs = arrays["frame_u8_bgr_stride2"][..., ::-1]
    difference = np.abs(face[::2, ::2].astype(int) - theirs)
    assert difference.max() <= 1


def _blocks(network: Any) -> dict[str, Any]:
    named = dict(network.named_modules())
    return {str(key): named[str(key)] for key in golden("g_unet")["block_names_v15"]}


def _watch(means: dict[str, tuple[float, float]], key: str) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        means[key] = (float(first.double().mean()), float(first.double().std(unbiased=True)))

    return hook
