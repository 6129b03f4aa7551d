"""Open mouths: they open, close, keep still, and leave the rest of the picture alone."""

import cv2
import numpy as np
import pytest

from masktalk.behaviour import STILL, Movement
from masktalk.speech import measures
from masktalk.types import Articulation
from tests.engines.warp.drawn import (
    INNER,
    MOUTHS,
    OVAL,
    SIZE,
    UNIT,
    WIDE,
    DrawnAvatar,
    laid_over,
    mesh_of,
    picture_of,
    still,
    values_of,
    warper_of,
)

BROWS = Movement({"browInnerUp": 0.5})


def rendered(avatar, values, index=0, movement=STILL, **options):
    patch = warper_of(avatar, **options).patch(index, values, movement)
    return laid_over(avatar.pictures[index], patch)


def near_face(mesh, margin):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(mesh[list(OVAL), :2]).astype(np.int32)], (1,))
    size = 2 * round(margin * UNIT) + 1
    return cv2.dilate(mask, np.ones((size, size), np.uint8)) > 0


def test_a_closed_mouth_at_rest_is_the_picture_itself():
    avatar = still()
    assert (rendered(avatar, MOUTHS["rest"]) == avatar.pictures[0]).all()


@pytest.mark.parametrize("mouth", sorted(MOUTHS))
@pytest.mark.parametrize("roll", [0.0, -0.5])
def test_nothing_changes_away_from_the_face(mouth, roll):
    avatar = still(roll=roll)
    changed = (rendered(avatar, MOUTHS[mouth]) != avatar.pictures[0]).any(axis=-1)
    assert not changed[~near_face(mesh_of(roll=roll), 0.6)].any()


@pytest.mark.parametrize("mouth", sorted(MOUTHS))
def test_the_patch_ends_without_a_seam(mouth):
    avatar = still()
    patch = warper_of(avatar).patch(0, MOUTHS[mouth], BROWS)
    height, width = patch.pixels.shape[:2]
    source = avatar.pictures[0][patch.y : patch.y + height, patch.x : patch.x + width]
    for rows, columns in ((slice(0, 2), slice(None)), (slice(None), slice(0, 2))):
        edge = patch.pixels[..., :3][rows, columns], source[rows, columns]
        slopes = [np.abs(np.diff(part.astype(int), axis=0)).mean() for part in edge]
        assert slopes[0] == pytest.approx(slopes[1], rel=0.05)


def test_the_same_mouth_gives_the_same_pixels_later_too():
    avatar = still()
    talker = warper_of(avatar)
    first = talker.patch(0, WIDE).pixels
    talker.patch(0, MOUTHS["round"])
    assert (talker.patch(0, WIDE).pixels == first).all()


def opening_height(before, after):
    """Pixels in the middle column that are darker and redder than a lip."""
    column = after[:, SIZE // 2 - 2 : SIZE // 2 + 3].astype(int).mean(axis=1)
    old = before[:, SIZE // 2 - 2 : SIZE // 2 + 3].astype(int).mean(axis=1)
    lips = slice(int(SIZE * 0.4 + 0.5 * UNIT), int(SIZE * 0.4 + 1.4 * UNIT))
    inside = (column[lips].sum(axis=1) < 200) & (old[lips].sum(axis=1) > 200)
    return int(inside.sum())


def test_the_mouth_opens_as_far_as_it_is_told():
    avatar = still()
    talker = warper_of(avatar, head_motion="off")
    seen, meant = [], []
    for jaw in np.linspace(0.0, 1.0, 11):
        values = values_of(jawOpen=jaw)
        lines = talker_lines(talker, values)
        seen.append(np.abs(lines[1] - lines[0]).max() / UNIT)
        meant.append(measures(Articulation(values[None], 25)).aperture[0])
    assert np.corrcoef(seen, meant)[0, 1] > 0.99
    assert np.polyfit(meant, seen, 1)[0] == pytest.approx(1, abs=0.12)
    after = laid_over(avatar.pictures[0], talker.patch(0, values_of(jawOpen=1.0)))
    assert opening_height(avatar.pictures[0], after) > 0.1 * UNIT


def talker_lines(talker, values):
    from masktalk.engines.warp.scene import move
    from masktalk.engines.warp.shape import mouth_motion, read_channels

    scene, rig = talker._scene(0), talker._rig
    motion = mouth_motion(read_channels(values), *rig.profiles)
    moved = move(scene, rig, rig.deltas(scene.lips, motion))
    return moved.line_above[:, 1], moved.line_below[:, 1]


def test_an_open_mouth_closes():
    avatar = still(teeth=True, gap=0.16)
    mesh = mesh_of(gap=0.16)
    inner = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(inner, [np.round(mesh[list(INNER), :2]).astype(np.int32)], (1,))
    teeth = (inner > 0) & (avatar.pictures[0].min(axis=-1) > 190)
    assert teeth.sum() > 300
    shut = rendered(avatar, MOUTHS["rest"])
    region = cv2.dilate(inner, np.ones((15, 15), np.uint8)) > 0
    assert ((shut.min(axis=-1) > 190) & region).sum() < 0.1 * teeth.sum()


def test_its_own_teeth_come_back_when_it_opens():
    avatar = still(teeth=True, gap=0.16)
    opened = rendered(avatar, values_of(jawOpen=0.45))
    assert (opened.min(axis=-1) > 185).sum() > 150


def test_a_videos_own_mouth_is_taken_out():
    gaps = [0.0, 0.05, 0.15, 0.05, 0.0, 0.0, 0.1, 0.02]
    meshes = [mesh_of(gap=gap, shift=(index, 0)) for index, gap in enumerate(gaps)]
    avatar = DrawnAvatar([picture_of(mesh, teeth=True) for mesh in meshes], meshes)
    talker = warper_of(avatar)
    for index, gap in enumerate(gaps):
        patch = talker.patch(index, MOUTHS["rest"])
        shut = laid_over(avatar.pictures[index], patch)
        mouth = meshes[index][13, :2].astype(int)
        window = np.s_[mouth[1] - 12 : mouth[1] + 30, mouth[0] - 25 : mouth[0] + 25]
        before = (avatar.pictures[index][window].min(axis=-1) > 190).sum()
        after = (shut[window].min(axis=-1) > 190).sum()
        assert after <= max(0.12 * before, 20), (index, gap)


def test_a_frame_without_a_face_is_left_alone():
    mesh = mesh_of()
    picture = picture_of(mesh)
    avatar = DrawnAvatar([picture, picture], [mesh, None])
    assert warper_of(avatar).patch(1, WIDE) is None


def test_turned_and_tilted_heads_open_along_their_own_down():
    for roll in (-0.6, 0.0, 0.6):
        avatar = still(roll=roll, yaw=0.3)
        changed = rendered(avatar, WIDE, head_motion="off").astype(int) - avatar.pictures[0]
        rows, columns = np.nonzero(np.abs(changed).sum(axis=-1) > 60)
        mesh = mesh_of(roll=roll, yaw=0.3)
        down = mesh[152, :2] - mesh[1, :2]
        away = np.array([columns.mean(), rows.mean()]) - mesh[13, :2]
        assert away @ down > 0
        side = abs(away @ [-down[1], down[0]]) / np.linalg.norm(down)
        assert side < 0.15 * UNIT


def test_transparency_follows_the_source():
    avatar = still(alpha=True)
    talker = warper_of(avatar)
    rest = talker.patch(0, MOUTHS["rest"])
    height, width = rest.matte.shape
    window = np.s_[rest.y : rest.y + height, rest.x : rest.x + width]
    assert (rest.matte == avatar.pictures[0][window][..., 3]).all()
    after = laid_over(avatar.pictures[0], talker.patch(0, WIDE))
    changed = after[..., 3] != avatar.pictures[0][..., 3]
    assert not changed[: int(mesh_of()[145, 1])].any()
    assert not changed[~near_face(mesh_of(), 0.6)].any()


def test_a_face_at_the_pictures_edge():
    mesh = mesh_of(shift=(130.0, 90.0))
    avatar = DrawnAvatar([picture_of(mesh)], [mesh])
    after = rendered(avatar, WIDE)
    assert after.shape == avatar.pictures[0].shape
    assert (after != avatar.pictures[0]).any()


@pytest.mark.parametrize("jaw", [0.2, 0.45, 0.9])
def test_its_own_teeth_are_as_bright_as_in_the_picture(jaw):
    avatar = still(teeth=True, gap=0.16)
    opened = rendered(avatar, values_of(jawOpen=jaw), head_motion="off")
    x, y = mesh_of(gap=0.16)[13, :2].astype(int)
    before, after = (
        np.sort(picture[y - 10 : y + 40, x - 12 : x + 13].mean(axis=-1), axis=None)[-100:].mean()
        for picture in (avatar.pictures[0], opened)
    )
    assert after > 0.9 * before


@pytest.mark.parametrize("mouth", sorted(MOUTHS))
def test_making_only_what_moves_changes_nothing(mouth, monkeypatch):
    from masktalk.engines.warp import mouth as module

    avatar = still(gap=0.1, teeth=True)
    narrow = rendered(avatar, MOUTHS[mouth])
    small = warper_of(avatar).patch(0, MOUTHS[mouth]).pixels.shape
    monkeypatch.setattr(module, "_narrowed", lambda scene, moved: (scene, moved))
    whole = rendered(avatar, MOUTHS[mouth])
    assert np.abs(narrow.astype(int) - whole).max() <= 1  # cubic weights come from a table
    large = warper_of(avatar).patch(0, MOUTHS[mouth]).pixels.shape
    assert small[0] * small[1] < large[0] * large[1]
