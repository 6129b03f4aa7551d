"""What shows through a transparent avatar."""

import numpy as np
import pytest
from PIL import Image

from masktalk.compose.background import Background, read_background
from masktalk.errors import OptionError
from masktalk.types import Frame


def see_through():
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, 20:40, 3] = 128
    pixels[:, 40:, 3] = 255
    return Frame(pixels)


@pytest.mark.parametrize("colour", ["#0000ff", "blue", "rgb(0, 0, 255)"])
def test_a_colour_shows_through(colour):
    laid = read_background(colour).behind(see_through()).pixels
    assert laid.shape == (40, 60, 3)
    assert (laid[:, :20] == (0, 0, 255)).all()
    assert (laid[:, 40:] == (200, 0, 0)).all()
    assert (np.abs(laid[:, 20:40].astype(int) - (100, 0, 127)) <= 1).all()


def test_a_picture_covers_the_frame_and_keeps_its_middle(tmp_path):
    picture = np.zeros((50, 200, 3), np.uint8)
    picture[:, 90:110] = (0, 255, 0)
    Image.fromarray(picture).save(tmp_path / "wall.png")
    laid = read_background(str(tmp_path / "wall.png")).behind(see_through()).pixels
    assert laid.shape == (40, 60, 3)
    assert (laid[20, 0] == 0).all()
    middle = Frame(np.zeros((40, 60, 4), np.uint8))
    green = read_background(str(tmp_path / "wall.png")).behind(middle).pixels[20, 30]
    assert green[1] > 200
    assert green[0] < 50


def test_an_opaque_frame_stays_as_it_is():
    frame = Frame(np.zeros((4, 4, 3), np.uint8))
    assert Background(np.zeros((1, 1, 3), np.uint8)).behind(frame) is frame


def test_neither_colour_nor_file():
    with pytest.raises(OptionError, match=r"nowhere\.png"):
        read_background("nowhere.png")
