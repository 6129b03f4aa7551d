"""A mask laid back: its own pixels where it does not move, the jaw's way where it does."""

import cv2
import numpy as np
import pytest

from masktalk.overlay.mask_overlay import Overlay
from masktalk.types import CHANNELS, Face, Frame

WIDTH, HEIGHT = 200, 260
STILL = np.zeros(len(CHANNELS), np.float32)


def face(shift=(0.0, 0.0), turn=0.0, scale=1.0):
    """A mesh whose named points lie where a face of 80 px between the eyes has them."""
    mesh = np.zeros((478, 3), np.float32)
    rng = np.random.default_rng(1)
    mesh[:, :2] = rng.uniform((50, 60), (150, 200), (478, 2))
    named = {33: (60, 90), 263: (140, 90), 2: (100, 130), 152: (100, 190), 61: (78, 152)}
    named |= {291: (122, 152), 13: (100, 150), 14: (100, 154), 168: (100, 88)}
    for index, place in named.items():
        mesh[index, :2] = place
    around = np.array([100, 100])
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
    mesh[:, :2] = (mesh[:, :2] - around) @ spin.T + around + shift
    return Face(mesh, "test", 1.0, "closed")


def bare(alpha=False):
    rng = np.random.default_rng(2)
    pixels = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 2)
    if alpha:
        pixels = np.dstack([pixels, np.full((HEIGHT, WIDTH), 90, np.uint8)])
    return Frame(pixels)


def mask(edge=0.0, opacity=255):
    """A cloth over mouth and chin; red tells the row, green the column."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[..., 0] = rows * 255 // HEIGHT
    pixels[..., 1] = columns
    pixels[..., 3] = (((columns - 100) / 60) ** 2 + ((rows - 160) / 48) ** 2 < 1) * opacity
    if edge:
        pixels[..., 3] = cv2.GaussianBlur(pixels[..., 3], (0, 0), edge)
    return Frame(pixels)


def moving(**channels):
    values = STILL.copy()
    for name, value in channels.items():
        values[CHANNELS.index(name)] = value
    return values


def test_a_still_mask_is_itself_and_the_rest_is_the_frame():
    frame, cloth = bare(), mask()
    laid = Overlay(cloth, face()).composite(frame, face(), STILL)
    opaque = cloth.pixels[..., 3] == 255
    np.testing.assert_array_equal(laid.pixels[opaque], cloth.pixels[opaque][:, :3])
    clear = cloth.pixels[..., 3] == 0
    np.testing.assert_array_equal(laid.pixels[clear], frame.pixels[clear])


def test_soft_edges_and_transparency_mix():
    frame, cloth = bare(), mask(edge=3, opacity=180)
    laid = Overlay(cloth, face()).composite(frame, face(), STILL)
    share = cloth.pixels[..., 3:] / 255
    wanted = cloth.pixels[..., :3] * share + frame.pixels * (1 - share)
    assert np.abs(laid.pixels - wanted).max() <= 1


def test_an_open_jaw_takes_the_lower_mask_down_and_leaves_the_upper():
    frame, cloth = bare(), mask()
    overlay = Overlay(cloth, face())
    closed = overlay.composite(frame, face(), STILL).pixels.astype(int)
    opened = overlay.composite(frame, face(), moving(jawOpen=0.8)).pixels.astype(int)
    change = np.abs(opened - closed).max(axis=2)
    assert change[:118].max() == 0
    drop = (closed[178, 100, 0] - opened[178, 100, 0]) * HEIGHT / 255
    assert 10 <= drop <= 20
    lowest = max(np.flatnonzero((opened[:, 100] != frame.pixels[:, 100]).any(axis=1)))
    assert lowest > np.flatnonzero(cloth.pixels[:, 100, 3])[-1] + 8


def test_rounded_lips_narrow_the_middle():
    overlay = Overlay(mask(), face())
    wide = overlay.composite(bare(), face(), moving(mouthStretchLeft=1, mouthStretchRight=1)).pixels
    narrow = overlay.composite(bare(), face(), moving(mouthPucker=1)).pixels
    still = overlay.composite(bare(), face(), STILL).pixels
    column, right_of_mouth = 1, (152, 116)
    assert wide[right_of_mouth][column] < still[right_of_mouth][column] - 2
    assert narrow[right_of_mouth][column] > still[right_of_mouth][column] + 2


def test_it_follows_a_head_that_moves():
    moved = face(shift=(14, -9))
    laid = Overlay(mask(), face()).composite(bare(), moved, STILL)
    still = Overlay(mask(), face()).composite(bare(), face(), STILL)
    inside = (slice(140, 180), slice(80, 120))
    there = (slice(131, 171), slice(94, 134))
    np.testing.assert_allclose(laid.pixels[there], still.pixels[inside], atol=1)


def test_what_is_transparent_becomes_covered():
    frame, cloth = bare(alpha=True), mask()
    laid = Overlay(cloth, face()).composite(frame, face(), STILL)
    opaque = cloth.pixels[..., 3] == 255
    assert (laid.pixels[opaque][:, 3] == 255).all()
    np.testing.assert_array_equal(laid.pixels[~opaque], frame.pixels[~opaque])


def test_without_a_face_it_stays():
    laid = Overlay(mask(), face()).composite(bare(), None, moving(jawOpen=1))
    still = Overlay(mask(), face()).composite(bare(), face(), STILL)
    np.testing.assert_array_equal(laid.pixels, still.pixels)


def test_the_same_twice_and_the_frame_is_left_alone():
    frame = bare()
    before = frame.pixels.copy()
    overlay = Overlay(mask(), face())
    first = overlay.composite(frame, face(), moving(jawOpen=0.5))
    second = overlay.composite(frame, face(), moving(jawOpen=0.5))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(frame.pixels, before)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match="200"):
        Overlay(mask(), face()).composite(Frame(np.zeros((50, 50, 3), np.uint8)), face(), STILL)
