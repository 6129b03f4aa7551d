"""Lips that close over teeth: no tooth is left between them."""

import cv2
import numpy as np
import pytest

from masktalk.engines.warp.seal import is_parted, seal_lips
from masktalk.landmarks import LOWER_LIP_RINGS, UPPER_LIP_RINGS
from masktalk.types import Frame
from tests.engines.warp.drawn import (
    INNER,
    LIPS,
    MOUTHS,
    SIZE,
    UNIT,
    DrawnAvatar,
    _fill,
    laid_over,
    mesh_of,
    picture_of,
    skin_of,
    values_of,
    warper_of,
)
from tests.engines.warp.test_mouth import talker_lines

TEETH = (250, 245, 230)


def mask_of(mesh, beyond=0.0):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(mesh[list(INNER), :2]).astype(np.int32)], (1,))
    size = 2 * round(beyond * UNIT) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask, disc) > 0


def grinning(beyond):
    """An open mouth whose teeth show that many eye distances beyond the mesh's edge."""
    mesh = mesh_of(gap=0.14)
    picture = picture_of(mesh)
    lips = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(lips, [np.round(mesh[list(LIPS), :2]).astype(np.int32)], (1,))
    picture[mask_of(mesh, beyond) & (lips > 0)] = TEETH
    return mesh, picture


@pytest.mark.parametrize("beyond", [0.0, 0.03])
@pytest.mark.parametrize("mouth", ["rest", "pressed"])
def test_no_tooth_shows_between_closed_lips(beyond, mouth):
    mesh, picture = grinning(beyond)
    avatar = DrawnAvatar([picture], [mesh])
    patch = warper_of(avatar, head_motion="off").patch(0, MOUTHS[mouth])
    shut = laid_over(picture, patch)
    pale = shut.min(axis=-1) > 150  # the drawn lips are (170, 80, 80)
    assert pale[mask_of(mesh, 0.1)].sum() < 0.02 * mask_of(mesh).sum()


def test_only_what_is_paler_than_a_lip_is_painted_over():
    mesh, picture = grinning(0.0)
    seal = seal_lips(Frame(picture), mesh)
    sealed = seal.laid_on(picture, 0, 0)
    changed = np.abs(sealed.astype(int) - picture).max(axis=-1)
    assert changed[mask_of(mesh)].mean() > 60
    assert changed[~mask_of(mesh, 0.075)].max() <= 1
    assert (sealed[mask_of(mesh)].min(axis=-1) < 120).all()


def test_closed_lips_are_left_alone():
    assert not is_parted(mesh_of())
    assert is_parted(mesh_of(gap=0.1))


def test_a_mouth_at_the_pictures_edge_and_one_out_of_it():
    mesh = mesh_of(gap=0.14, shift=(0.0, 120.0))
    picture = picture_of(mesh)
    seal = seal_lips(Frame(picture), mesh)
    assert seal.y + len(seal.pixels) <= SIZE
    part = seal.laid_on(picture[300:340, 100:200], 100, 300)
    assert (part == seal.laid_on(picture, 0, 0)[300:340, 100:200]).all()
    assert seal_lips(Frame(picture), mesh_of(gap=0.14, shift=(0.0, 400.0))) is None


def test_the_fold_beside_the_corners_unfolds_as_a_mouth_opens_wide():
    mesh = mesh_of()
    talker = warper_of(DrawnAvatar([picture_of(mesh)], [mesh]), head_motion="off")
    scene = talker._scene(0)
    from masktalk.engines.warp.scene import moved_lines
    from masktalk.engines.warp.shape import mouth_motion, read_channels

    def fold(jaw):
        motion = mouth_motion(read_channels(values_of(jawOpen=jaw)), *talker._rig.profiles)
        deltas = talker._rig.deltas(scene.lips, motion)
        tips = scene.tips + deltas.corners[:2] @ scene.pose.axes.T
        return np.linalg.norm(moved_lines(scene, deltas)[0, [0, -1]] - tips, axis=1)

    assert (fold(0.9) < 0.3 * fold(0.0)).all()
    assert (np.diff(talker_lines(talker, values_of(jawOpen=0.9)), axis=0) >= -1e-3).all()


@pytest.mark.parametrize("roll", [0.0, 0.1, -0.17])
def test_the_line_where_lips_meet_is_not_brighter_than_they_are(roll):
    mesh = mesh_of(gap=0.34, roll=roll)
    picture = picture_of(mesh)
    _fill(picture, mesh, LIPS, (170, 80, 80))
    middle = (mesh[[UPPER_LIP_RINGS[-1][k] for k in (2, 4, 6)]] + mesh[[LOWER_LIP_RINGS[-1][k]
              for k in (2, 4, 6)]]) / 2  # fmt: skip
    cv2.polylines(picture, [np.round(middle[:, :2]).astype(np.int32)], False, TEETH, 14)
    talker = warper_of(DrawnAvatar([picture], [mesh]), head_motion="off")
    talker._seal_of = lambda *_: None  # what is not covered must not be looked at either
    shut = laid_over(picture, talker.patch(0, values_of())).astype(np.float32)
    scene = talker._scene(0)
    line = shut_line(talker)[8:-8]

    def brightness(pixels):
        across, down = pixels.T.astype(np.float32)[:, None]
        return cv2.remap(shut, across, down, cv2.INTER_LINEAR).mean(axis=-1)[0]

    lips = [brightness(line + way * scene.pose.down) for way in (-3, 3)]
    assert (brightness(line) < np.maximum(*lips) + 15).mean() > 0.7


def shut_line(talker):
    """(P, 2) pixels of the middle between closed lips."""
    from masktalk.engines.warp.scene import move
    from masktalk.engines.warp.shape import mouth_motion, read_channels

    scene, rig = talker._scene(0), talker._rig
    motion = mouth_motion(read_channels(values_of()), *rig.profiles)
    moved = move(scene, rig, rig.deltas(scene.lips, motion))
    return (moved.line_above + moved.line_below) / 2


def test_the_skin_under_a_pressed_lip_follows_it():
    talker = warper_of(DrawnAvatar([picture_of(mesh_of())], [mesh_of()]), head_motion="off")
    from masktalk.engines.warp.shape import mouth_motion, read_channels
    from masktalk.landmarks import SKIN, SKIN_JAW_FOLLOW

    pressed = read_channels(values_of(jawOpen=0.08, mouthClose=0.08, mouthPress=0.5))
    motion = mouth_motion(pressed, *talker._rig.profiles)
    deltas = talker._rig.deltas(talker._scene(0).lips, motion)
    lip, skin = deltas.lower[0, 4, 1], skin_of(talker._rig, deltas, 18)[1]
    assert lip < -0.004
    riding = SKIN_JAW_FOLLOW[SKIN.index(18)] * skin_of(talker._rig, deltas, 152)[1]
    assert lip < skin < lip + 0.5 * (riding - lip)
