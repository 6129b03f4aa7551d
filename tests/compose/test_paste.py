"""Pasting: exact at both ends, in between within a grey level of plain arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

from masktalk.compose import paste
from masktalk.types import Frame, Patch


@pytest.fixture
def random():
    return np.random.default_rng(7)


def make_frame(random, channels=3):
    return Frame(random.integers(0, 256, (40, 50, channels), dtype=np.uint8))


def make_patch(random, x, y, alpha=None):
    pixels = random.integers(0, 256, (16, 20, 4), dtype=np.uint8)
    if alpha is not None:
        pixels[..., 3] = alpha
    return Patch(pixels, x, y)


def test_no_patch_leaves_the_frame_as_it_is(random):
    frame = make_frame(random)
    result = paste(frame, None, Fraction(1, 25))
    assert (result.pixels == frame.pixels).all()
    assert result.time == Fraction(1, 25)


@pytest.mark.parametrize(("x", "y"), [(5, 5), (-7, 3), (40, 30), (-3, -9), (45, 38)])
def test_mixing_matches_plain_arithmetic_and_nothing_else_changes(random, x, y):
    frame, patch = make_frame(random), make_patch(random, x, y)
    expected = frame.pixels.astype(float)
    for row in range(16):
        for column in range(20):
            if 0 <= y + row < 40 and 0 <= x + column < 50:
                alpha = patch.pixels[row, column, 3] / 255
                below = expected[y + row, x + column]
                expected[y + row, x + column] = (
                    alpha * patch.pixels[row, column, :3] + (1 - alpha) * below
                )
    result = paste(frame, patch, Fraction(0))
    assert np.abs(result.pixels - expected).max() <= 0.51
    outside = np.ones((40, 50), bool)
    outside[max(y, 0) : max(y + 16, 0), max(x, 0) : max(x + 20, 0)] = False
    assert (result.pixels[outside] == frame.pixels[outside]).all()


def test_alpha_ends_are_exact(random):
    frame = make_frame(random)
    none, full = make_patch(random, 4, 6, alpha=0), make_patch(random, 4, 6, alpha=255)
    assert (paste(frame, none, Fraction(0)).pixels == frame.pixels).all()
    pasted = paste(frame, full, Fraction(0)).pixels[6:22, 4:24]
    assert (pasted == full.pixels[..., :3]).all()


def test_the_source_frame_is_never_written_to(random):
    frame = make_frame(random)
    before = frame.pixels.copy()
    paste(frame, make_patch(random, 0, 0, alpha=255), Fraction(0))
    assert (frame.pixels == before).all()


def test_a_patch_wholly_outside_changes_nothing(random):
    frame = make_frame(random)
    assert (paste(frame, make_patch(random, 90, 0), Fraction(0)).pixels == frame.pixels).all()


def test_transparency_changes_only_through_the_matte(random):
    frame = make_frame(random, channels=4)
    patch = make_patch(random, 5, 5, alpha=255)
    assert (paste(frame, patch, Fraction(0)).pixels[..., 3] == frame.pixels[..., 3]).all()
    matte = random.integers(0, 256, (16, 20), dtype=np.uint8)
    with_matte = Patch(patch.pixels, 5, 5, matte)
    result = paste(frame, with_matte, Fraction(0)).pixels
    assert (result[5:21, 5:25, 3] == matte).all()
