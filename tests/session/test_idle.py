"""An image idles under an engine that moves its mouth only."""

import numpy as np
import pytest

from masktalk.preparation import prepare
from masktalk.session.idle import IdleMotion


@pytest.fixture(scope="module")
def avatar(material, tmp_path_factory):
    return prepare(material / "cartoon.png", tmp_path_factory.mktemp("idle") / "avatar")


@pytest.fixture
def idle(avatar):
    return IdleMotion(avatar.faces[0], avatar.width, avatar.height)


def changes(avatar, idle, seconds, rate=10):
    """Share of changed pixels around the eyes and around the mouth, frame by frame."""
    face, frame = avatar.faces[0], avatar.frame(0)
    reach = int(0.2 * face.interocular)
    windows = []
    for x, y in (face.mesh[[33, 133], :2].mean(axis=0), face.mouth):
        windows.append(
            (slice(int(y) - reach, int(y) + reach), slice(int(x) - reach, int(x) + reach))
        )
    found = []
    for step in range(round(seconds * rate)):
        shown = idle.apply(frame, step / rate).pixels[..., :3].astype(int)
        away = np.abs(shown - frame.pixels[..., :3]).max(axis=2) > 40
        found.append([away[window].mean() for window in windows])
    return np.array(found)


def test_it_blinks_now_and_then_and_leaves_the_mouth(avatar, idle):
    eyes, mouth = changes(avatar, idle, 30).T
    shut = eyes > np.median(eyes) + 0.15
    assert 3 <= np.count_nonzero(shut[1:] & ~shut[:-1]) <= 16
    assert shut.mean() < 0.2
    assert mouth.max() < eyes.max() / 2


def test_the_head_sways_a_little_and_the_border_stands_still(avatar, idle):
    picture = avatar.frame(0)
    moved = idle.apply(picture, 1.9).pixels
    assert not np.array_equal(moved, picture.pixels)
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.array_equal(moved[side], picture.pixels[side])


def test_the_same_times_give_the_same_pictures(avatar):
    made = []
    for _ in range(2):
        idle = IdleMotion(avatar.faces[0], avatar.width, avatar.height)
        made.append([idle.apply(avatar.frame(0), step / 5).pixels for step in range(30)])
    assert all(np.array_equal(one, other) for one, other in zip(*made, strict=True))
