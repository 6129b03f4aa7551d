"""The corners of an open mouth: round, fleshy, and followed by the skin beside them."""

import numpy as np
import pytest

from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.flesh import with_flesh
from masktalk.engines.warp.interior import Place, render_interior
from masktalk.engines.warp.lips import read_lips
from masktalk.engines.warp.scene import move
from masktalk.engines.warp.shape import mouth_motion, read_channels
from masktalk.engines.warp.style import read_style
from tests.engines.warp.drawn import (
    INNER,
    UNIT,
    DrawnAvatar,
    _fill,
    laid_over,
    mesh_of,
    picture_of,
    skin_of,
    still,
    warper_of,
)
from tests.engines.warp.drawn import values_of as values


def opened(talker, jaw):
    """The contour (P, 2) of the opening, once around, and how the face moved."""
    scene, rig = talker._scene(0), talker._rig
    motion = mouth_motion(read_channels(values(jawOpen=jaw)), *rig.profiles)
    deltas = rig.deltas(scene.lips, motion)
    moved = move(scene, rig, deltas)
    return np.vstack([moved.line_above, moved.line_below[-2:0:-1]]), deltas


@pytest.mark.parametrize("jaw", [0.8, 1.0])
def test_a_wide_open_mouth_has_no_pointed_corner(jaw):
    contour, _ = opened(warper_of(still(), head_motion="off"), jaw)
    steps = np.roll(contour, -1, axis=0) - contour
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    turns = np.abs((np.roll(heading, -1) - heading + np.pi) % (2 * np.pi) - np.pi)
    assert np.degrees(turns.max()) < 50


def test_a_closed_mouth_has_no_opening_at_its_corners():
    contour, _ = opened(warper_of(still(), head_motion="off"), 0.0)
    half = len(contour) // 2
    above, below = contour[1:half], contour[:half:-1]
    assert np.abs(above - below).max() < 0.02 * UNIT


def test_the_skin_beside_a_corner_follows_it():
    talker = warper_of(still(), head_motion="off")
    _, deltas = opened(talker, 1.0)
    for corner, beside in zip(deltas.corners[:2], (57, 287), strict=True):
        follows = skin_of(talker._rig, deltas, beside)[1]
        assert 0.7 * corner[1] < follows < 1.1 * corner[1]


def test_flesh_goes_over_from_the_lips_into_the_depth():
    lips = np.full((60, 100, 3), (180, 90, 90), np.uint8)
    opening = np.zeros((60, 100), np.float32)
    opening[10:50, 20:80] = 1
    aside = np.abs(np.arange(100, dtype=np.float32) - 49.5)[None].repeat(60, axis=0) / 30
    depth = np.full((60, 100, 3), 20, np.float32)
    tint = np.array([1.5, 0.75, 0.75], np.float32)
    made = with_flesh(depth, lips, opening, aside, tint, unit=120)
    across = made[30, 20:50].mean(axis=-1)
    assert across[0] > 40
    assert (np.diff(across) < 1e-3).all()
    assert made[30, 50] == pytest.approx(depth[30, 50], abs=0.5)
    assert (made[:, 50] == depth[:, 50]).all()  # none in the middle, where teeth show
    assert made[10, 20].mean() > 60
    assert (np.diff(made[30, 20]) < 0).any()  # redder than grey


def test_lips_too_close_for_flesh_are_left_alone():
    opening = np.zeros((20, 30), np.float32)
    opening[10] = 0.7
    depth = np.full((20, 30, 3), 20, np.float32)
    lips = np.full((20, 30, 3), 150, np.uint8)
    assert with_flesh(depth, lips, opening, opening, np.ones(3, np.float32), unit=120) is depth


def test_teeth_lie_in_the_shadow_that_the_mouth_lies_in():
    mesh = mesh_of()
    lit = picture_of(mesh)
    shadowed = lit.copy()
    x, y = mesh[13, :2].astype(int)
    reach = int(0.45 * UNIT)
    shadowed[y - int(0.2 * UNIT) : y + reach, x - reach : x + reach] //= 3
    bright, dark = (read_style(picture, mesh).white.mean() for picture in (lit, shadowed))
    assert dark < 0.75 * bright
    assert bright > 200


def test_an_open_mouth_is_the_same_every_time():
    avatar = still()
    first, again = warper_of(avatar), warper_of(avatar)
    wide = values(jawOpen=0.9, mouthFunnel=0.3)
    for _ in range(2):
        one = laid_over(avatar.pictures[0], first.patch(0, wide))
        assert (one == laid_over(avatar.pictures[0], again.patch(0, wide))).all()


def test_a_tongue_is_darker_behind_a_slit_than_in_a_wide_mouth():
    avatar = still(teeth=True, gap=0.2)
    plates = warper_of(avatar)._plates
    place = Place(np.eye(2, dtype=np.float32) * UNIT, *(np.full(2, 50, np.float32),) * 3)

    def below_teeth(height):
        opening = np.zeros((100, 100), np.float32)
        opening[60 - height // 2 : 60 + height // 2, 15:85] = 1
        return render_interior(plates, place, opening, UNIT)[60, 45:55].mean()

    assert below_teeth(8) < 0.8 * below_teeth(40)


def test_the_chin_goes_where_the_lips_say_when_a_mesh_mistakes_it():
    mesh, mistaken = mesh_of(), mesh_of()
    mistaken[152, 1] -= 0.15 * UNIT
    avatar = DrawnAvatar([picture_of(mesh)] * 8, [mesh] * 7 + [mistaken])
    talker = warper_of(avatar)
    rest = mouth_motion(read_channels(values()), *talker._rig.profiles)
    deltas = talker._rig.deltas(talker._scene(7).lips, rest)
    assert abs(skin_of(talker._rig, deltas, 152)[1]) < 0.03
    opened_lips = read_lips(fit_pose(mesh_of(gap=0.2)).frontal)
    closing = talker._rig.deltas(opened_lips, rest)
    assert skin_of(talker._rig, closing, 152)[1] < -0.06


def test_an_open_mouth_that_shows_nothing_bright_has_darker_teeth():
    mesh = mesh_of(gap=0.16)
    dark = picture_of(mesh)
    _fill(dark, mesh, INNER, (60, 40, 40))
    shut = mesh_of()
    assert (
        read_style(dark, mesh).white.mean() < 0.7 * read_style(picture_of(shut), shut).white.mean()
    )
