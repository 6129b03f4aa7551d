"""Drawn mouths for faces that have none or a painted line."""

import cv2
import numpy as np

from masktalk.faces.canonical import fit_mesh
from tests.engines.warp.drawn import MOUTHS, DrawnAvatar, laid_over, warper_of


def smiley(line=True, colour=(255, 215, 60)):
    picture = np.full((400, 400, 3), (120, 180, 230), np.uint8)
    cv2.circle(picture, (200, 200), 150, colour, -1, cv2.LINE_AA)
    for x in (145, 255):
        cv2.circle(picture, (x, 165), 14, (40, 30, 25), -1, cv2.LINE_AA)
    if line:
        cv2.line(picture, (140, 255), (260, 255), (60, 40, 20), 6, cv2.LINE_AA)
    points = {33: (125, 165), 263: (275, 165), 61: (140, 255), 291: (260, 255),
              13: (200, 255), 14: (200, 255), 152: (200, 330)}  # fmt: skip
    return DrawnAvatar([picture], [fit_mesh(points).astype(np.float32)], mouth="draw")


def speaking(avatar, mouth):
    return laid_over(avatar.pictures[0], warper_of(avatar).patch(0, MOUTHS[mouth]))


def test_a_painted_line_rests_as_it_was_painted():
    avatar = smiley()
    assert (speaking(avatar, "rest") == avatar.pictures[0]).all()


def test_the_painted_line_goes_when_the_mouth_opens():
    avatar = smiley()
    after = speaking(avatar, "round").astype(int)
    ends = after[245:265, 142:150]
    assert ends.min() > 55 or np.abs(ends - [255, 215, 60]).mean() < 12
    assert (after[240:300, 190:210].sum(axis=-1) < 250).any()


def test_a_face_without_a_mouth_gets_one():
    avatar = smiley(line=False)
    assert (speaking(avatar, "rest") != avatar.pictures[0]).any()
    wide = speaking(avatar, "wide").astype(int)
    red = (wide[..., 0] - wide[..., 2] > 30) & (wide.sum(axis=-1) < 300)
    assert red[230:330, 150:250].sum() > 200


def test_a_sketch_is_drawn_without_colour():
    avatar = smiley(colour=(245, 245, 245))
    avatar.pictures[0][:] = np.repeat(avatar.pictures[0].mean(axis=-1, keepdims=True), 3, -1)
    wide = speaking(avatar, "wide").astype(int)
    assert np.ptp(wide, axis=-1).max() < 16
    assert (wide != avatar.pictures[0]).any()


def test_a_painted_smile_opens_along_its_curve_in_its_colour():
    avatar = smiley(line=False)
    across = np.linspace(-1, 1, 80)
    curve = np.stack([200 + 60 * across, 255 + 30 * (1 - across**2)], axis=1)
    cv2.polylines(avatar.pictures[0], [np.rint(curve).astype(np.int32)], False, (150, 20, 30), 6)
    wide = speaking(avatar, "wide").astype(int)
    changed = (wide != avatar.pictures[0]).any(axis=-1)
    assert not changed[235:245, 180:220].any()  # above the curve, where its corners lie
    reddish = np.abs(wide - [150, 20, 30]).sum(axis=-1) < 30
    assert (reddish & changed).sum() > 60


def test_a_grille_opens_behind_its_bars():
    avatar = smiley(line=False, colour=(150, 150, 155))
    for column in range(140, 261, 12):
        cv2.line(avatar.pictures[0], (column, 238), (column, 272), (50, 50, 50), 3)
    assert (speaking(avatar, "rest") == avatar.pictures[0]).all()
    row = speaking(avatar, "wide")[262, 165:236].astype(int).mean(axis=-1)
    # bars of the plate's own brightness, in shade, and dark between them
    assert row.max() > 90
    assert row.min() < 50
    assert (np.diff(np.signbit(row - 70).astype(int)) == 1).sum() in (5, 6, 7)
