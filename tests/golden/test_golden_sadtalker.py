"""SadTalker's networks and rules against the reference's own numbers, in float32."""

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from masktalk.compose import paste
from masktalk.engines.device import choose_compute
from masktalk.engines.sadtalker.audio import ExpressionNetwork
from masktalk.engines.sadtalker.checkpoint import Files, load_networks
from masktalk.engines.sadtalker.composition import poisson_patch
from masktalk.engines.sadtalker.crop import Region, UpstreamCrop, align_face, five_points
from masktalk.engines.sadtalker.curves import (
    blink_starts,
    camera_angles,
    closures,
    mel_rows,
    smooth_motion,
    whole_steps,
)
from masktalk.engines.sadtalker.heads import CropRule, HeadPicture, cut_head, read_coefficients
from masktalk.engines.sadtalker.mapping import MappingNetwork
from masktalk.engines.sadtalker.options import SadTalkerOptions
from masktalk.engines.sadtalker.performance import (
    Animator,
    MotionOptions,
    Performer,
    Puppet,
    Reference,
)
from masktalk.engines.sadtalker.pose import UNUSED_PREFIXES, PoseNetwork
from masktalk.engines.sadtalker.recon import ReconNetwork
from masktalk.head_renderer import HeadPose, rotation_matrix, transform_keypoints
from masktalk.head_renderer.keypoints import bins_to_degrees
from masktalk.speech.mel import log_mel
from masktalk.types import Frame
from tests.golden.recipe import fill, golden, golden_keys, rnd, synth_frame, uniform, weight
from tests.sadtalker.tiny import spectral

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


SPEECH_SAMPLES = 37120


def speech(samples=SPEECH_SAMPLES, offset=0):
    """The recipe's 16 kHz chirp with noise."""
    n = 37280
    t = np.arange(n) / 16000
    noise = 2 * uniform("input/chirp_noise", (n,)) - 1
    loud = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)
    x = 0.4 * np.sin(2 * np.pi * (200 * t + 900 * t**2)) * loud + 0.05 * noise
    levels = np.rint(32767 * x).astype(np.int16)[offset : offset + samples]
    return (levels / 32768).astype(np.float32)


def test_mel_and_the_columns_that_each_step_hears():
    arrays = golden("sadtalker/a_audio")
    assert_near(log_mel(speech(), "constant"), arrays["mel"], 1e-5)
    rows = mel_rows(58, arrays["mel"].shape[1])
    assert (rows == arrays["window_rows_n58"]).all()
    many = mel_rows(1500, 4801)
    assert (many[:, 0] == arrays["window_start_n1500"]).all()
    assert (many[:, -1] == arrays["window_end_n1500"]).all()


def test_blinks_are_drawn_as_the_reference_draws_them():
    arrays = golden("sadtalker/a_audio")
    drawn = [key for key in arrays if key.startswith("blink_starts")]
    assert len(drawn) > 20
    for key in drawn:
        steps, seed = (int(part[1:].removeprefix("eed")) for part in key.split("_")[2:])
        assert list(blink_starts(steps, random.Random(seed))) == list(arrays[key]), key
    assert (closures(58, blink_starts(58, random.Random(0))) == arrays["ratio_seed0"]).all()


CASES = ("frontal", "rolled", "left_top", "right_bottom", "tall", "wide_close", "huge")


@pytest.mark.parametrize("case", CASES)
def test_the_references_crop(case):
    arrays = golden("sadtalker/b_picture")
    expected = {k.removeprefix(f"face_{case}_"): v for k, v in arrays.items() if f"_{case}_" in k}
    height, width = map(int, expected["hw"])
    crop = UpstreamCrop.around(expected["lm68"].astype(float), (width, height))
    assert crop.resized == tuple(expected["rsize_wh"])
    assert crop.crop == tuple(expected["crop"])
    np.testing.assert_allclose(crop.quad, expected["quad"], atol=1e-3)
    assert crop.claimed() == tuple(expected["inner_hw_claimed"][::-1])
    inner, outer = crop.region("crop"), crop.region("extcrop")
    assert (inner.height, inner.width) == tuple(expected["inner_hw_real"])
    assert (outer.height, outer.width) == tuple(expected["outer_hw_real"])


@pytest.mark.parametrize("case", ["frontal", "rolled", "off"])
def test_the_alignment(case):
    arrays = golden("sadtalker/b_picture")
    five = five_points(arrays[f"align_{case}_lm68"].astype(float))
    flipped = np.stack([five[:, 0], 255 - five[:, 1]], axis=1)
    np.testing.assert_allclose(flipped, arrays[f"align_{case}_lm5"], atol=1e-3)
    picture = np.ascontiguousarray(synth_frame(256, 256)[..., ::-1])
    aligned = align_face(picture, five)
    np.testing.assert_allclose(
        aligned.placement, arrays[f"align_{case}_trans_params"][2:], atol=1e-3
    )
    away = aligned.image[::4, ::4].astype(int) - arrays[f"align_{case}_image224_stride4"]
    assert np.abs(away).max() <= 1


@pytest.fixture(scope="module")
def recon():
    return network("face3drecon")


@pytest.mark.parametrize("mode", ["crop", "extcrop", "full", "extfull", "resize"])
@torch.inference_mode()
def test_the_whole_preparation(mode, recon):
    arrays = golden("sadtalker/b_picture")
    frame = np.ascontiguousarray(synth_frame(480, 640)[..., ::-1])
    points = arrays["gen_lm68"].astype(float)
    head = cut_head(frame, points, CropRule(mode, 256, upstream=True))
    away = head.pixels[::8, ::8, ::-1].astype(int) - arrays[f"gen_{mode}_picture_bgr_stride8"]
    assert np.abs(away).max() <= 1
    np.testing.assert_allclose(head.points, arrays[f"gen_{mode}_lm68_in_picture"], atol=6e-3)
    seen = HeadPicture(head.pixels, head.region, arrays[f"gen_{mode}_lm68_in_picture"])
    coefficients = read_coefficients(recon, seen)
    assert_near(coefficients[:70], arrays[f"gen_{mode}_coeff_3dmm"][0, :70])
    np.testing.assert_allclose(
        coefficients[70:], arrays[f"gen_{mode}_coeff_3dmm"][0, 70:], atol=1e-3
    )


@pytest.fixture(scope="module")
def pose_network():
    return network("audio2pose")


@pytest.fixture(scope="module")
def expression_network():
    return network("audio2exp")


@pytest.fixture(scope="module")
def windows():
    audio = golden("sadtalker/a_audio")
    rows = audio["window_rows_n58"].astype(int)
    return torch.from_numpy(audio["mel"][:, rows]).transpose(0, 1)


@pytest.mark.parametrize(
    ("steps", "style", "seed"), [(58, 0, 0), (58, 45, 1), (20, 7, 2), (33, 3, 3), (65, 11, 4)]
)
@torch.inference_mode()
def test_head_motion(steps, style, seed, pose_network, windows):
    arrays = golden("sadtalker/c_coefficients")
    options = MotionOptions(seed=seed, style=style, joined=False)
    performer = Performer(None, pose_network, options)
    embeddings = pose_network.embed(windows)
    again = torch.cat([embeddings, embeddings[:7]])[:steps]
    motion = performer.head_motion(again, arrays["first_coeff"])
    assert_near(motion, arrays[f"pose_n{steps}_style{style}_motion"])
    assert_near(motion + arrays["first_coeff"][64:70], arrays[f"pose_n{steps}_style{style}_pose"])


def animation(expression_network, pose_network, steps, reference=None, **options):
    motion = MotionOptions(joined=False, animate_silence=True, **options)
    audio, arrays = golden("sadtalker/a_audio"), golden("sadtalker/c_coefficients")
    performer = Performer(expression_network, pose_network, motion)
    spoken = performer.perform(speech(), arrays["first_coeff"], reference)
    # The reference reads 58 steps of mel and generates fewer from them.
    embeddings = pose_network.embed(
        torch.from_numpy(audio["mel"][:, audio["window_rows_n58"].astype(int)]).transpose(0, 1)
    )
    moved = smooth_motion(performer.head_motion(embeddings[:steps], arrays["first_coeff"]))
    if reference is None or reference.pose is None:
        spoken = replace(spoken, motion=moved)
    face = Puppet(arrays["first_coeff"], torch.zeros(1, 15, 3))
    animator = Animator(expression_network, MappingNetwork(70, 8), motion)
    return animator.coefficients(face, spoken, slice(0, steps)), arrays


@pytest.mark.parametrize("steps", [3, 4, 5, 12, 13, 58])
@torch.inference_mode()
def test_coefficients_of_a_speech(steps, expression_network, pose_network):
    ours, arrays = animation(expression_network, pose_network, steps)
    assert_near(ours, arrays[f"generate_n{steps}_style0_coeff"])


@torch.inference_mode()
def test_reference_videos(expression_network, pose_network):
    arrays = golden("sadtalker/c_coefficients")
    borrowed = Reference(pose=arrays["ref_pose_20"])
    ours, _ = animation(expression_network, pose_network, 58, borrowed)
    assert_near(ours[:, 64:], arrays["generate_n58_style0_refpose20_pose"])
    eyes = Reference(expression=rnd("sadtalker_ref_eyeblink", (20, 64), 1.0).numpy())
    ours, _ = animation(expression_network, pose_network, 58, eyes)
    frames = arrays["exp_pred_refeyeblink20_frames"]
    assert_near(ours[frames, :64], arrays["exp_pred_refeyeblink20"])


@pytest.mark.parametrize("name", ["one", "updown"])
def test_camera_angles(name):
    arrays = golden("sadtalker/d_motion")
    degrees = {"one": [20.0], "updown": [-20.0, 30.0, 10.0]}[name]
    for steps, batch in ((9, 1), (9, 2), (30, 4)):
        theirs = arrays[f"camera_{name}_n{steps}_batch{batch}"].ravel()[:steps]
        np.testing.assert_allclose(camera_angles(degrees, steps), theirs, atol=1e-4)


@pytest.mark.parametrize("mode", ["full", "extfull"])
def test_poisson_pasting(mode):
    arrays = golden("sadtalker/f_paste")
    x0, y0, x1, y1 = map(int, arrays["crop"])
    if mode == "full":
        left, top, right, bottom = map(int, arrays["quad"])
        x0, y0, x1, y1 = x0 + left, y0 + top, x0 + right, y0 + bottom
    frame = np.ascontiguousarray(arrays["full_bgr"][..., ::-1])
    head = np.ascontiguousarray(arrays["generated_bgr"][..., ::-1])
    patch = poisson_patch(head, Region(x0, y0, x1 - x0, y1 - y0), frame)
    ours = paste(Frame(frame), patch, Fraction(0)).pixels[..., ::-1].astype(int)
    assert np.abs(ours - arrays[f"pasted_{mode}"]).max() <= 1


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """The recipe's weights in the public files."""
    folder = tmp_path_factory.mktemp("checkpoints")
    tensors = {}
    for prefix, name in (
        ("audio2exp", "audio2exp"),
        ("audio2pose", "audio2pose"),
        ("face_3drecon", "face3drecon"),
        ("generator", "generator"),
        ("kp_extractor", "kp_detector"),
    ):
        made = spectral(dict(recipe_state(f"sadtalker_{name}")))
        tensors.update({f"{prefix}.{key}": value for key, value in made.items()})
    save_file(tensors, folder / "SadTalker_V0.0.2_256.safetensors")
    for name in ("00109", "00229"):
        mapping = dict(recipe_state(f"sadtalker_mapping_{name}"))
        torch.save({"mapping": mapping}, folder / f"mapping_{name}-model.pth.tar")
    return folder


def recipe_state(net):
    for key, shape in golden_keys(net):
        yield key, weight(net, key, shape, key.endswith("num_batches_tracked"))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["crop", "full"])
@torch.inference_mode()
def test_end_to_end(mode, checkpoints):
    arrays = golden(f"sadtalker/g_end_to_end_{mode}")
    still = mode == "full"
    scale = {} if still else {"expression_scale": 1.2}
    options = SadTalkerOptions(
        checkpoints=checkpoints, preprocess=mode, still=still, pose_style=5, compat="upstream",
        device="cpu", precision="fp32", **scale,
    )  # fmt: skip
    files = Files.find(options)
    networks = load_networks(files, choose_compute("cpu", "fp32", 1))
    frame = np.ascontiguousarray(synth_frame(480, 640)[..., ::-1])
    head = cut_head(frame, arrays["lm68"].astype(float), CropRule(mode, 256, upstream=True))
    seen = golden("sadtalker/b_picture")[f"gen_{mode}_lm68_in_picture"]
    coefficients = read_coefficients(networks.recon, replace(head, points=seen))
    wide = arrays["source_semantics"].size
    np.testing.assert_allclose(coefficients[:wide], arrays["source_semantics"], atol=1e-3)

    steps = int(arrays["frames"])
    said = speech(int(arrays["speech_samples"]), int(arrays["speech_offset"]))
    performer = Performer(networks.expression, networks.pose, options.motion)
    performance = performer.perform(whole_steps(said, steps), coefficients)
    animator = Animator(networks.expression, networks.mapping, options.motion)
    source = networks.renderer.encode(head.pixels)
    face = Puppet(coefficients, source.canonical)
    ours = animator.coefficients(face, performance, slice(0, steps))
    np.testing.assert_allclose(ours, arrays["coefficients"], atol=1e-3)
    rest, driving = animator.rest(face), animator.at_steps(face, performance, range(steps))
    np.testing.assert_allclose(rest[0], arrays["kp_source"], atol=1e-4)
    np.testing.assert_allclose(driving, arrays["kp_driving"], atol=1e-4)

    shown = int(arrays["frame"])
    pixels = networks.renderer.render(source, rest, driving[shown : shown + 1])[0]
    away = pixels[::2, ::2].astype(int) - arrays["frame_u8_rgb_stride2"]
    assert np.abs(away).max() <= 1
