"""The fast path over rectangles of planes against the plain path over whole frames."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masktalk.media import Color, open_source
from masktalk.media.convert import FromRgb, ToRgb
from masktalk.media.frames import EditedFrame, SourceFrame, Stored
from masktalk.media.orientation import Layout, Orientation
from masktalk.media.planes import copied, plane_views, turned, turns_planes
from masktalk.types import Frame
from tests.media.conftest import quadrants, smooth

WIDTH, HEIGHT = 96, 64
COLOR = Color()


def noise(height, width, channels=3):
    return np.random.default_rng(3).integers(0, 256, (height, width, channels), dtype=np.uint8)


def stored_frame(pixel_format="yuv420p", pixels=None, size=(WIDTH, HEIGHT)):
    alpha = pixel_format.startswith("yuva")
    pixels = noise(size[1], size[0], 4 if alpha else 3) if pixels is None else pixels
    decoded = FromRgb(COLOR, pixel_format, size)(pixels)
    return SourceFrame(Stored(decoded, ToRgb(COLOR, Layout(size), alpha)), Fraction(1, 25))


boxes = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1),
    st.integers(1, WIDTH), st.integers(1, HEIGHT),
).map(lambda b: (b[0], b[1], min(b[0] + b[2], WIDTH), min(b[1] + b[3], HEIGHT)))  # fmt: skip


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuva420p", "yuv444p", "yuv420p10le"])
@settings(deadline=None, max_examples=60)
@given(box=boxes)
def test_a_region_equals_a_cut_of_the_whole(pixel_format, box):
    left, top, right, bottom = box
    region = stored_frame(pixel_format).region(left, top, right, bottom)
    whole = stored_frame(pixel_format).pixels
    assert np.array_equal(region, whole[top:bottom, left:right])


@settings(deadline=None, max_examples=60)
@given(asked=st.lists(boxes, min_size=2, max_size=5))
def test_regions_of_one_frame_do_not_disturb_one_another(asked):
    frame, whole = stored_frame(), stored_frame().pixels
    for left, top, right, bottom in asked:
        assert np.array_equal(frame.region(left, top, right, bottom), whole[top:bottom, left:right])


@settings(deadline=None, max_examples=60)
@given(box=boxes, other=boxes)
def test_edits_show_in_pixels_and_regions(box, other):
    frame: Frame = stored_frame()
    plain = frame.pixels.copy()
    for shade, (left, top, right, bottom) in ((10, box), (200, other)):
        edit = np.full((bottom - top, right - left, 3), shade, np.uint8)
        frame = frame.with_region(left, top, edit)
        plain[top:bottom, left:right] = edit
    assert isinstance(frame, EditedFrame)
    left, top, right, bottom = other
    assert np.array_equal(frame.region(left, top, right, bottom), plain[top:bottom, left:right])
    assert np.array_equal(frame.region(0, 0, WIDTH, HEIGHT), plain)
    assert np.array_equal(frame.at(Fraction(3)).pixels, plain)
    assert frame.at(Fraction(3)).time == 3


@settings(deadline=None, max_examples=60)
@given(box=boxes)
def test_planes_with_an_edit_are_those_of_the_plain_way(box):
    left, top, right, bottom = box
    frame = stored_frame(pixels=smooth())
    from_rgb = FromRgb(COLOR, "yuv420p", (WIDTH, HEIGHT))
    edited = frame.with_region(left, top, smooth(right - left, bottom - top, shift=40))
    fast = copied(frame.stored.decoded, "yuv420p")
    edited.paste_into(fast, from_rgb)
    plain = from_rgb(edited.pixels)
    # Chroma next to an edit is filtered with it in the plain way; see also test_convert on the
    # rounding that the plain way adds everywhere.
    for index, (one, two) in enumerate(zip(plane_views(fast), plane_views(plain), strict=True)):
        step = 2 if index else 1
        near = np.zeros(one.shape, bool)
        rows = slice(max(top // step - 2, 0), bottom // step + 3)
        near[rows, max(left // step - 2, 0) : right // step + 3] = bool(index)
        off = np.abs(one.astype(int) - two)
        assert off[~near].max(initial=0) <= (2 if index else 1)
        assert np.sum(off[~near] > 1) <= 0.02 * off.size


def test_what_is_not_edited_keeps_its_planes():
    frame = stored_frame()
    fast = copied(frame.stored.decoded, "yuv420p")
    frame.with_region(21, 11, noise(10, 20)).paste_into(fast, FromRgb(COLOR, "yuv420p", (96, 64)))
    for index, (now, before) in enumerate(
        zip(plane_views(fast), plane_views(frame.stored.decoded), strict=True)
    ):
        step = 2 if index else 1
        same = now == before
        same[10 // step : 22 // step, 20 // step : 42 // step] = True
        assert same.all()


def test_frames_look_like_frames():
    frame = stored_frame("yuva420p")
    assert (frame.width, frame.height, frame.has_alpha) == (WIDTH, HEIGHT, True)
    assert frame.stored._pixels is None, "asking for the size must not make RGB"
    assert frame.at(Fraction(2)).pixels is frame.pixels, "RGB is made once"
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 0
    picture = SourceFrame(Stored(pixels=noise(8, 8)), Fraction(0))
    assert picture.region(1, 2, 5, 6).shape == (4, 4, 3)
    with pytest.raises(ValueError, match="does not fit a 8x8 frame"):
        picture.with_region(5, 5, noise(4, 4))
    with pytest.raises(ValueError, match="does not fit"):
        picture.with_region(0, 0, noise(4, 4, 4))


def test_plain_frames_have_the_same_methods():
    frame = Frame(noise(8, 8), Fraction(1))
    edited = frame.with_region(2, 3, np.zeros((2, 2, 3), np.uint8))
    assert (edited.region(2, 3, 4, 5) == 0).all()
    assert np.array_equal(edited.pixels[:3], frame.pixels[:3])
    assert edited.at(Fraction(7)).time == 7


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_planes_turn_like_pixels(mirrored, quarters):
    orientation = Orientation(mirrored, quarters)
    frame = FromRgb(COLOR, "yuv420p", (WIDTH, HEIGHT))(quadrants())
    assert turns_planes(frame)
    upright = turned(frame, orientation)
    layout = Layout((upright.width, upright.height))
    got = ToRgb(COLOR, layout, alpha=False)(upright).astype(int)
    plain = ToRgb(COLOR, Layout((WIDTH, HEIGHT), orientation), alpha=False)(frame)
    assert got.shape == plain.shape
    # Only where colours meet does it matter in which direction chroma is interpolated first.
    assert np.mean(np.abs(got - plain) > 1) < 0.1


def test_odd_frames_are_not_turned_in_their_planes():
    assert not turns_planes(av.VideoFrame(97, 64, "yuv420p"))
    assert not turns_planes(av.VideoFrame(96, 64, "yuv422p"))


def test_a_video_s_regions_equal_its_pixels(make_video):
    for frame in open_source(make_video(count=3)).frames():
        again = SourceFrame(Stored(frame.stored.decoded, frame.stored.to_rgb), frame.time)
        assert np.array_equal(again.region(11, 7, 53, 40), frame.pixels[7:40, 11:53])
