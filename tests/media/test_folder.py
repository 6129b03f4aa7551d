"""Folders of frames."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from masktalk.errors import MediaError
from masktalk.media import open_source
from masktalk.media.folder import natural_key


def fill(folder, names, size=(32, 24)):
    for index, name in enumerate(names):
        Image.new("RGB", size, (index * 10, 0, 0)).save(folder / name)


@pytest.mark.parametrize(
    "names",
    [
        ["f1.png", "f2.png", "f10.png"],
        ["1.png", "02.png", "003.png", "10.png", "100.png"],
        ["take1_frame9.png", "take1_frame10.png", "take2_frame1.png"],
        ["anna.png", "bert.png", "carl.jpg"],
    ],
)
def test_frames_come_in_the_order_of_their_numbers(tmp_path, names):
    fill(tmp_path, names)
    source = open_source(tmp_path)
    frames = list(source.frames())
    assert source.frame_count == len(frames) == len(names)
    assert [round(frame.pixels[0, 0, 0] / 10) for frame in frames] == list(range(len(names)))
    assert [frame.time for frame in frames] == [Fraction(i, 25) for i in range(len(names))]


def test_the_rate_can_be_given(tmp_path):
    fill(tmp_path, ["1.png", "2.png"])
    rate = Fraction(24000, 1001)
    assert [frame.time for frame in open_source(tmp_path, fps=rate).frames()] == [0, 1 / rate]


def test_other_files_are_not_frames(tmp_path):
    fill(tmp_path, ["1.png"])
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_text("not a picture")
    (tmp_path / "sub.png").mkdir()
    assert open_source(tmp_path).frame_count == 1


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="holds no pictures"):
        open_source(tmp_path)


def test_a_frame_of_another_size_is_named(tmp_path):
    fill(tmp_path, ["1.png"])
    fill(tmp_path, ["2.png"], size=(32, 26))
    with pytest.raises(MediaError, match=r"2\.png: is 32x26, but 1\.png is 32x24"):
        list(open_source(tmp_path).frames())


def test_a_frame_that_lacks_alpha_is_named(tmp_path):
    Image.new("RGBA", (32, 24)).save(tmp_path / "1.png")
    Image.new("RGB", (32, 24)).save(tmp_path / "2.png")
    with pytest.raises(MediaError, match=r"2\.png: lacks an alpha channel"):
        list(open_source(tmp_path).frames())


def test_a_digest_follows_every_frame(tmp_path):
    fill(tmp_path, ["1.png", "2.png"])
    before = open_source(tmp_path).digest()
    assert open_source(tmp_path).digest() == before
    Image.fromarray(np.full((24, 32, 3), 7, np.uint8)).save(tmp_path / "2.png")
    assert open_source(tmp_path).digest() != before


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_can_be_sorted(names):
    assert sorted(sorted(names, key=natural_key)) == sorted(names)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_sort_as_numbers(a, b):
    assert (natural_key(f"frame{a}.png") < natural_key(f"frame{b}.png")) == (a < b)
