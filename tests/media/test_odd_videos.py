"""Videos that real files hold: several tracks, other sizes half-way, fields, HDR, no stamps."""

from fractions import Fraction

import av
import numpy as np
import pytest

from masktalk.errors import EncoderError
from masktalk.media import FrameStore, Writer, WriterOptions, open_source
from masktalk.media.constant_frame_rate import estimate_frame_rate
from masktalk.media.planes import plane_views
from tests.media.conftest import smooth


def opened(out, pictures, codec="libx264", **options):
    stream = out.add_stream(codec, rate=25, options={"crf": "10", "bf": "0", **options})
    stream.height, stream.width = pictures[0].shape[:2]
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return stream


def encode(out, pictures, stream=None, first=0, **options):
    stream = stream or opened(out, pictures, **options)
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = first + index, Fraction(1, 25)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


@pytest.mark.parametrize("small_first", [True, False])
def test_the_moving_track_is_taken(tmp_path, small_first):
    path = tmp_path / "tracks.mkv"
    with av.open(str(path), "w") as out:
        thumbnail = [np.zeros((160, 320, 3), np.uint8)], "mjpeg"
        moving = [smooth(96, 64, shift) for shift in range(20)], "libx264"
        tracks = (thumbnail, moving) if small_first else (moving, thumbnail)
        streams = [opened(out, *track) for track in tracks]
        for (pictures, _), stream in zip(tracks, streams, strict=True):
            encode(out, pictures, stream)
    source = open_source(path)
    assert (source.width, source.height, source.frame_count) == (96, 64, 20)


def test_the_larger_of_two_moving_tracks_is_taken_and_named(tmp_path, caplog):
    path = tmp_path / "tracks.mkv"
    with av.open(str(path), "w") as out:
        tracks = [[smooth(*size, shift) for shift in range(20)] for size in ((48, 32), (96, 64))]
        streams = [opened(out, pictures) for pictures in tracks]
        for pictures, stream in zip(tracks, streams, strict=True):
            encode(out, pictures, stream)
    source = open_source(path)
    assert (source.width, source.height) == (96, 64)
    assert "2 video tracks; used stream 1 (96x64)" in caplog.text


def test_another_size_half_way_is_fitted_with_borders(tmp_path):
    whole = b""
    for number, size in enumerate(((96, 96), (96, 48))):
        part = tmp_path / f"{number}.ts"
        pictures = [np.full((*size, 3), 200, np.uint8)] * 10
        with av.open(str(part), "w", format="mpegts") as out:
            encode(out, pictures, first=10 * number)
        whole += part.read_bytes()
    path = tmp_path / "turned.ts"
    path.write_bytes(whole)
    source = open_source(path)
    frames = [frame.pixels for frame in source.frames()]
    assert source.rate == 25
    assert len(frames) == 20
    assert all(frame.shape == (96, 96, 3) for frame in frames)
    assert frames[0].min() > 190
    assert frames[-1][:, :20].max() < 10
    assert frames[-1][:, -20:].max() < 10
    assert frames[-1][:, 30:66].min() > 190
    with FrameStore.create(tmp_path, source) as store:
        assert np.array_equal(store.frame(15).pixels, frames[15])


def test_fields_become_whole_frames(tmp_path):
    woven = []
    for index in range(20):
        picture = smooth(128, 96, 8 * index)
        picture[1::2] = smooth(128, 96, 8 * index + 4)[1::2]
        woven.append(picture)
    path = tmp_path / "fields.mp4"
    with av.open(str(path), "w") as out:
        encode(out, woven, **{"x264-params": "tff=1:interlaced=1"})
    source = open_source(path)
    frames = [frame.pixels for frame in source.frames()]
    assert (source.rate, len(frames)) == (25, 20)

    def combs(picture):
        rows = picture.astype(float)
        return np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean()

    assert combs(frames[10]) < 0.35 * combs(woven[10])


def hdr_frame(grey, transfer):
    """A 10 bit BT.2020 frame of one grey, 1 for diffuse white."""
    if transfer == 18:
        light = grey * 0.265
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        signal = np.sqrt(3 * light) if light <= 1 / 12 else a * np.log(12 * light - b) + c
    else:
        y = (grey * 203 / 10000) ** 0.1593017578
        signal = ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    frame = av.VideoFrame(64, 64, "yuv420p10le")
    for plane, value in zip(frame.planes, (signal * 876 + 64, 512, 512), strict=True):
        rows = np.full((plane.height, plane.line_size // 2), round(value), "<u2")
        plane.update(rows.tobytes())
    return frame


@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize(("grey", "code"), [(0.0, 0), (0.19, 128), (0.5, 191), (1.0, 243)])
def test_hdr_is_tone_mapped(tmp_path, transfer, grey, code):
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc = 9, transfer
        context.colorspace, context.color_range = 9, 1
        for index in range(3):
            frame = hdr_frame(grey, transfer)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    source = open_source(path)
    assert source.color.transfer == "bt709"
    assert source.pixel_format == "yuv420p"
    pixels = next(source.frames()).pixels
    assert np.abs(pixels.astype(int) - code).max() <= 4


def test_stamps_that_are_all_equal_give_the_nominal_rate(tmp_path):
    path = tmp_path / "stampless.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for index in range(30):
            frame = av.VideoFrame.from_ndarray(smooth(shift=index), "rgb24")
            for packet in stream.encode(frame.reformat(format="yuvj420p")):
                packet.pts = packet.dts = 0
                out.mux(packet)
    source = open_source(path)
    assert source.frame_count == 30
    with FrameStore.create(tmp_path, source) as store:
        assert store.frame_count == 30
        assert store.frame(29).pixels.shape == (64, 96, 3)


def test_a_missing_piece_is_no_other_rate():
    tick = Fraction(1, 90000)
    times = [Fraction(i, 25) for i in range(25)]
    overlap = times + [Fraction(i, 25) - Fraction(7, 1000) for i in range(25, 50)]
    assert estimate_frame_rate(overlap, tick, Fraction(1225, 47)) == 25


def test_picture_and_sound_share_the_zero_of_their_file(tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as out:
        audio = out.add_stream("pcm_s16le", rate=48000)
        audio.codec_context.layout = "mono"
        video = out.add_stream("libx264", rate=25, options={"bf": "0"})
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        for start in range(0, 96000, 960):
            frame = av.AudioFrame.from_ndarray(np.full((1, 960), 9, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            out.mux(audio.encode(frame))
        for index in range(25, 50):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 5 * index, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    frames = [frame.pixels.mean() for frame in open_source(path).frames()]
    assert len(frames) == 50
    assert abs(frames[0] - frames[25]) < 2
    assert frames[40] > frames[25] + 50


HLG = {
    "codec": "libx265",
    "pixel_format": "yuv420p10le",
    "tags": (9, 9, 18, 1),
    "options": {"x265-params": "log-level=none:lossless=1"},
}


def test_hdr_is_kept_in_ten_bits_where_it_is_asked_for(make_video, tmp_path):
    source = open_source(make_video(**HLG), keep_hdr=True)
    assert (source.pixel_format, source.color.transfer) == ("yuv420p10le", "arib-std-b67")
    options = WriterOptions(96, 64, Fraction(25), color=source.color, crf=1)
    with FrameStore.create(tmp_path, source) as kept, Writer(tmp_path / "out.mp4", options) as out:
        for index in range(kept.frame_count):
            frame = kept.frame(index)
            out.write(frame.with_region(8, 8, np.full((16, 16, 3), 200, np.uint8)))
    planes = [plane_views(frame)[0].astype(int) for frame in source.decoded_frames()]
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.color_trc) == ("hevc", "yuv420p10le", 18)
        assert stream.codec_context.codec_tag == "hvc1"
        for before, frame in zip(planes, container.decode(stream), strict=True):
            after = plane_views(frame)[0].astype(int)
            assert np.abs(after - before)[32:].mean() < 1
            assert np.abs(after[12:20, 12:20] - (64 + 876 * 200 / 255)).mean() < 4
            assert len(np.unique(after % 4)) == 4


def test_hdr_needs_a_container_that_keeps_it(make_video, tmp_path):
    color = open_source(make_video(**HLG), keep_hdr=True).color
    with pytest.raises(EncoderError, match=r"\.webm keeps no HDR; use \.mp4, \.mov or \.mkv"):
        Writer(tmp_path / "out.webm", WriterOptions(96, 64, Fraction(25), color=color))
