"""A head that turns a few degrees, and brows: what moves, how far, and what stays."""

import cv2
import numpy as np
import pytest

from masktalk.behaviour import HeadPose, Movement
from masktalk.engines.warp.head import HeadField, Lean
from masktalk.landmarks import UPPER_LIDS
from tests.engines.warp.drawn import (
    OVAL,
    UNIT,
    DrawnAvatar,
    laid_over,
    mesh_of,
    picture_of,
    still,
    values_of,
    warper_of,
)


def moved_by(avatar, **pose):
    talker = warper_of(avatar)
    patch = talker.patch(0, values_of(), Movement(pose=HeadPose(**pose)))
    return laid_over(avatar.pictures[0], patch)


def test_what_rests_is_made_once():
    talker = warper_of(still())
    resting = talker.patch(0, values_of(), Movement(pose=HeadPose(pitch=0.02)))
    assert talker.patch(0, values_of(), Movement(pose=HeadPose(pitch=0.02))) is resting


def test_pictures_move_and_videos_do_not():
    picture = still()
    assert (moved_by(picture, yaw=0.05) != picture.pictures[0]).any()
    meshes = [mesh_of(), mesh_of()]
    video = DrawnAvatar([picture_of(mesh) for mesh in meshes], meshes)
    talker = warper_of(video)
    with_pose, without = (
        talker.patch(0, values_of(), Movement(pose=HeadPose(yaw=yaw))) for yaw in (0.05, 0.0)
    )
    assert (with_pose.pixels == without.pixels).all()


def test_the_head_moves_as_far_as_it_is_moved():
    avatar = still()
    moved = moved_by(avatar, y=4 / UNIT)
    x, y = mesh_of()[1, :2].astype(int)
    window = avatar.pictures[0][y - 30 : y + 20, x - 30 : x + 30].astype(float)
    errors = [
        np.abs(moved[y - 30 + s : y + 20 + s, x - 30 : x + 30] - window).mean() for s in range(8)
    ]
    assert int(np.argmin(errors)) == 4


@pytest.mark.parametrize("degrees", [-8, 8])
def test_a_turn_moves_the_nose_more_than_the_outline_and_folds_nothing(degrees):
    base = mesh_of()[:, :2] / UNIT
    field = HeadField.around(base - base[168])
    lean = Lean(yaw=np.deg2rad(degrees), pitch=np.deg2rad(degrees / 2))
    places = field.grid.nodes().reshape(field.grid.rows, field.grid.columns, 2)
    shift = field.shift(lean, places, field.weights)
    columns, rows = (
        np.clip(np.round(field.grid.index((base - base[168])[index])).astype(int), 0, None)
        for index in (1, 234)
    )
    nose, ear = shift[columns[1], columns[0]], shift[rows[1], rows[0]]
    assert np.sign(nose[0]) == np.sign(degrees)
    assert abs(nose[0]) > 3 * abs(ear[0])
    x, y = np.moveaxis(shift, -1, 0)
    jacobian = (1 + np.gradient(x, axis=1)) * (1 + np.gradient(y, axis=0))
    jacobian -= np.gradient(x, axis=0) * np.gradient(y, axis=1)
    assert jacobian.min() > 0.2
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.abs(shift[side]).max() == 0


def test_raised_brows_move_up_and_the_mouth_stays():
    avatar = still()
    talker = warper_of(avatar)
    raised = Movement({"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0})
    moved = laid_over(avatar.pictures[0], talker.patch(0, values_of(), raised))
    changed = (moved != avatar.pictures[0]).any(axis=2)
    eyes = int(mesh_of()[168, 1])
    assert changed[:eyes].sum() > 500
    lids = int(mesh_of()[list(UPPER_LIDS[0] + UPPER_LIDS[1]), 1].min())
    assert not changed[lids + 4 :].any(), "raised brows pull at the eyes"
    assert not changed[int(mesh_of()[2, 1]) :].any()


def test_what_lies_around_a_head_stays_when_it_moves():
    avatar = still()
    moved = moved_by(avatar, x=0.02, y=0.03, roll=0.02, yaw=0.05)
    face = np.zeros(moved.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(mesh_of()[list(OVAL), :2]).astype(np.int32)], 1)
    away = cv2.distanceTransform(1 - face, cv2.DIST_L2, 5)
    changed = (moved != avatar.pictures[0]).any(axis=2)
    assert changed[face > 0].mean() > 0.5
    assert away[changed].max() < 0.9 * UNIT
