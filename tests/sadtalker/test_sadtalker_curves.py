"""Rules of SadTalker's curves and crops, beyond the reference's: no seams, no edges, no gaps."""

import random
from fractions import Fraction

import numpy as np
import pytest
import torch

from masktalk.engines.sadtalker.crop import (
    FaceSquare,
    Region,
    align_face,
    cut_out,
    five_points,
    head_region,
    points_in,
)
from masktalk.engines.sadtalker.curves import (
    blink_starts,
    blink_starts_at_rate,
    camera_angles,
    join_windows,
    smooth_motion,
    whole_steps,
)
from masktalk.engines.sadtalker.performance import MotionOptions, Performer, natural_movement
from masktalk.engines.sadtalker.reference import at_step_rate
from tests.sadtalker.tiny import NETWORKS, state


@pytest.mark.parametrize("steps", [0, 1, 2, 20, 21, 22])
def test_short_speech_never_fails(steps):
    starts = list(blink_starts(steps, random.Random(0)))
    assert len(starts) <= 1
    assert smooth_motion(np.zeros((steps, 6), np.float32)).shape == (steps, 6)
    assert camera_angles([-20, 30], steps).shape == (steps,)
    assert whole_steps(np.ones(100, np.float32), steps).shape == (640 * steps,)


@pytest.mark.parametrize("rate", [6.0, 15.0, 30.0])
def test_blinks_come_at_the_rate_that_is_asked(rate):
    minutes = 60
    starts = list(blink_starts_at_rate(minutes * 60 * 25, rate, random.Random(3)))
    assert len(starts) == pytest.approx(rate * minutes, rel=0.1)
    assert min(np.diff(starts)) >= 5


def test_no_blinks_when_none_are_wanted():
    assert list(blink_starts_at_rate(1000, 0, random.Random(0))) == []


def test_smoothing_keeps_parabolas():
    t = np.arange(40, dtype=np.float32)[:, None]
    motion = (0.01 * t**2 - 0.2 * t + 1) * np.ones(6, np.float32)
    np.testing.assert_allclose(smooth_motion(motion), motion, atol=1e-4)


def test_angles_pass_equal_neighbours():
    angles = camera_angles([10, 10, 20, 20], 11)
    assert angles[0] == 10
    assert angles[-1] == pytest.approx(19, abs=1.01)
    assert (np.diff(angles) >= 0).all()


def pose_network():
    network = NETWORKS["audio2pose"]()
    network.load_state_dict(state("tiny_audio2pose", network))
    with torch.no_grad():  # motion of a size that is seen
        network.netG.decoder.pose_linear.weight *= 20
    return network.eval()


@torch.inference_mode()
def test_head_motion_has_no_seams():
    network = pose_network()
    rest = np.zeros(70, np.float32)
    heard = torch.randn((300, network.audio_encoder.audio_encoder.width))
    jumps = []
    for seed in range(20):
        joined = Performer(None, network, MotionOptions(seed=seed)).head_motion(heard, rest)
        apart = Performer(None, network, MotionOptions(seed=seed, joined=False))
        steps = np.abs(np.diff(smooth_motion(joined), axis=0))
        seams = np.zeros(len(steps), bool)
        seams[::32] = True
        assert (steps[seams].max(axis=0) <= steps[~seams].max(axis=0)).all()
        raw = np.abs(np.diff(apart.head_motion(heard, rest), axis=0))
        jumps.append(raw[seams].max() / raw[~seams].max())
    assert max(jumps) > 1, "the windows of this network join by themselves"


def test_joined_windows_begin_at_rest_and_return_to_the_network():
    window = np.tile(np.linspace(1, 2, 32, dtype=np.float32)[:, None], (1, 6))
    joined = join_windows([window, window])
    assert (joined[0] == 0).all()
    np.testing.assert_allclose(joined[32], window[-1], atol=2e-2)


FACE = np.zeros((68, 2))
FACE[36:42] = (-30, 0)
FACE[42:48] = (30, 0)
FACE[[48, 54]] = (-20, 65), (20, 65)
FACE[30] = (0, 35)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (600, 600)])
@pytest.mark.parametrize("mode", ["crop", "extcrop", "full", "extfull"])
@pytest.mark.parametrize("scale", [0.4, 1.0, 20.0])
def test_the_square_keeps_its_shape_wherever_the_face_is(size, mode, scale):
    width, height = (int(side * max(scale, 1)) for side in size)
    for x in np.linspace(0, width, 20):
        for y in np.linspace(0, height, 20):
            points = FACE * scale + (x, y)
            region = head_region(points, (width, height), mode)
            assert region.width == region.height
            centre = np.array([region.x + region.width / 2, region.y + region.height / 2])
            assert np.abs(centre - FaceSquare.around(points).centre).max() <= 1


def test_a_square_beyond_the_picture_is_filled_with_what_is_nearest():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[:, -1], picture[-1] = 200, 100
    cut = cut_out(picture, Region(60, 40, 40, 40), (40, 40))
    assert (cut[:19, 25] == 200).all()
    assert (cut[25, :] == 100).all()


def test_points_move_with_the_cut():
    moved = points_in(np.array([[10.0, 20.0]]), Region(10, 10, 50, 100), (256, 256))
    assert moved.tolist() == [[0.0, 25.6]]


def test_an_aligned_face_has_its_size():
    picture = np.zeros((256, 256, 3), np.uint8)
    small = align_face(picture, five_points(FACE + 128))
    large = align_face(picture, five_points(2 * FACE + 128))
    assert small.placement[0] == pytest.approx(2 * large.placement[0], rel=1e-3)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(12), Fraction(50)])
def test_a_reference_is_read_at_its_own_rate(rate):
    seconds = np.arange(round(4 * rate)) / float(rate)
    curve = at_step_rate(seconds[:, None].astype(np.float32), rate)
    assert abs(len(curve) - 100) <= 1
    np.testing.assert_allclose(curve[:90, 0], np.arange(90) / 25, atol=1e-3)


def test_natural_movement_is_seeded_and_blinks():
    t = np.arange(640 * 150) / 16000
    loud = np.clip(np.sin(2 * np.pi * 2 * t), 0, None)
    samples = sum(np.sin(2 * np.pi * 120 * h * t) / h for h in range(1, 8)) * loud * 0.2
    samples = samples.astype(np.float32)
    motion, closure = natural_movement(samples, 150, 1)
    again, _ = natural_movement(samples, 150, 1)
    other, _ = natural_movement(samples, 150, 2)
    assert (motion == again).all()
    assert (motion != other).any()
    assert 0.005 < np.abs(motion[:, :3]).max() < 0.5
    assert (motion[:, 3:] == 0).all()
    assert closure.max() > 0.9
    assert np.abs(np.diff(motion, axis=0)).max() < 0.05
