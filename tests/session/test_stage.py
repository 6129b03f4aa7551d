from fractions import Fraction

import numpy as np
import pytest

from masktalk.session.stage import Stage
from masktalk.session.timeline import Timeline

RATE = 48_000


@pytest.fixture
def timeline():
    return Timeline(RATE, block=960, hold=8640, tail=17_280, limit=RATE * 60)


@pytest.fixture(params=[Fraction(25), Fraction(30), Fraction(30_000, 1001)], ids=str)
def stage(request, avatar, engine, timeline, articulator):
    return Stage(avatar, engine, timeline, request.param, articulator, Fraction(6, 100), None)


def level(frame):
    return int(frame.pixels[0, 0, 0])


def test_frame_shows_the_sound_it_leaves_with(stage, timeline):
    for index in range(10):
        assert level(stage.picture(index)) == 0
        timeline.read(0, stage.position(index + 1))
    timeline.push(np.full(RATE // 2, 0.5, np.float32))
    timeline.flush()
    loud, mouth = [], []
    for index in range(10, 60):
        mouth.append(level(stage.picture(index)) > 127)
        sound = timeline.read(stage.position(index), stage.position(index + 1))
        loud.append(bool(sound[: len(sound) // 4].any()))
    first_loud, first_open = loud.index(True), mouth.index(True)
    assert 0 <= first_open - first_loud <= 2  # the onset is faded over 60 ms
    assert abs(sum(mouth) - sum(loud)) <= 2


def test_idle_pulls_nothing_ahead(stage, timeline):
    for index in range(50):
        stage.picture(index)
        assert timeline.end <= stage.position(index) + 2 * 960


def test_skipped_frames_are_not_made(stage, engine):
    for index in (0, 1, 5, 6, 20):
        stage.picture(index)
    assert engine.made == [0, 1, 5, 6, 20]


def test_far_behind_the_engine_begins_anew_at_the_right_time(stage, engine):
    stage.picture(0)
    frame = stage.picture(500)
    assert frame.time == engine.begun[-1]
    assert len(engine.made) == 2


def test_restart_stills_the_mouth_within_three_frames(stage, timeline):
    timeline.push(np.full(RATE * 2, 0.5, np.float32))
    for index in range(20):
        frame = stage.picture(index)
    assert level(frame) == 255
    timeline.interrupt(stage.position(20), 480)
    stage.restart(20)
    after = [level(stage.picture(index)) for index in range(20, 30)]
    assert 0 < after[0] < 255
    assert after[2:] == [0] * 8
