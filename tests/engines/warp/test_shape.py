"""From channels to lips: what is drawn is what the speech package says it means."""

import numpy as np
import pytest

from masktalk.engines.warp.prepared_data import learn, unpacked
from masktalk.engines.warp.shape import mouth_motion, read_channels
from masktalk.speech import measures
from masktalk.types import Articulation
from tests.engines.warp.drawn import MOUTHS, still, values_of


@pytest.fixture(scope="module")
def rig():
    return unpacked(learn(still())).rig


def aperture_and_width(rig, values):
    motion = mouth_motion(read_channels(values), *rig.profiles)
    middle = motion.upper.shape[1] // 2
    aperture = motion.lower[-1, middle, 1] - motion.upper[-1, middle, 1]
    return aperture, motion.corners[1, 0] - motion.corners[0, 0]


def test_silence_moves_nothing(rig):
    motion = mouth_motion(read_channels(values_of()), *rig.profiles)
    for part in (motion.upper, motion.lower, motion.corners, motion.jaw):
        assert not part.any()


def test_lips_part_as_far_as_the_measures_say(rig):
    for jaw in np.linspace(0, 1, 5):
        values = values_of(jawOpen=jaw, mouthLowerDown=0.4 * jaw, mouthUpperUp=0.3 * jaw)
        meant = measures(Articulation(values[None], 25)).aperture[0]
        assert aperture_and_width(rig, values)[0] == pytest.approx(meant, abs=0.012)


@pytest.mark.parametrize("name", ["mouthPucker", "mouthFunnel", "mouthStretch", "mouthSmile"])
def test_the_mouth_gets_as_wide_as_the_measures_say(rig, name):
    meant = measures(Articulation(np.stack([values_of(), values_of(**{name: 1.0})]), 25)).width
    width = aperture_and_width(rig, values_of(**{name: 1.0}))[1]
    assert width == pytest.approx(meant[1] - meant[0], abs=0.01)


def test_a_closed_mouth_behind_an_open_jaw(rig):
    values = values_of(jawOpen=0.4, mouthClose=0.4)
    assert aperture_and_width(rig, values)[0] == pytest.approx(0, abs=1e-3)
    assert mouth_motion(read_channels(values), *rig.profiles).jaw[1] > 0.05


def test_left_channels_move_the_pictures_right(rig):
    values = values_of()
    values[:] = MOUTHS["rest"]
    from masktalk.types import CHANNELS

    values[CHANNELS.index("mouthSmileLeft")] = 1.0
    corners = mouth_motion(read_channels(values), *rig.profiles).corners
    assert corners[1, 0] > 0.02
    assert abs(corners[0]).max() < 0.01


def test_lips_do_not_pass_through_each_other(rig):
    for values in MOUTHS.values():
        motion = mouth_motion(read_channels(values), *rig.profiles)
        gaps = (rig.rest.lower[-1] + motion.lower[-1]) - (rig.rest.upper[-1] + motion.upper[-1])
        assert gaps[:, 1].min() > -0.03
