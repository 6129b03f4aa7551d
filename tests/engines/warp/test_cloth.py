"""Cloth over a mouth: it moves with the jaw, does not open, and what is beside it stays."""

import cv2
import numpy as np
import pytest

from tests.engines.warp.drawn import (
    MOUTHS,
    OVAL,
    SIZE,
    UNIT,
    laid_over,
    mesh_of,
    still,
    talker_of,
    values_of,
)


@pytest.fixture(scope="module")
def avatar():
    return still(mouth="cloth", cloth=True)


def flow(before, after):
    grey = [cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) for part in (before, after)]
    return cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 3, 21, 5, 7, 1.5, 0)


def test_the_cloth_follows_the_jaw(avatar):
    talker = talker_of(avatar, head_motion="off")
    rng = np.random.default_rng(0)
    jaws = np.clip(0.3 + 0.3 * np.sin(np.arange(24) * 0.9) + rng.normal(0, 0.05, 24), 0, 1)
    mesh = mesh_of()
    x, y = mesh[13, :2].astype(int)
    window = np.s_[y - 10 : y + 45, x - 40 : x + 40]
    seen = []
    for step, jaw in enumerate(jaws):
        values = values_of(jawOpen=jaw, mouthPucker=0.3 * (step % 3 == 0), mouthSmile=0.2)
        after = laid_over(avatar.pictures[0], talker.patch(0, values))
        seen.append(np.linalg.norm(flow(avatar.pictures[0], after)[window], axis=-1).mean())
    assert np.corrcoef(seen, jaws)[0, 1] > 0.8
    assert max(seen) > 0.03 * UNIT


def test_nothing_opens(avatar):
    after = laid_over(avatar.pictures[0], talker_of(avatar).patch(0, MOUTHS["wide"]))
    mouth = mesh_of()[13, :2].astype(int)
    window = after[mouth[1] - 20 : mouth[1] + 40, mouth[0] - 30 : mouth[0] + 30].astype(int)
    assert np.ptp(window, axis=-1).max() < 60  # grey cloth stays grey: no red, no teeth


@pytest.mark.parametrize("mouth", sorted(MOUTHS))
def test_what_is_not_face_stays(avatar, mouth):
    after = laid_over(avatar.pictures[0], talker_of(avatar).patch(0, MOUTHS[mouth]))
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(mesh_of()[list(OVAL), :2]).astype(np.int32)], (1,))
    size = 2 * round(0.6 * UNIT) + 1
    far = cv2.dilate(mask, np.ones((size, size), np.uint8)) == 0
    assert (after[far] == avatar.pictures[0][far]).all()
    eyes = slice(0, int(mesh_of()[145, 1]))
    assert (after[eyes] == avatar.pictures[0][eyes]).all()


def test_strength_is_adjustable(avatar):
    moved = []
    for strength in (0.0, 1.0, 2.0):
        patch = talker_of(avatar, cloth_strength=strength).patch(0, MOUTHS["wide"])
        after = laid_over(avatar.pictures[0], patch)
        moved.append(np.abs(after.astype(int) - avatar.pictures[0]).mean())
    assert moved[0] == 0
    assert 0 < moved[1] < moved[2]


def test_cloth_shades_with_the_movement(avatar):
    x, y = mesh_of()[152, :2].astype(int)
    before = avatar.pictures[0][y - 35 : y - 5, x - 20 : x + 20].mean()
    after = laid_over(avatar.pictures[0], talker_of(avatar).patch(0, MOUTHS["wide"]))
    assert abs(after[y - 20 : y + 10, x - 20 : x + 20].mean() - before) > 0.3
