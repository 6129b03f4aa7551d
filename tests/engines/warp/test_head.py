"""Head and brows: they follow the voice's stress and come to rest with it."""

import cv2
import numpy as np

from masktalk.engines.warp.head import HeadMotion, Lean
from tests.engines.warp.drawn import (
    OVAL,
    UNIT,
    DrawnAvatar,
    laid_over,
    mesh_of,
    picture_of,
    still,
    talker_of,
    values_of,
)


def test_a_mouth_that_stays_leaves_the_head_still():
    motion = HeadMotion(1 / 25, 1.0)
    leans = [motion.step(values_of(jawOpen=0.5)) for _ in range(50)]
    assert leans[-1] == Lean(0, 0, 0, 0)


def test_stress_nods_and_then_it_settles():
    motion = HeadMotion(1 / 25, 1.0)
    for _ in range(10):
        motion.step(values_of())
    nods = [motion.step(values_of(jawOpen=0.6)).down for _ in range(5)]
    assert nods[-1] > 0.02
    rest = [motion.step(values_of()) for _ in range(400)][-1]
    assert rest == Lean(0, 0, 0, 0)


def test_what_rests_is_made_once():
    talker = talker_of(still())
    lean = Lean(0.0, 0.01, 0.0, 0.0)
    resting = talker.patch(0, values_of(), lean)
    assert talker.patch(0, values_of(), Lean(0.0, 0.01, 0.0, 0.0)) is resting
    assert talker.patch(0, values_of(jawOpen=0.2), lean) is not resting
    assert talker.patch(0, values_of(jawOpen=0.2), Lean(0, 0, 0, 0)) is not resting


def test_the_frame_rate_makes_no_difference():
    slow, fast = HeadMotion(1 / 25, 1.0), HeadMotion(1 / 50, 1.0)
    for step in range(100):
        values = values_of(jawOpen=float(step % 20 > 10))
        a = slow.step(values)
        fast.step(values)
        b = fast.step(values)
        assert abs(a.down - b.down) < 0.02


def test_pictures_lean_and_videos_do_not():
    lean = Lean(0.0, 0.05, 0.0, 0.0)
    picture = still()
    moved = laid_over(picture.pictures[0], talker_of(picture).patch(0, values_of(), lean))
    assert (moved != picture.pictures[0]).any()
    meshes = [mesh_of(), mesh_of()]
    video = DrawnAvatar([picture_of(mesh) for mesh in meshes], meshes)
    talker = talker_of(video)
    with_lean, without = (talker.patch(0, values_of(), one) for one in (lean, None))
    assert (with_lean.pixels == without.pixels).all()


def test_the_head_moves_as_far_as_it_leans():
    avatar = still()
    moved = laid_over(
        avatar.pictures[0], talker_of(avatar).patch(0, values_of(), Lean(0, 4 / 110, 0, 0))
    )
    x, y = mesh_of()[1, :2].astype(int)
    window = avatar.pictures[0][y - 30 : y + 20, x - 30 : x + 30].astype(float)
    errors = [
        np.abs(moved[y - 30 + s : y + 20 + s, x - 30 : x + 30] - window).mean() for s in range(8)
    ]
    assert int(np.argmin(errors)) == 4


def test_what_lies_around_a_head_stays_when_it_nods():
    avatar = still()
    moved = laid_over(
        avatar.pictures[0], talker_of(avatar).patch(0, values_of(), Lean(0.02, 0.05, 0.02, 0.02))
    )
    face = np.zeros(moved.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(mesh_of()[list(OVAL), :2]).astype(np.int32)], 1)
    away = cv2.distanceTransform(1 - face, cv2.DIST_L2, 5)
    changed = (moved != avatar.pictures[0]).any(axis=2)
    assert changed[face > 0].mean() > 0.5
    assert away[changed].max() < 0.2 * UNIT
