"""Videos come out upright, in order, at an exact constant rate."""

from fractions import Fraction

import av
import numpy as np
import pytest

from masktalk.errors import MediaError
from masktalk.media import open_source
from masktalk.media.orientation import Orientation
from tests.media.conftest import corners, quadrants, smooth

NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)


@pytest.mark.parametrize(
    "rate", [NTSC, FILM, Fraction(25), Fraction(60000, 1001), Fraction(125, 9)]
)
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("count", [2, 50])
def test_rates_are_exact(make_video, rate, suffix, count):
    path = make_video(f"v.{suffix}", rate=rate, count=count, options={"preset": "ultrafast"})
    source = open_source(path)
    assert (source.kind, source.rate, source.frame_count) == ("video", rate, count)
    times = [frame.time for frame in source.frames()]
    assert times == [index / rate for index in range(count)]


@pytest.mark.parametrize("suffix", ["avi", "flv", "ts", "webm", "gif"])
def test_other_containers_are_read(make_video, suffix):
    codec = {"avi": "mpeg4", "webm": "libvpx-vp9", "gif": "gif"}.get(suffix, "libx264")
    form = "rgb8" if suffix == "gif" else "yuv420p"
    source = open_source(make_video(f"v.{suffix}", codec=codec, pixel_format=form))
    assert (source.kind, source.rate, source.frame_count) == ("video", 25, 12)
    assert sum(1 for _ in source.frames()) == 12


def test_frames_follow_one_another(make_video):
    def counter(index):
        return np.full((64, 96, 3), 20 * index, np.uint8)

    path = make_video(picture=counter, options={"bf": "3", "preset": "medium"})
    shown = [int(frame.pixels.mean() / 20 + 0.5) for frame in open_source(path).frames()]
    assert shown == list(range(12))


#: CCW angle, horizontal flip, vertical flip, and what NumPy says of it.
TURNS = [
    ((0,), lambda p: p),
    ((90,), lambda p: np.rot90(p, 1)),
    ((180,), lambda p: np.rot90(p, 2)),
    ((-90,), lambda p: np.rot90(p, 3)),
    ((0, True, False), np.fliplr),
    ((0, False, True), np.flipud),
]


@pytest.mark.parametrize(("rotation", "wanted"), TURNS)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_rotation_is_applied(make_video, rotation, wanted, pixel_format):
    path = make_video(picture=lambda _: quadrants(), rotation=rotation, pixel_format=pixel_format)
    source = open_source(path)
    upright = wanted(quadrants())
    assert (source.height, source.width) == upright.shape[:2]
    for frame in source.frames():
        assert frame.pixels.shape == upright.shape
        for got, colour in zip(corners(frame.pixels), corners(upright), strict=True):
            assert np.abs(got - colour).max() < 12


def test_a_phone_s_display_matrix_is_read():
    # A phone held upright writes x' = -y, y' = x (ISO/IEC 14496-12): a quarter turn clockwise.
    matrix = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], np.int32)
    assert Orientation.from_matrix(matrix) == Orientation(mirrored=False, quarters=3)
    transposed = np.array([0, 1, 0, 1, 0, 0, 0, 0, 1], np.int32)
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(Orientation.from_matrix(transposed).apply(picture), picture.T)


def test_pixels_that_are_not_square_are_made_square(make_video):
    source = open_source(make_video(aspect=Fraction(16, 11), picture=lambda _: quadrants()))
    assert (source.width, source.height) == (140, 64)
    assert next(source.frames()).pixels.shape == (64, 140, 3)


def test_variable_frame_rate_becomes_constant(make_video):
    # 30 fps with a hole of half a second and one hurried frame.
    stamps = [0, 33, 67, 100, 133, 633, 667, 700, 705, 733, 767, 800]
    colours = [20 * index for index in range(12)]
    path = make_video(
        "vfr.mkv",
        stamps=stamps,
        picture=lambda index: np.full((64, 96, 3), colours[index], np.uint8),
        options={"bf": "0"},
    )
    source = open_source(path)
    assert source.rate == 30
    frames = list(source.frames())
    assert len(frames) == source.frame_count == 25
    assert [frame.time for frame in frames] == [Fraction(index, 30) for index in range(25)]
    shown = [round(float(frame.pixels.mean()) / 20) for frame in frames]
    assert shown == [0, 1, 2, 3, *[4] * 15, 5, 6, 8, 9, 10, 11]


def test_a_rate_can_be_asked_for(make_video):
    source = open_source(make_video(count=25), fps=Fraction(10))
    assert (source.rate, source.frame_count) == (10, 10)
    assert [frame.time for frame in source.frames()] == [Fraction(i, 10) for i in range(10)]
    assert open_source(make_video("w.mp4", count=25), fps=Fraction(50)).frame_count == 50


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "off"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p", 1),
        ("a.mov", "prores_ks", "yuva444p10le", 1),
        ("png.mov", "png", "rgba", 0),
        ("animation.mov", "qtrle", "argb", 0),
        ("ffv1.mkv", "ffv1", "bgra", 0),
    ],
)
def test_alpha_is_kept(make_video, name, codec, pixel_format, off):
    path = make_video(
        name, codec=codec, pixel_format=pixel_format, picture=lambda _: quadrants(alpha=True)
    )
    source = open_source(path)
    assert source.has_alpha
    for frame in source.frames():
        assert frame.has_alpha
        alpha = [int(corner[3]) for corner in corners(frame.pixels)]
        assert np.abs(np.array(alpha) - (0, 255, 128, 255)).max() <= off


@pytest.mark.parametrize(
    ("pixel_format", "codec"),
    [
        ("yuv420p10le", "libx264"), ("yuv422p", "libx264"), ("yuv444p", "libx264"),
        ("gray", "ffv1"), ("rgb24", "libx264rgb"), ("yuv420p16le", "ffv1"), ("rgb24", "png"),
    ],
)  # fmt: skip
def test_pixel_formats_are_read(make_video, pixel_format, codec):
    options = {"qp": "1"} if codec.startswith("libx264") else {}
    name = "v.mov" if codec == "png" else "v.mkv"
    path = make_video(name, codec=codec, pixel_format=pixel_format, options=options)
    frame = next(open_source(path).frames())
    wanted = smooth().astype(int)
    if pixel_format == "gray":
        wanted = np.repeat(wanted @ [[0.299], [0.587], [0.114]], 3, axis=2)
    assert np.abs(frame.pixels - wanted).mean() < 3


@pytest.mark.parametrize("size", [(97, 65), (98, 65), (97, 64)])
def test_odd_sizes_are_read(make_video, size):
    source = open_source(make_video("v.webm", codec="libvpx-vp9", size=size))
    assert (source.width, source.height) == size
    assert next(source.frames()).pixels.shape == (size[1], size[0], 3)


def test_a_video_is_read_lazily_and_again(make_video):
    source = open_source(make_video())
    frames = source.frames()
    first = next(frames)
    frames.close()
    assert np.array_equal(next(source.frames()).pixels, first.pixels)


def test_a_cover_picture_is_not_the_video(make_video, tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="has no video stream"):
        open_source(path)
