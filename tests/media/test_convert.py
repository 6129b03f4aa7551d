"""The pixel conversions against the standards' own formulas."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masktalk.media import Color
from masktalk.media.convert import FromRgb, ToRgb
from masktalk.media.orientation import Layout
from masktalk.media.planes import plane_views
from tests.media.conftest import smooth

#: Kr and Kb of ITU-R BT.601, BT.709 and BT.2020.
WEIGHTS = {"smpte170m": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}
RANGES = ["limited", "full"]


def yuv(rgb, matrix, value_range):
    """Y, Cb, Cr of (..., 3) RGB by the standard's formula, not rounded."""
    kr, kb = WEIGHTS[matrix]
    red, green, blue = (rgb[..., index].astype(float) for index in range(3))
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if value_range == "full":
        return luma, cb + 128, cr + 128
    return luma * 219 / 255 + 16, cb * 224 / 255 + 128, cr * 224 / 255 + 128


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("value_range", RANGES)
def test_numbers_are_the_standard_s(matrix, value_range):
    color = Color(matrix=matrix, range=value_range)
    colours = np.random.default_rng(1).integers(0, 256, (200, 3), dtype=np.uint8)
    for colour in colours:
        pixels = np.full((16, 16, 3), colour, np.uint8)
        frame = FromRgb(color, "yuv420p", (16, 16))(pixels)
        made = [view.astype(float) for view in plane_views(frame)]
        for plane, wanted in zip(made, yuv(colour, matrix, value_range), strict=True):
            assert np.abs(plane - wanted).max() <= 1.05  # swscale cuts off full range chroma
        back = ToRgb(color, Layout((16, 16)), alpha=False)(frame)
        assert np.abs(back.astype(int) - colour).max() <= 3  # the step of limited range chroma


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("value_range", RANGES)
def test_planes_survive_the_way_over_rgb_within_a_level(matrix, value_range):
    color = Color(matrix=matrix, range=value_range)
    from_rgb = FromRgb(color, "yuv420p", (96, 64))
    once = from_rgb(smooth())
    again = from_rgb(ToRgb(color, Layout((96, 64)), alpha=False)(once))
    for before, after in zip(plane_views(once), plane_views(again), strict=True):
        off = np.abs(before.astype(int) - after)
        # Interpolating and averaging chroma smooths its few sharpest peaks.
        assert off.max() <= (1 if before.shape == (64, 96) else 2)
        assert np.mean(off > 1) < 0.01


def test_tags_are_written_on_frames():
    color = Color("smpte170m", "bt470bg", "gamma28", "full")
    assert Color.of(FromRgb(color, "yuv420p", (96, 64))(smooth())) == color


def test_an_odd_picture_is_padded_with_its_own_edge():
    pixels = smooth(97, 65)
    frame = FromRgb(Color(), "yuv420p", (98, 66))(pixels)
    luma = plane_views(frame)[0].astype(int)
    assert np.array_equal(luma[:, 97], luma[:, 96])
    assert np.array_equal(luma[65], luma[64])


def test_a_colour_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="matrix is one of"):
        Color(matrix="purple")


@given(st.sampled_from(["bt709", "bt2020nc", "unspecified"]), st.sampled_from(RANGES))
def test_colours_survive_json(matrix, value_range):
    color = Color(matrix=matrix, range=value_range)
    assert Color(**color.as_dict()) == color


def test_an_unspecified_matrix_is_read_as_601():
    frame = FromRgb(Color("smpte170m"), "yuv420p", (96, 64))(smooth())
    layout = Layout((96, 64))
    plain = ToRgb(Color("unspecified"), layout, alpha=False)(frame)
    assert np.array_equal(plain, ToRgb(Color("smpte170m"), layout, alpha=False)(frame))
    assert isinstance(frame, av.VideoFrame)
