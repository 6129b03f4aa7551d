"""How far a video's mouth opens: as the person in it does."""

import numpy as np
import pytest

from masktalk.engines.warp.opening_calibration import ASKED, OpeningCalibration
from masktalk.engines.warp.prepared_data import learn, unpacked
from masktalk.engines.warp.shape import read_channels
from masktalk.faces.measures import measure_mesh
from tests.engines.warp.drawn import DrawnAvatar, mesh_of, picture_of, still, values_of

RATE = 25.0


def talking(mean, spread, seconds):
    steps = np.arange(round(seconds * RATE))
    return (mean + spread * np.sqrt(2) * np.sin(steps * 1.3)).astype(np.float32)


def test_a_picture_opens_as_it_is_asked_to():
    values = values_of(jawOpen=0.4, mouthLowerDown=0.2, mouthUpperUp=0.1)
    channels = read_channels(values)
    posture = unpacked(learn(still())).posture
    assert posture == OpeningCalibration()
    assert posture.taken(channels) == channels


def test_an_idle_video_says_nothing_about_speaking():
    assert OpeningCalibration.seen_in(np.full(100, 0.03, np.float32), RATE) == OpeningCalibration()
    yawning = np.zeros(250, np.float32)
    assert OpeningCalibration.seen_in(yawning, RATE) == OpeningCalibration()


def test_pauses_do_not_make_a_talker_quieter():
    said = talking(0.12, 0.05, 4)
    pause = np.full(1000, said[0], np.float32)
    alone = OpeningCalibration.seen_in(said, RATE)
    assert OpeningCalibration.seen_in(np.concatenate([pause, said]), RATE).mean == pytest.approx(
        alone.mean, abs=0.004
    )


@pytest.mark.parametrize("mean", [0.04, 0.14])
def test_the_longer_somebody_talks_the_more_it_counts(mean):
    away = [
        abs(OpeningCalibration.seen_in(talking(mean, 0.03, s), RATE).mean - mean)
        for s in (1, 3, 12)
    ]
    assert away[0] > away[1] > away[2]
    assert away[2] < 0.2 * abs(mean - ASKED)


def test_closed_lips_stay_closed_and_more_opens_more():
    for mean in (0.03, 0.09, 0.16):
        posture = OpeningCalibration.seen_in(np.maximum(talking(mean, 0.06, 3), 0), RATE)
        openings = [posture.opening(asked) for asked in np.linspace(0, 0.4, 41)]
        assert openings[0] == 0
        assert openings[1] < 0.035
        assert (np.diff(openings) >= 0).all()


def test_channels_open_by_what_the_posture_says():
    posture = OpeningCalibration.seen_in(talking(0.15, 0.06, 5), RATE)
    channels = read_channels(
        values_of(jawOpen=0.25, mouthClose=0.05, mouthLowerDown=0.1, mouthUpperUp=0.1)
    )
    asked = 0.36 * 0.2 + 0.06 * 0.1 + 0.03 * 0.1
    taken = posture.taken(channels)
    opened = 0.36 * taken.parting + 0.06 * taken.lower_down.mean() + 0.03 * taken.upper_up.mean()
    assert opened == pytest.approx(posture.opening(asked), abs=1e-4)
    assert opened > 1.2 * asked
    assert taken.close == channels.close
    assert taken.funnel == channels.funnel


def test_a_video_that_talks_with_an_open_mouth_opens_it_more():
    def learnt(gaps):
        meshes = [mesh_of(gap=float(gap)) for gap in gaps]
        return unpacked(learn(DrawnAvatar([picture_of(mesh) for mesh in meshes], meshes)))

    wide, small = (learnt(np.maximum(talking(mean, 0.03, 1), 0)) for mean in (0.2, 0.04))
    assert wide.posture.opening(ASKED) > 1.3 * small.posture.opening(ASKED)


def test_lips_that_close_keep_their_height():
    mesh = mesh_of(gap=0.16)
    whole = measure_mesh(mesh)
    rest = unpacked(learn(DrawnAvatar([picture_of(mesh)], [mesh]))).rig.rest
    assert sum(rest.thickness) == pytest.approx(whole.height - whole.aperture, abs=0.01)
