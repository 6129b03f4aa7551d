"""The renderer with tiny random weights: folding, phases, batches and shapes."""

import numpy as np
import pytest
import torch

from masktalk.head_renderer import (
    GeneratorConfig,
    HeadGenerator,
    HeadPose,
    HeadRenderer,
    KeypointDetector,
    fold_norms,
    rotation_matrix,
    transform_keypoints,
    use_winograd,
)
from masktalk.head_renderer.inference import WinogradConv2d
from masktalk.head_renderer.keypoints import bins_to_degrees
from masktalk.head_renderer.layers import SpectralConv2d
from masktalk.head_renderer.spade import conv3_of_upsampled

TINY = GeneratorConfig(
    keypoints=5,
    channels=4,
    depth=2,
    volume_channels=8,
    volume_blocks=1,
    hourglass=(4, 8),
    middle_channels=16,
)


def randomised(network, seed=3):
    """Random weights whose running statistics are not trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if not value.is_floating_point() or key == "down.weight":
                continue
            random = torch.rand(value.shape, generator=generator)
            value.copy_(random + 0.5 if key.endswith("running_var") else 0.5 * (random - 0.3))
    return network.eval()


@pytest.fixture
def keypoints():
    generator = torch.Generator().manual_seed(5)
    source = torch.rand((1, 5, 3), generator=generator) - 0.5
    return source, source + 0.1 * torch.rand((3, 5, 3), generator=generator)


@pytest.fixture
def image():
    return torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_folding_changes_nothing(image, keypoints):
    network = randomised(HeadGenerator(TINY))
    before = network(network.encode(image), *keypoints)
    folded = fold_norms(network)
    assert not any(isinstance(module, SpectralConv2d) for module in folded.modules())
    after = folded(folded.encode(image), *keypoints)
    assert before.shape == (3, 3, 64, 64)
    assert before.std() > 1e-3
    assert (before - after).abs().max() < 1e-4


@torch.inference_mode()
def test_a_batch_is_its_frames_one_by_one(image, keypoints):
    network = fold_norms(randomised(HeadGenerator(TINY)))
    features = network.encode(image)
    together = network(features, *keypoints)
    for index in range(3):
        alone = network(features, keypoints[0], keypoints[1][index : index + 1])
        assert (alone[0] - together[index]).abs().max() < 1e-5


@pytest.mark.parametrize("scale", [1, 2, 4])
@torch.inference_mode()
def test_phases_equal_the_convolution_of_the_enlargement(scale):
    conv = randomised(torch.nn.Conv2d(6, 4, 3, padding=1))
    small = torch.rand((2, 6, 7, 5))
    plain = conv(torch.nn.functional.interpolate(small, scale_factor=scale))
    assert (conv3_of_upsampled(small, conv, scale) - plain).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(8, 8), (13, 22), (64, 64)])
@torch.inference_mode()
def test_winograd_equals_the_convolution(size):
    conv = torch.nn.Sequential(torch.nn.Conv2d(128, 130, 3, padding=1))
    x = torch.randn((2, 128, *size), generator=torch.Generator().manual_seed(4))
    plain = conv(x)
    fast = use_winograd(conv)
    assert isinstance(fast[0], WinogradConv2d)
    assert (fast(x) - plain).abs().max() < 1e-4 * plain.std()


@torch.inference_mode()
def test_a_spectral_norm_of_one_singular_pair_is_that_pairs_value():
    conv = SpectralConv2d(3, 3, 1, bias=False)
    conv.weight_orig.copy_(torch.diag(torch.tensor([4.0, 1.0, 1.0]))[..., None, None])
    conv.weight_u.copy_(torch.tensor([1.0, 0.0, 0.0]))
    conv.weight_v.copy_(torch.tensor([1.0, 0.0, 0.0]))
    assert conv.fold().weight[0, 0, 0, 0] == 1
    assert conv.fold().weight[1, 1, 0, 0] == 0.25


@torch.inference_mode()
def test_the_renderer_takes_and_gives_images(keypoints):
    renderer = HeadRenderer(
        fold_norms(randomised(HeadGenerator(TINY))),
        fold_norms(randomised(KeypointDetector(5, channels=2, depth=2))),
    )
    pixels = np.random.default_rng(2).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    source = renderer.encode(pixels)
    assert source.canonical.shape == (1, 5, 3)
    assert source.canonical.abs().max() <= 1
    frames = list(renderer.stream(source, keypoints[0], [keypoints[1][:2], keypoints[1][2:]]))
    assert [frame.shape for frame in frames] == [(128, 128, 3)] * 3
    assert frames[0].dtype == np.uint8
    assert (renderer.render(source, *keypoints)[2] == frames[2]).all()


def test_no_turn_is_the_identity_and_turns_are_rotations():
    zero, angle = torch.zeros(1), torch.tensor([20.0])
    assert torch.equal(rotation_matrix(zero, zero, zero)[0], torch.eye(3))
    matrix = rotation_matrix(angle, -angle, angle / 2)[0]
    assert (matrix @ matrix.T - torch.eye(3)).abs().max() < 1e-6
    yawed = rotation_matrix(torch.tensor([90.0]), zero, zero)[0] @ torch.tensor([0.0, 0.0, 1.0])
    assert yawed[0] == pytest.approx(1, abs=1e-3)


def test_only_the_vertical_translation_moves_keypoints():
    zero = torch.zeros(1)
    pose = HeadPose(zero, zero, zero, torch.tensor([[0.3, 0.2, 0.1]]), torch.zeros(1, 5, 3))
    moved = transform_keypoints(torch.zeros(1, 5, 3), pose)
    assert torch.equal(moved[0, 0], torch.tensor([0.0, 0.2, 0.0]))


def test_a_certain_bin_is_its_degrees():
    logits = torch.full((1, 66), -100.0)
    logits[0, 40] = 100.0
    assert bins_to_degrees(logits) == pytest.approx(40 * 3 - 99)
