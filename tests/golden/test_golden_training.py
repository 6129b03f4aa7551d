"""Training steps, reference frames, crops and windows against the reference's own numbers."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from masktalk.engines.musetalk.networks import (
    SCALING_FACTOR,
    UNET_CONFIG,
    VAE_CONFIG,
    make_unet,
    make_vae,
)
from masktalk.speech.mel import log_mel
from masktalk.train.musetalk.audio_windows import UpstreamWindow, sync_columns
from masktalk.train.musetalk.crops import (
    crop_face,
    draw_margin,
    mouth_box,
    union_box,
    upstream_mouth_box,
)
from masktalk.train.musetalk.losses import LossWeights, Objective, Prediction, cut_mouths
from masktalk.train.musetalk.perceptual import (
    VGG19,
    downscaled,
    loss_sized,
    perceptual_distances,
)
from masktalk.train.musetalk.references import ReferenceChooser, unit_landmarks
from masktalk.train.musetalk.sync_expert import SyncExpert
from tests.golden.recipe import GOLDEN, golden, golden_keys, relative, rnd, uniform, weight

pytestmark = pytest.mark.golden

TOLERANCE = 1e-3
#: For single tensors where the discriminator alone counts: noise of 1e-5 in the picture, which
#: is what other kernels make, already turns its gradient by 2.5e-3 (leaky ReLU's kinks).
ADVERSARIAL_TOLERANCE = 7e-3
#: The last row and column of a mask are lost when its box is cut out.
MOUTH = torch.tensor([[80, 150, 179, 199]])
FRAME = 12
UNET = UNET_CONFIG | {"block_out_channels": [32, 64, 64, 64], "layers_per_block": 1}
VAE = VAE_CONFIG | {"block_out_channels": [32, 32, 64, 64], "layers_per_block": 1}


def fill(net: str, module: torch.nn.Module) -> Any:
    """Put recipe weights into a module; spectral norm's vectors have length 1."""
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if key.endswith(("weight_u", "weight_v")):
                u = 2 * uniform(f"{net}/{key}", tuple(value.shape)) - 1
                value.copy_(torch.from_numpy(u / np.linalg.norm(u)))
            else:
                value.copy_(weight(net, key, tuple(value.shape)))
    return module


def image(frame: int, phase: float) -> torch.Tensor:
    """(3, 256, 256) in -1..1, the recipe's picture of a frame."""
    y, x = np.mgrid[0:256, 0:256].astype(np.float64)
    red = 128 + 90 * np.sin((x + 4 * frame) / 17 + phase)
    planes = np.rint(np.stack([red, 30 + 180 * y / 256, 40 + 150 * x / 256])).astype(np.uint8)
    return torch.from_numpy((planes.astype(np.float32) / 255 - 0.5) / 0.5)


def prompt() -> torch.Tensor:
    """(1, 50, 384) Whisper states that the predicted frame hears."""
    layers = torch.cat([rnd(f"train_audio_{layer}", (1, 1500, 384)) for layer in range(5)])
    padded = torch.cat([torch.zeros(5, 4, 384), layers], dim=1)
    rows = padded[:, 2 * (100 + FRAME) :][:, :10]
    return rows.transpose(0, 1).reshape(1, 50, 384)


@pytest.fixture(scope="module")
def networks() -> tuple[Any, Any]:
    vae = fill("vae_tiny", make_vae(VAE)).requires_grad_(False)
    return fill("unet_tiny", make_unet(UNET)), vae


@pytest.fixture(scope="module")
def shown(networks: tuple[Any, Any]) -> torch.Tensor:
    return predict(networks)[1]


@pytest.fixture(scope="module")
def judges() -> tuple[VGG19, SyncExpert]:
    with torch.device("meta"):
        expert = SyncExpert()
    expert = fill("latentsync_syncnet", expert.to_empty(device="cpu")).requires_grad_(False)
    return fill("vgg19", VGG19()), expert


def latents(vae: Any) -> torch.Tensor:
    """(1, 8, 32, 32) UNet input of the predicted frame."""
    masked = image(FRAME, 0.0)
    masked[:, 128:] = -1
    with torch.no_grad():
        pair = torch.stack([masked, image(FRAME, 1.5)])
        both = vae.encode(pair).latent_dist.mode() * SCALING_FACTOR
    return both.reshape(1, 8, 32, 32)


def predict(networks: tuple[Any, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and image of the predicted frame."""
    unet, vae = networks
    step = torch.zeros(1, dtype=torch.long)
    predicted = unet(latents(vae), step, encoder_hidden_states=prompt()).sample
    return predicted, vae.decode(predicted / SCALING_FACTOR).sample


def steps() -> dict[str, Any]:
    path = GOLDEN / "training" / "t_step.json"
    return json.loads(path.read_text()) if path.is_file() else {"l1": {}}


@pytest.mark.slow
@pytest.mark.parametrize("variant", steps())
def test_a_step(
    variant: str, networks: tuple[Any, Any], shown: torch.Tensor, judges: tuple[Any, Any]
) -> None:
    theirs, gradients = steps()[variant], golden("training/t_grads")
    objective = objective_of(theirs["weights"], judges)
    unet, adversarial = networks[0], theirs["weights"].get("start_gan", 1000) == 0
    unet.zero_grad()
    clip = [image(frame, 0.0) for frame in range(16)]
    clip[FRAME] = shown[0]
    sync = (torch.stack(clip)[None], rnd("train_mel", (1, 1, 80, 52), 2.0)[0])
    made = Prediction(image(FRAME, 0.0)[None], shown, MOUTH, *sync)
    total = objective.total(objective.generator_losses(made), adversarial)
    total.backward(retain_graph=True)
    assert float(total.detach()) == pytest.approx(theirs["backward_0_loss"], rel=TOLERANCE)
    tolerance = ADVERSARIAL_TOLERANCE if variant in ("gan", "mouth_gan") else TOLERANCE
    norms = {key: float(value.grad.norm()) for key, value in unet.named_parameters()}
    for key, expected in theirs["grad_norms"].items():
        assert norms[key] == pytest.approx(expected, rel=tolerance), key
    whole = float(np.sqrt(sum(norm**2 for norm in norms.values())))
    assert whole == pytest.approx(theirs["grad_norm_total"], rel=TOLERANCE)
    for key, value in unet.named_parameters():
        if f"{variant}/{key}" in gradients:
            assert relative(value.grad.numpy(), gradients[f"{variant}/{key}"]) < tolerance
    clips = []
    for index, loss in enumerate(objective.discriminator_losses(made)):
        critic = objective.critics()[index]
        critic.zero_grad()
        (loss * adversarial).backward()
        expected = theirs[f"backward_{index + 1}_loss"]
        assert float(loss.detach() * adversarial) == pytest.approx(expected, rel=TOLERANCE)
        clips.append(torch.nn.utils.get_total_norm([p.grad for p in critic.parameters()]))
    assert [float(norm) for norm in clips] == pytest.approx(theirs["clips"][:-1], rel=TOLERANCE)


def objective_of(theirs: dict[str, float], judges: tuple[Any, Any]) -> Objective:
    """Weights as the reference's record names them; VGG at 1e-30 only had to run there."""
    vgg = theirs.get("vgg", 0.0)
    weights = LossWeights(
        l1=theirs.get("l1", 0.0),
        vgg=vgg if vgg > 1e-10 else 0.0,
        gan=theirs.get("gan", 0.0),
        mouth_gan=theirs.get("mouth_gan", 0.0),
        feature_matching=theirs.get("fm", 0.0),
        sync=theirs.get("sync", 0.0),
    )
    objective = Objective(weights, *judges)
    for critic, net in zip(objective.critics(), ("disc", "mouth_disc"), strict=False):
        fill(net, critic).train()
    return objective


@pytest.mark.slow
def test_parts(networks: tuple[Any, Any], judges: tuple[Any, Any]) -> None:
    arrays = golden("training/t_parts")
    random.seed(41)
    assert random.randint(0, 15) == FRAME == arrays["frames_left"]
    np.testing.assert_allclose(
        prompt()[0, [0, 1, 5, 49], :8], arrays["prompt_first_last"], atol=1e-6
    )
    encoded = latents(networks[1])[0]
    assert relative(encoded[:4].numpy(), arrays["masked_latents"]) < TOLERANCE
    assert relative(encoded[4:].numpy(), arrays["ref_latents"]) < TOLERANCE
    with torch.no_grad():
        predicted, shown = predict(networks)
    assert relative(predicted[0].numpy(), arrays["pred_latents"]) < TOLERANCE
    assert relative(shown[0, :, ::4, ::4].numpy(), arrays["image_pred_stride4"]) < TOLERANCE
    target = image(FRAME, 0.0)[None]
    assert relative(target[0, :, ::4, ::4].numpy(), arrays["target_stride4"]) < TOLERANCE
    sized = loss_sized(target), loss_sized(shown)
    distances = perceptual_distances(judges[0], *sized).numpy()
    np.testing.assert_allclose(distances, arrays["vgg_l1_scale_layer"], rtol=TOLERANCE)
    eighth = downscaled(sized[1], 0.125)[0].numpy()
    assert relative(eighth, arrays["pyramid_0p125_pred"]) < TOLERANCE
    mouth = cut_mouths(target, MOUTH)[0, :, ::8, ::8].numpy()
    assert relative(mouth, arrays["mouth_target_stride8"]) < TOLERANCE
    critic = fill("disc", Objective(LossWeights()).face_critic).train()
    (generated, made), (real, wanted) = critic(sized[1]), critic(sized[0])
    assert relative(generated[0, 0].detach().numpy(), arrays["disc_map_generated"]) < TOLERANCE
    assert relative(real[0, 0].detach().numpy(), arrays["disc_map_real"]) < TOLERANCE
    matching = [float((a - b).detach().abs().mean()) for a, b in zip(made, wanted, strict=True)]
    np.testing.assert_allclose(matching, arrays["disc_feature_l1"], rtol=TOLERANCE)


def test_networks_have_the_public_keys() -> None:
    with torch.device("meta"):
        pairs = [("disc", Objective(LossWeights()).face_critic)]
        pairs.append(("latentsync_syncnet", SyncExpert()))
    for name, network in pairs:
        assert network is not None
        ours = [(key, tuple(value.shape)) for key, value in network.state_dict().items()]
        path = f"training/{name}"
        assert sorted(ours) == sorted(golden_keys(path))


TARGETS = (0, 17, 31, 59)


@pytest.fixture(scope="module")
def chooser() -> ReferenceChooser:
    arrays = golden("training/t_sampling")
    landmarks = arrays["landmarks"]
    boxes = [
        union_box(points, box)
        for points, box in zip(landmarks, arrays["detector_boxes"], strict=True)
    ]
    np.testing.assert_array_equal(boxes, arrays["union_boxes"])
    return ReferenceChooser(unit_landmarks(landmarks, np.array(boxes)), upstream=True)


@pytest.mark.parametrize("target", TARGETS)
def test_candidates(target: int, chooser: ReferenceChooser) -> None:
    arrays = golden("training/t_sampling")
    np.testing.assert_array_equal(chooser.alike_poses(target), arrays[f"pose_{target}"])
    np.testing.assert_array_equal(chooser.unlike_mouths(target), arrays[f"mouth_{target}"])
    np.testing.assert_array_equal(chooser.candidates(target), arrays[f"common_{target}"])


@pytest.mark.parametrize("target", TARGETS)
def test_upstream_choices(target: int, chooser: ReferenceChooser) -> None:
    arrays = golden("training/t_sampling")
    for clip in (1, 16):
        chosen = [
            chooser.choose(target, clip, random.Random(seed), "pose_and_mouth") for seed in range(8)
        ]
        assert chosen == arrays[f"chosen_{target}_T{clip}_seeds0to7"].tolist()
    source = random.Random(0)
    chosen = [chooser.choose(target, 1, source, "pose") for _ in range(8)]
    assert chosen == arrays[f"chosen_pose_{target}"].tolist()


@pytest.mark.parametrize("clip", [1, 16])
def test_upstream_random_choices(clip: int, chooser: ReferenceChooser) -> None:
    source = random.Random(0)
    chosen = [chooser.choose(17, clip, source, "random") for _ in range(8)]
    assert chosen == golden("training/t_sampling")[f"chosen_random_17_T{clip}"].tolist()


@pytest.mark.parametrize("method", ["normal", "uniform"])
def test_margins(method: Any) -> None:
    theirs = golden("training/t_sampling")[f"margins_{method}_seed41"]
    source = np.random.RandomState(41)
    ours = [draw_margin(source, method) for _ in range(16)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("margin", [0.0, 7.9, 20.0])
def test_crops(margin: float) -> None:
    arrays = golden("training/t_sampling")
    y, x = np.mgrid[0:480, 0:640].astype(np.float64)
    planes = [128 + 90 * np.sin(x / 17), 30 + 180 * y / 480, 40 + 150 * x / 640]
    frame = np.rint(np.stack(planes, axis=-1)).astype(np.uint8)
    box = tuple(int(edge) for edge in arrays["union_boxes"][17])
    name = str(margin).replace(".", "p")
    crop = crop_face(frame, box, margin, 256)  # type: ignore[arg-type]
    np.testing.assert_array_equal(crop.image[::8, ::8], arrays[f"crop_{name}_stride8"])
    landmarks = arrays["landmarks"][17]
    theirs = upstream_mouth_box(landmarks, box, margin, 640)  # type: ignore[arg-type]
    assert theirs == tuple(arrays[f"mouth_box_{name}"])
    x0, y0, x1, y1 = mouth_box(landmarks, crop.box, 256)
    lips = landmarks[48:68] - crop.box[:2]
    lips = lips * 256 / (np.array(crop.box[2:]) - crop.box[:2])
    assert x0 <= lips[:, 0].min() < lips[:, 0].max() <= x1
    assert y0 <= lips[:, 1].min() < lips[:, 1].max() <= y1


def test_the_mask_of_a_small_face_is_empty_upstream() -> None:
    arrays = golden("training/t_sampling")
    width, height = (int(side) for side in arrays["small_face_shape"])
    landmarks = arrays["landmarks"][17].astype(float)
    face = arrays["union_boxes"][17].astype(float)
    small = (landmarks - face[:2]) / (face[2:] - face[:2]) * (width, height)
    assert upstream_mouth_box(small, (0, 0, width, height), 0.0, 640) is None
    assert (arrays["small_mouth_box"] == -1).all()
    x0, y0, x1, y1 = mouth_box(small, (0, 0, width, height), 256)
    assert x1 - x0 > 80
    assert y1 - y0 > 40


def test_upstream_audio_windows() -> None:
    for seconds, frame, begin, length, inside, error in golden("training/t_sampling")[
        "audio_windows"
    ]:
        window = UpstreamWindow.of(int(frame), float(seconds))
        assert (window.begin_s, window.length_s, window.frame) == (begin, length, inside)
        assert window.error_s(int(frame)) == pytest.approx(error)


def test_sync_columns() -> None:
    arrays = golden("training/t_sampling")
    t = np.arange(32000) / 16000
    mel = log_mel((0.5 * np.sin(2 * np.pi * (200 * t + 800 * t**2))).astype(np.float32))
    ours = sync_columns(mel, Fraction(3, 25))
    np.testing.assert_allclose(ours, arrays["mel_window_frame3"], atol=2e-3)
    numbered = np.tile(np.arange(400, dtype=np.float32), (80, 1))
    for frame, row in arrays["mel_start_rows"]:
        assert sync_columns(numbered, Fraction(int(frame), 25))[0, 0] == row
