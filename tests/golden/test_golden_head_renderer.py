"""The head renderer against the numbers of the reference, with the recipe's weights."""

import numpy as np
import pytest
import torch

from masktalk.head_renderer import HeadGenerator, KeypointDetector, fold_norms
from masktalk.head_renderer.keypoints import antialias_kernel
from tests.golden.recipe import fill, golden, golden_keys, rnd
from tests.sadtalker.tiny import spectral

pytestmark = pytest.mark.golden

NETWORKS = {"sadtalker_generator": HeadGenerator, "sadtalker_kp_detector": KeypointDetector}


def filled(net):
    """The recipe's weights; spectral vectors so that sigma is about 1, the true Gaussian."""
    network = fill(net, NETWORKS[net]())
    spectral(network.state_dict())
    return network


def picture(name, size=256):
    return (rnd(name, (1, 3, size, size), 1.0) + 1) / 2


@pytest.mark.parametrize("net", NETWORKS)
def test_keys_and_shapes_are_the_published(net):
    ours = [(key, tuple(value.shape)) for key, value in NETWORKS[net]().state_dict().items()]
    assert sorted(ours) == sorted(golden_keys(net))


@torch.inference_mode()
def test_keypoints_and_the_kernel_before_them():
    arrays = golden("sadtalker/d_motion")
    np.testing.assert_allclose(antialias_kernel(), arrays["kp_antialias_kernel"], atol=1e-7)
    detector = fold_norms(filled("sadtalker_kp_detector"))
    found = detector(picture("sadtalker_source_image"))[0].numpy()
    assert np.abs(found - arrays["kp_value_rnd"]).max() < 1e-4


@torch.inference_mode()
def test_a_generated_frame():
    arrays = golden("sadtalker/e_generator")
    generator = fold_norms(filled("sadtalker_generator"))
    source = rnd("sadtalker_kp_source", (1, 15, 3), 0.6)
    driving = source + rnd("sadtalker_kp_delta", (1, 15, 3), 0.15)
    features = generator.encode(picture("sadtalker_source_image"))
    volume = features.volume[0, ::8, ::4, ::8, ::8].numpy()
    spread = arrays["feature_3d_stride"].std()
    assert np.abs(volume - arrays["feature_3d_stride"]).max() < 1e-4 * spread
    deformation, occlusion = generator.dense_motion_network(features.compressed, source, driving)
    np.testing.assert_allclose(
        deformation[0, ::4, ::4, ::4], arrays["deformation_stride"], atol=1e-4
    )
    np.testing.assert_allclose(occlusion[0, 0], arrays["occlusion_map"], atol=1e-4)
    prediction = generator(features, source, driving)[0].numpy()
    away = np.abs(prediction[:, ::4, ::4] - arrays["prediction_stride4"])
    assert away.max() < 5e-3  # a few mask weights lie on the edge of being dropped
    assert np.quantile(away, 0.99) < 1e-3
    levels = np.rint(255 * prediction.transpose(1, 2, 0)[::2, ::2]).astype(int)
    assert np.abs(levels - arrays["frame_u8_rgb_stride2"]).max() <= 1
