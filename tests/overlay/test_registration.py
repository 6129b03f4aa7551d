"""From the pictures a person has to a mask in the bare picture's frame."""

import cv2
import numpy as np
import pytest

from masktalk.errors import InputError
from masktalk.overlay.registration import MaskPictures, make_overlay
from masktalk.types import Frame

WIDTH, HEIGHT = 240, 300


def bare():
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (19, 15, 3), np.uint8)
    pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return Frame(pixels)


def matte(edge=1.2):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    solid = (((columns - 120) / 62) ** 2 + ((rows - 200) / 50) ** 2 < 1) * np.float32(255)
    return np.rint(cv2.GaussianBlur(solid, (0, 0), edge)).astype(np.uint8)


def cloth():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([30 + rows // 5, 40 + columns // 6, 90 + rows * 0], axis=-1)
    return pixels.astype(np.uint8)


def masked(alpha=None):
    share = (matte() if alpha is None else alpha)[..., None] / 255
    return Frame(np.rint(cloth() * share + bare().pixels * (1 - share)).astype(np.uint8))


def cutout():
    return Frame(np.dstack([cloth(), matte()]))


def laid(overlay):
    share = overlay.pixels[..., 3:] / 255
    return overlay.pixels[..., :3] * share + bare().pixels * (1 - share)


def test_a_cutout_of_the_same_size_is_taken_as_it_is():
    overlay = make_overlay(MaskPictures(bare(), mask=cutout()))
    np.testing.assert_array_equal(overlay.pixels, cutout().pixels)


def test_a_matte_takes_the_masks_own_colour_even_at_soft_edges():
    grey = Frame(np.repeat(matte(6.0)[..., None], 3, axis=2))
    given = MaskPictures(bare(), masked(matte(6.0)), grey)
    overlay = make_overlay(given)
    np.testing.assert_array_equal(overlay.pixels[..., 3], matte(6.0))
    half = (matte(6.0) > 64) & (matte(6.0) < 192)
    assert np.abs(overlay.pixels[half][:, :3].astype(int) - cloth()[half]).mean() < 3
    assert np.abs(laid(overlay) - masked(matte(6.0)).pixels).max() <= 2


def test_a_matte_with_hard_edges_is_softened_inwards():
    hard = np.where(matte() > 127, 255, 0).astype(np.uint8)
    overlay = make_overlay(MaskPictures(bare(), masked(hard), Frame(np.dstack([hard] * 3))))
    alpha = overlay.pixels[..., 3]
    assert (alpha[hard == 0] == 0).all()
    assert ((alpha > 20) & (alpha < 235)).sum() > 200


def test_two_pictures_alone_tell_the_mask():
    overlay = make_overlay(MaskPictures(bare(), masked()))
    alpha = overlay.pixels[..., 3]
    assert ((alpha > 127) != (matte() > 127)).mean() < 0.01
    assert np.abs(laid(overlay) - masked().pixels).mean() < 1


def test_pictures_that_are_shifted_turned_and_scaled_are_registered():
    angle = np.deg2rad(1.5)
    there = np.array(
        [
            [1.04 * np.cos(angle), -np.sin(angle), 9.0],
            [np.sin(angle), 1.04 * np.cos(angle), -6.0],
        ]
    )
    size = (WIDTH, HEIGHT)
    moved = cv2.warpAffine(
        masked().pixels, there, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    overlay = make_overlay(MaskPictures(bare(), Frame(moved)))
    assert ((overlay.pixels[..., 3] > 127) != (matte() > 127)).mean() < 0.02


def test_a_masked_picture_of_another_size_is_registered():
    larger = cv2.resize(masked().pixels, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    cut = cv2.resize(cutout().pixels, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_LINEAR)
    overlay = make_overlay(MaskPictures(bare(), Frame(larger), Frame(cut)))
    assert overlay.pixels.shape == (HEIGHT, WIDTH, 4)
    assert np.abs(overlay.pixels[..., 3].astype(int) - matte()).mean() < 2


def test_a_matte_alone_cuts_the_mask_out_of_the_avatar_itself():
    grey = Frame(np.repeat(matte()[..., None], 3, axis=2))
    overlay = make_overlay(MaskPictures(masked(), mask=grey))
    inside = matte() == 255
    np.testing.assert_array_equal(overlay.pixels[inside][:, :3], masked().pixels[inside])


@pytest.mark.parametrize("level", [0, 255])
def test_a_matte_of_everything_or_nothing_is_refused(level):
    flat = Frame(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    with pytest.raises(InputError, match=r"mask\.png"):
        make_overlay(MaskPictures(bare(), mask=flat), name="mask.png")


def test_two_equal_pictures_hold_no_mask():
    with pytest.raises(InputError, match="covers nothing"):
        make_overlay(MaskPictures(bare(), bare()))


def test_pictures_of_two_scenes_hold_no_mask():
    other = Frame(np.ascontiguousarray(bare().pixels[::-1, ::-1]))
    with pytest.raises(InputError, match=r"masked\.png: .*differ everywhere"):
        make_overlay(MaskPictures(bare(), other), name="masked.png")
