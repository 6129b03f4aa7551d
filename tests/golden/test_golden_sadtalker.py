"""SadTalker's networks and rules against the reference's own numbers, in float32."""

import numpy as np
import pytest
import torch

from masktalk.engines.sadtalker.audio import ExpressionNetwork
from masktalk.engines.sadtalker.mapping import MappingNetwork
from masktalk.engines.sadtalker.pose import UNUSED_PREFIXES, PoseNetwork
from masktalk.engines.sadtalker.recon import ReconNetwork
from masktalk.head_renderer import HeadPose, rotation_matrix, transform_keypoints
from masktalk.head_renderer.keypoints import bins_to_degrees
from tests.golden.recipe import fill, golden, golden_keys, rnd

pytestmark = pytest.mark.golden

NETWORKS = {
    "audio2exp": ExpressionNetwork,
    "audio2pose": PoseNetwork,
    "face3drecon": ReconNetwork,
    "mapping_00229": lambda: MappingNetwork(70),
    "mapping_00109": lambda: MappingNetwork(73),
}
#: Largest difference, relative to the standard deviation of what is expected.
TOLERANCE = 1e-4


def network(name):
    with torch.device("meta"):
        empty = NETWORKS[name]()
    return fill(f"sadtalker_{name}", empty.to_empty(device="cpu"))


def assert_near(ours, theirs, tolerance=TOLERANCE):
    away = np.abs(np.asarray(ours, np.float64) - theirs).max()
    assert away < tolerance * max(theirs.std(), 1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes_are_the_published(name):
    with torch.device("meta"):
        state = NETWORKS[name]().state_dict()
    ours = {key: tuple(value.shape) for key, value in state.items()}
    theirs = dict(golden_keys(f"sadtalker_{name}"))
    assert ours == {k: v for k, v in theirs.items() if not k.startswith(UNUSED_PREFIXES)}


@torch.inference_mode()
def test_the_audio_encoders_and_the_expression():
    audio, arrays = golden("sadtalker/a_audio"), golden("sadtalker/c_coefficients")
    mels = torch.from_numpy(audio["mel"][:, audio["window_rows_n58"].astype(int)]).transpose(0, 1)
    assert_near(mels[audio["indiv_mel_frames"]], audio["indiv_mels"], 1e-6)
    net = network("audio2exp")
    heard = net.audio_encoder(mels)
    assert_near(heard[arrays["exp_audio_embedding_frames"]], arrays["exp_audio_embedding"])
    reference = torch.from_numpy(arrays["first_coeff"][:64]).expand(58, -1)
    eyelids = torch.from_numpy(audio["ratio_seed0"])[:, None]
    assert_near(net(mels, reference, eyelids), arrays["exp_pred"])


@torch.inference_mode()
def test_one_window_of_the_pose_network():
    audio, arrays = golden("sadtalker/a_audio"), golden("sadtalker/c_coefficients")
    rows = audio["window_rows_n58"].astype(int)[1:33]
    mels = torch.from_numpy(audio["mel"][:, rows]).transpose(0, 1)
    net = network("audio2pose")
    heard = net.embed(mels)
    at = arrays["pose_audio_embedding_frames"] - 1
    assert_near(heard[at], arrays["pose_audio_embedding"])
    reference = torch.from_numpy(arrays["first_coeff"][64:70])
    latent = torch.from_numpy(arrays["pose_n58_style0_z"][0])
    motion = net(reference, latent, 0, heard)
    assert_near(motion, arrays["cvae_window0_style0_motion"])


@torch.inference_mode()
def test_the_3dmm_network():
    picture = (rnd("sadtalker_recon", (1, 3, 224, 224), 1.0) + 1) / 2
    assert_near(network("face3drecon")(picture)[0], golden("sadtalker/b_picture")["recon_full_257"])


@pytest.mark.parametrize(("name", "coefficients"), [("00229", 70), ("00109", 73)])
@torch.inference_mode()
def test_the_mapping_networks(name, coefficients):
    arrays = golden("sadtalker/d_motion")
    net = network(f"mapping_{name}")
    windows = rnd(f"sadtalker_mapping_{name}", (2, coefficients, 27))
    features = net.features(windows)
    for head in ("yaw", "pitch", "roll", "t", "exp"):
        ours = getattr(net, f"fc_{head}")(features)
        assert_near(ours, arrays[f"mapping_{name}_{head}"])
    if name == "00229":
        pose = net(windows)
        for axis in ("yaw", "pitch", "roll"):
            np.testing.assert_allclose(getattr(pose, axis), arrays[f"degree_{axis}"], atol=1e-4)
        assert_keypoints(pose, arrays)


def assert_keypoints(pose, arrays):
    canonical = rnd("sadtalker_kp", (2, 15, 3), 0.8)
    assert_near(transform_keypoints(canonical, pose), arrays["kp_transformed"])
    angles = [torch.tensor(pair) for pair in ((20.0, -35.0), (10.0, -5.0), (-15.0, 25.0))]
    given = HeadPose(*angles, pose.translation, pose.expression)
    assert_near(transform_keypoints(canonical, given), arrays["kp_transformed_given_angles"])
    assert_near(rotation_matrix(*angles), arrays["rotation_given_angles"])
    still = HeadPose(
        pose.yaw, pose.pitch, pose.roll, pose.translation, torch.zeros_like(pose.expression)
    )
    assert_near(transform_keypoints(canonical, still), arrays["kp_transformed_without_expression"])


def test_bins_are_degrees():
    bins = rnd("sadtalker_headpose_bins", (3, 66), 6.0)
    theirs = golden("sadtalker/d_motion")["degree_from_bins_scale6"]
    np.testing.assert_allclose(bins_to_degrees(bins), theirs, atol=1e-4)
