"""Fields that would fold are limited, and only those."""

import cv2
import numpy as np
import pytest

from masktalk.engines.warp.folding import MIN_JACOBIAN, jacobian, lip_sides, unfold
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Scene, move
from masktalk.engines.warp.shape import mouth_motion, read_channels
from tests.engines.warp.drawn import MOUTHS, DrawnAvatar, mesh_of, picture_of, values_of, warper_of

ALL = np.ones((50, 60), bool)


def rough_field(size):
    noise = np.random.default_rng(0).normal(0, 1, (*ALL.shape, 2)).astype(np.float32)
    return size * cv2.GaussianBlur(noise, (0, 0), 2)


def test_the_jacobian_of_a_cell_is_its_least():
    shift = np.zeros((2, 2, 2), np.float32)
    assert jacobian(shift).item() == 1
    shift[1, 1] = (-1.5, 0)  # one node crosses its neighbour's column
    assert jacobian(shift).item() == pytest.approx(-0.5)
    turn = np.array([[0, -1], [1, 0]], np.float32) - np.eye(2, dtype=np.float32)
    nodes = np.dstack(np.meshgrid(range(4), range(3))).astype(np.float32)
    np.testing.assert_allclose(jacobian(nodes @ turn.T), 1, atol=1e-6)


@pytest.mark.parametrize("size", [10, 20, 30])
def test_no_fold_is_left(size):
    field = rough_field(size)
    assert jacobian(field).min() < 0
    limited = unfold(field, ALL)
    assert jacobian(limited).min() >= MIN_JACOBIAN
    assert np.abs(limited).max() > 0.2 * np.abs(field).max()


def test_a_field_without_folds_stays_as_it_is():
    field = rough_field(2)
    assert unfold(field, ALL) is field


def test_only_the_surroundings_of_a_fold_change():
    field = rough_field(2)
    field[20, 20] += 3
    changed = (unfold(field, ALL) != field).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert max(np.abs(rows - 20).max(), np.abs(columns - 20).max()) <= 6


def test_what_is_not_shown_may_fold():
    field = rough_field(2)
    field[20, 20] += 3
    shown = ALL.copy()
    shown[20, 20] = False
    assert unfold(field, shown) is field


def test_sides_of_the_lips_leave_the_opening_out():
    nodes = np.dstack(np.meshgrid(np.arange(10.0), np.arange(10.0)))
    above = np.array([[2, 4], [5, 3], [8, 4]], np.float32)
    below = np.array([[2, 4], [5, 7], [8, 4]], np.float32)
    upper, lower = lip_sides(nodes, above, below, 0.5)
    np.testing.assert_array_equal(upper[2:7, 5], [True, True, False, False, False])
    np.testing.assert_array_equal(lower[4:9, 5], [False, False, False, True, True])
    np.testing.assert_array_equal([upper[4, 0], lower[4, 0]], True)  # beside the mouth


TURNS = [{"yaw": yaw} for yaw in (0, 0.35, 0.6, 0.8, -0.6, -0.8)]


def turned_video():
    meshes = [mesh_of(gap=gap, **turn) for turn in TURNS for gap in (0.0, 0.25)]
    return DrawnAvatar([picture_of(mesh) for mesh in meshes], meshes)


@pytest.fixture(scope="module")
def video():
    avatar = turned_video()
    return avatar, warper_of(avatar, head_motion="off")


@pytest.mark.parametrize("mouth", MOUTHS)
def test_no_field_folds_when_a_head_turns(video, mouth):
    avatar, talker = video
    rig: Rig = talker._rig
    for face in avatar.faces:
        scene = Scene.of(face.mesh, rig, still=False)
        motion = mouth_motion(read_channels(MOUTHS[mouth]), *rig.profiles)
        moved = move(scene, rig, rig.deltas(scene.lips, motion))
        step = scene.grid.step
        sides = lip_sides(scene.grid.nodes(), moved.line_above, moved.line_below, step)
        for shift, shown in zip((moved.above, moved.below), sides, strict=True):
            inside = shown[:-1, :-1] & shown[1:, :-1] & shown[:-1, 1:] & shown[1:, 1:]
            assert jacobian(shift / step)[inside].min() > 0


@pytest.mark.parametrize("values", [MOUTHS["rest"], MOUTHS["wide"], values_of(jawOpen=1.0)])
def test_a_turned_head_keeps_its_ears_and_the_wall_behind(video, values):
    avatar, talker = video
    for index, face in enumerate(avatar.faces):
        patch = talker.patch(index, values)
        before = avatar.pictures[index].astype(int)
        window = np.s_[patch.y : patch.y + patch.pixels.shape[0],
                       patch.x : patch.x + patch.pixels.shape[1]]  # fmt: skip
        columns = np.arange(patch.pixels.shape[1]) + patch.x
        aside = np.abs(columns - face.mouth[0]) > 0.75 * 110  # the head's size, not the view's
        rows = np.arange(patch.pixels.shape[0]) + patch.y
        level = rows < face.mouth[1] + 0.35 * 110
        changed = np.abs(patch.pixels[..., :3] - before[window]).max(axis=-1) > 25
        assert not changed[np.ix_(level, aside)].any()
