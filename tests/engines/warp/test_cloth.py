"""Cloth over a mouth: it moves with the jaw, does not open, and what is beside it stays."""

import cv2
import numpy as np
import pytest

from masktalk.engines.warp.cloth import ClothDeformation, cloth_amounts
from masktalk.engines.warp.engine import WarpOptions
from masktalk.engines.warp.fabric import Fabric
from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.field import sample
from masktalk.engines.warp.prepared_data import learn, unpacked
from masktalk.engines.warp.shape import read_channels
from tests.engines.warp.drawn import (
    MOUTHS,
    OVAL,
    SIZE,
    UNIT,
    laid_over,
    mesh_of,
    still,
    values_of,
    warper_of,
)

LOWER_FACE = (127, 93, 58, 172, 150, 152, 379, 397, 288, 323, 356, 195)


@pytest.fixture(scope="module")
def avatar():
    return still(mouth="cloth", cloth=True)


def flow(before, after):
    grey = [cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) for part in (before, after)]
    return cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 3, 21, 5, 7, 1.5, 0)


def test_the_cloth_follows_the_jaw(avatar):
    talker = warper_of(avatar, head_motion="off")
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
    after = laid_over(avatar.pictures[0], warper_of(avatar).patch(0, MOUTHS["wide"]))
    mouth = mesh_of()[13, :2].astype(int)
    window = after[mouth[1] - 20 : mouth[1] + 40, mouth[0] - 30 : mouth[0] + 30].astype(int)
    assert np.ptp(window, axis=-1).max() < 60  # grey cloth stays grey: no red, no teeth


@pytest.mark.parametrize("mouth", sorted(MOUTHS))
def test_what_is_not_face_stays(avatar, mouth):
    after = laid_over(avatar.pictures[0], warper_of(avatar).patch(0, MOUTHS[mouth]))
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
        patch = warper_of(avatar, cloth_strength=strength).patch(0, MOUTHS["wide"])
        after = laid_over(avatar.pictures[0], patch)
        moved.append(np.abs(after.astype(int) - avatar.pictures[0]).mean())
    assert moved[0] == 0
    assert 0 < moved[1] < moved[2]


def cloth_of(colour, noise=2.0):
    """A face under cloth of one colour with the noise of a camera and nothing else."""
    drawn = still(mouth="cloth", cloth=True)
    mesh, picture = mesh_of(), drawn.pictures[0]
    low = np.zeros((SIZE, SIZE), np.uint8)
    outline = mesh[list(LOWER_FACE), :2]
    cv2.fillPoly(low, [np.round(outline).astype(np.int32)], (1,))
    grain = np.random.default_rng(5).normal(0, noise, picture.shape)
    picture[low > 0] = np.clip(np.array(colour) + grain, 0, 255)[low > 0].astype(np.uint8)
    return drawn, low > 0


@pytest.mark.parametrize("mouth", ["wide", "round", "spread"])
def test_cloth_shades_with_the_movement(mouth):
    drawn, low = cloth_of((128, 128, 128), noise=0.0)
    talker = warper_of(drawn, cloth_folds=0.0, head_motion="off")
    before, after = (
        laid_over(drawn.pictures[0], talker.patch(0, MOUTHS[name])).astype(int)
        for name in ("rest", mouth)
    )
    assert (before == drawn.pictures[0]).all()
    inner = cv2.erode(low.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    change = (after - before)[inner]
    assert change.min() <= -2
    assert change.max() >= 2


@pytest.mark.parametrize("colour", [(22, 22, 22), (150, 30, 36), (215, 215, 210)])
def test_plain_cloth_is_seen_to_move(colour):
    drawn, low = cloth_of(colour)
    talker = warper_of(drawn, head_motion="off")
    jaws = np.abs(np.sin(np.arange(14) * 1.3)) * 0.7
    rest = laid_over(drawn.pictures[0], talker.patch(0, MOUTHS["rest"]))
    mesh = mesh_of()
    x, y = mesh[13, :2].astype(int)
    # Away from the cloth's edges: what moves here is nothing but cloth.
    window = np.s_[y - 6 : y + 24, x - 26 : x + 26]
    assert low[window].all()
    down, size = [], []
    for jaw in jaws:
        after = laid_over(drawn.pictures[0], talker.patch(0, values_of(jawOpen=jaw)))
        seen = flow(rest, after)[window]
        down.append(seen[..., 1].mean())
        size.append(np.linalg.norm(seen, axis=-1).mean())
    assert np.corrcoef(down, jaws)[0, 1] > 0.8
    assert np.corrcoef(size, jaws)[0, 1] > 0.8
    assert max(down) > 0.02 * UNIT


def test_folds_lie_on_plain_cloth_only(avatar):
    woven = laid_over(avatar.pictures[0], warper_of(avatar).patch(0, MOUTHS["rest"]))
    assert (woven == avatar.pictures[0]).all()
    drawn, low = cloth_of((22, 22, 22))
    rest = laid_over(drawn.pictures[0], warper_of(drawn).patch(0, MOUTHS["rest"]))
    changed = (rest != drawn.pictures[0]).any(axis=-1)
    assert changed.sum() > 0.3 * low.sum()
    assert not changed[~low].any()


@pytest.mark.parametrize("mouth", sorted(MOUTHS))
def test_shade_does_not_leave_the_cloth(mouth):
    """On an even wall behind an even face, whatever changes beside the cloth is shade."""
    drawn, _ = cloth_of((22, 22, 22))
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(mesh_of()[list(OVAL), :2]).astype(np.int32)], (1,))
    wall = cv2.dilate(oval, np.ones((3, 3), np.uint8)) == 0
    drawn.pictures[0][wall] = 200
    talker = warper_of(drawn, head_motion="off")
    after = laid_over(drawn.pictures[0], talker.patch(0, MOUTHS[mouth]))
    jaw = int(mesh_of()[172, 1])  # further down the silhouette itself moves
    beside = cv2.dilate(oval, np.ones((15, 15), np.uint8))[:jaw] == 0
    assert (after[:jaw][beside] == 200).all()


def test_folds_go_on_with_the_cloth_and_fade():
    drawn, _ = cloth_of((22, 22, 22), noise=0.0)
    mesh = mesh_of()
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(mesh[list(OVAL), :2]).astype(np.int32)], (1,))
    below = np.arange(SIZE)[:, None] > mesh[195, 1]
    drawn.pictures[0][below & (oval == 0)] = 22  # a hood that hides the head's outline
    drawn.pictures[0][below & (oval > 0)] = 22
    rest = laid_over(drawn.pictures[0], warper_of(drawn).patch(0, MOUTHS["rest"]))
    folds = np.abs(rest.astype(float) - drawn.pictures[0]).mean(axis=-1)
    deep = cv2.GaussianBlur(folds, (0, 0), 0.08 * UNIT)
    rings = [oval, cv2.dilate(oval, disc(0.12)), cv2.dilate(oval, disc(0.24))]
    level = int(mesh[13, 1])
    inside, beside = deep[level][oval[level] > 0], deep[level][(rings[1] - oval)[level] > 0]
    further = deep[level][(rings[2] - rings[1])[level] > 0]
    assert inside.max() > beside.mean() > further.mean()
    assert beside.mean() > 0.1 * inside.max()


def disc(reach):
    side = 2 * round(reach * UNIT) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def test_shade_is_as_deep_as_the_cloth_has_contrasts():
    plain, folded, woven = (
        cloth_of((190, 190, 190), noise=0.0)[0],
        cloth_of((22, 22, 22))[0],
        still(mouth="cloth", cloth=True),
    )
    depths = [fabric_of(drawn).depth for drawn in (plain, woven, folded)]
    assert depths[0] == 1.0
    assert depths[1] > 1.2
    assert depths[2] > 2.0


def fabric_of(drawn):
    prepared = unpacked(learn(drawn))
    return Fabric.read(drawn.frame(0), fit_pose(drawn.faces[0].mesh), prepared.rig)


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_lips_do_not_dent_the_cheeks(yaw):
    rig = unpacked(learn(still(mouth="cloth", cloth=True, yaw=yaw))).rig
    outline = rig.grid.index(rig.base[list(OVAL)])[None]
    for shift in ClothDeformation.over(rig).shifts[1:]:
        assert np.abs(shift).max() > 0.5
        assert np.abs(sample(shift, outline)).max() < 0.15 * np.abs(shift).max()


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_cloth_is_neither_folded_over_nor_pinched_to_a_point(yaw):
    rig = unpacked(learn(still(mouth="cloth", cloth=True, yaw=yaw))).rig
    wide = read_channels(values_of(jawOpen=1, mouthPucker=1, mouthSmile=1, mouthStretch=1))
    amounts = cloth_amounts(wide, WarpOptions().cloth_strength)
    for shift, most in zip(ClothDeformation.over(rig).shifts, amounts, strict=True):
        across = np.gradient(most * shift[..., 0], axis=1)
        down = np.gradient(most * shift[..., 1], axis=0)
        assert min(across.min(), down.min()) > -1


def test_shaded_cloth_in_front_of_a_wall_ends_at_its_edge():
    """Cloth with broad lights and shades of its own is no reason to take the wall for it."""
    drawn, _ = cloth_of((60, 60, 70), noise=0.0)
    picture, mesh = drawn.pictures[0], mesh_of()
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(mesh[list(OVAL), :2]).astype(np.int32)], (1,))
    rows, columns = np.mgrid[:SIZE, :SIZE]
    lights = 30 * np.sin(columns / (0.17 * UNIT)) * np.sin(rows / (0.14 * UNIT))
    cloth = (rows > mesh[195, 1]) & (oval > 0)
    picture[cloth] = np.clip(picture[cloth] + lights[cloth][:, None], 0, 255).astype(np.uint8)
    wall = cv2.dilate(oval, np.ones((3, 3), np.uint8)) == 0
    picture[wall] = (130, 140, 150)
    rest = laid_over(picture, warper_of(drawn).patch(0, MOUTHS["rest"]))
    assert (rest[wall] == picture[wall]).all()


def test_a_patch_too_small_to_be_cloth_is_left_as_it_is():
    drawn = still(mouth="cloth", cloth=True)
    middle, half = int(mesh_of()[13, 0]), round(0.09 * UNIT)
    drawn.pictures[0][:] = 240
    drawn.pictures[0][:, middle - half : middle + half] = 15
    fabric = fabric_of(drawn)
    assert (fabric.cover > 0.9).sum() < 20
    assert fabric.relief is None
    assert fabric.depth == 1.0
