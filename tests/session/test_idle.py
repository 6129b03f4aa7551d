import numpy as np
import pytest

from masktalk.preparation import prepare
from masktalk.session.idle import IdleMotion
from masktalk.types import Frame


@pytest.fixture(scope="module")
def avatar(material, tmp_path_factory):
    return prepare(material / "cartoon.png", tmp_path_factory.mktemp("idle") / "avatar")


@pytest.fixture
def idle(avatar):
    return IdleMotion(avatar.faces[0], avatar.width, avatar.height)


def shut_time(idle):
    return next(t / 100 for t in range(1000) if idle.lid(t / 100) == 1)


def test_it_blinks_every_few_seconds_and_briefly(idle):
    lids = np.array([idle.lid(step / 100) for step in range(6000)])
    blinks = np.count_nonzero((lids[1:] > 0) & (lids[:-1] == 0))
    assert 60 / 6.5 <= blinks <= 60 / 2.2
    assert lids.max() == 1
    assert np.count_nonzero(lids) / len(lids) < 0.15


def test_a_blink_changes_the_eyes_and_not_the_mouth(avatar, idle):
    picture = avatar.frame(0).pixels
    shut = picture.copy()
    assert len(idle._lids) == 2
    for lid in idle._lids:
        lid.close(shut, 1.0)
    changed = np.abs(shut[..., :3].astype(int) - picture[..., :3]).max(axis=2) > 8
    face = avatar.faces[0]
    for eye in (33, 263):
        x, y = face.point(eye)
        near = (slice(int(y) - 12, int(y) + 12), slice(int(x) - 30, int(x) + 30))
        assert changed[near].any()
    x, y = face.mouth
    assert not changed[int(y) - 5 :, :].any()


def test_open_eyes_are_left_alone(avatar, idle):
    picture = avatar.frame(0).pixels.copy()
    for lid in idle._lids:
        lid.close(picture, 0.0)
    assert np.array_equal(picture, avatar.frame(0).pixels)


def test_the_head_sways_a_little_and_the_border_stands_still(avatar, idle):
    reach = [idle.sway(step / 10) for step in range(600)]
    unit = avatar.faces[0].interocular
    assert 0.005 < max(abs(x) for x, _, _ in reach) / unit < 0.05
    picture = avatar.frame(0)
    moved = idle.apply(picture, 1.9).pixels
    assert not np.array_equal(moved, picture.pixels)
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.array_equal(moved[side], picture.pixels[side])


def test_the_same_time_gives_the_same_picture(avatar, idle):
    again = IdleMotion(avatar.faces[0], avatar.width, avatar.height)
    time = shut_time(idle)
    one = idle.apply(Frame(avatar.frame(0).pixels), time).pixels
    assert np.array_equal(one, again.apply(Frame(avatar.frame(0).pixels), time).pixels)
