"""The inside of a video's mouth comes from its own frames, by where the head looks."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from masktalk.engines.warp.engine import FrameWarper, WarpOptions
from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.prepared_data import learn, load_or_make, unpacked
from masktalk.engines.warp.teeth_samples import candidates, chosen, facing
from tests.engines.warp.drawn import (
    INNER,
    UNIT,
    WIDE,
    DrawnAvatar,
    _fill,
    laid_over,
    mesh_of,
    picture_of,
    still,
    values_of,
    warper_of,
)

YAWS = (-0.35, 0.0, 0.35)
#: The teeth of each pose have their own colour, so that one sees whose they are.
COLOURS = ((245, 245, 200), (200, 245, 245), (245, 200, 245))


def turning(folder=None):
    """Closed and open frames of three poses, and closed ones between them."""
    meshes, pictures = [], []
    for yaw, colour in zip(YAWS, COLOURS, strict=True):
        for gap in (0.0, 0.12, 0.18):
            meshes.append(mesh_of(yaw=yaw, gap=gap))
            pictures.append(picture_of(meshes[-1]))
            if gap:
                _fill(pictures[-1], meshes[-1], INNER, colour)
    for yaw in np.linspace(-0.35, 0.35, 29):
        meshes.append(mesh_of(yaw=float(yaw)))
        pictures.append(picture_of(meshes[-1]))
    return DrawnAvatar(pictures, meshes, folder=folder)


@cache
def prepared():
    avatar = turning()
    return avatar, unpacked(learn(avatar))


def talking():
    return FrameWarper(*prepared(), WarpOptions())


def teeth_of(avatar, talker, index, values=WIDE):
    """(3,) colour of the brightest in the open mouth."""
    after = laid_over(avatar.pictures[index], talker.patch(index, values))
    x, y = avatar.faces[index].mouth.astype(int)
    near = after[y - 15 : y + 35, x - 14 : x + 15].reshape(-1, 3).astype(float)
    return near[near.mean(axis=1).argsort()[-80:]].mean(axis=0)


def test_every_pose_has_a_donor():
    donors = prepared()[1].donors
    assert len(donors.facing) == 3
    assert np.ptp(donors.facing[:, 0]) > 0.5


@pytest.mark.parametrize("number", range(3))
def test_the_inside_is_the_one_of_the_nearest_pose(number):
    shown = teeth_of(prepared()[0], talking(), 3 * number)
    likest = np.argmin([np.abs(shown / shown.mean() - np.divide(c, np.mean(c))).sum()
                        for c in COLOURS])  # fmt: skip
    assert likest == number


def test_the_inside_does_not_jump_while_a_head_turns():
    avatar, plates = prepared()
    poses = [fit_pose(avatar.faces[index].mesh) for index in range(9, 38)]
    uppers = [plates.donors.seen_from(plates.plates, pose).upper for pose in poses]
    steps = [np.abs(b - a).mean() for a, b in pairwise(uppers)]
    whole = np.abs(uppers[-1] - uppers[0]).mean()
    assert whole > 1
    assert max(steps) < 0.6 * whole


def test_only_the_frame_decides_which_inside_it_is():
    forwards, backwards = talking(), talking()
    ahead = [forwards.patch(index, WIDE).pixels for index in range(9, 38, 4)]
    back = [backwards.patch(index, WIDE).pixels for index in reversed(range(9, 38, 4))]
    for one, other in zip(ahead, reversed(back), strict=True):
        assert (one == other).all()


def test_the_donors_are_kept(tmp_path):
    avatar = turning(tmp_path)
    made, again = load_or_make(avatar), load_or_make(avatar)
    assert (made.donors.upper == again.donors.upper).all()
    assert (made.donors.facing == again.donors.facing).all()


def test_a_mouth_that_never_opens_has_the_painted_inside():
    made = unpacked(learn(still()))
    assert len(made.donors.upper) == 1
    assert (made.donors.upper[0] == made.plates.upper).all()


def test_facing_does_not_depend_on_roll():
    straight, rolled = (fit_pose(mesh_of(yaw=0.3, pitch=0.1, roll=r)) for r in (0.0, 0.5))
    assert facing(straight) == pytest.approx(facing(rolled), abs=0.03)
    assert abs(facing(straight)[0]) > 0.2


def test_the_widest_openings_of_each_pose_are_looked_at():
    poses = {}
    for index, (yaw, gap) in enumerate([(0, 0.05), (0, 0.2), (0, 0.02), (0.4, 0.06)]):
        poses[index] = fit_pose(mesh_of(yaw=yaw, gap=gap))
    assert candidates(poses) == [0, 1, 3]
    assert chosen({0: 0.1, 1: 0.3, 3: 0.2}, poses) == [1, 3]
    assert chosen({1: 0.3, 3: 0.05}, poses) == [1]
    assert chosen({}, poses) == []
    assert chosen({0: 0.0, 1: 0.0}, poses) == []


def test_teeth_end_where_it_gets_dark_below_them():
    mesh = mesh_of(gap=0.2)
    picture = picture_of(mesh, teeth=True)
    x, y = mesh[13, :2].astype(int)
    inner = np.zeros(picture.shape[:2], np.uint8)
    _fill(inner, mesh, INNER, 1)
    bite = round(0.055 * UNIT)
    for start, height in ((bite, 3), (bite + 3, 40)):  # the bite, and lower teeth below it
        rows = np.zeros_like(inner)
        rows[y + start : y + start + height] = 1
        colour = (60, 30, 30) if start == bite else (240, 240, 225)
        picture[(inner > 0) & (rows > 0)] = colour
    avatar = DrawnAvatar([picture], [mesh])
    plates = unpacked(learn(avatar)).plates
    middle = plates.upper[:, plates.upper.shape[1] // 2, 3] > 0.5
    down = (np.nonzero(middle)[0].max() - plates.upper.shape[0] // 2) / plates.scale
    rest = unpacked(learn(avatar)).rig.rest
    line = (rest.line[1] - fit_pose(mesh).frontal[13, 1]) * UNIT
    assert down * UNIT == pytest.approx(bite - line, abs=0.03 * UNIT)
    opened = laid_over(picture, warper_of(avatar).patch(0, values_of(jawOpen=0.8)))
    assert (opened[y : y + 60, x - 5 : x + 6].max(axis=-1).min()) < 130
