"""Images that real cameras and programs write: HEIF, animations, opaque alpha, many megapixels."""

import io
import os
import struct
import threading

import av
import numpy as np
import pytest
from PIL import Image

from masktalk.errors import MediaError
from masktalk.media import FrameStore, open_source, read_audio
from tests.media.conftest import corners, quadrants, smooth


def box(kind, *parts, full=None):
    body = (struct.pack(">I", full) if full is not None else b"") + b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def tiled_heif(pixels, tile=64, quarters=0):
    """HEVC tiles that a grid item joins, as phones write them, to be turned by irot."""
    pixels = np.rot90(pixels, -quarters)
    height, width = pixels.shape[:2]
    across, down = width // tile, height // tile
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        parameters = {"crf": "8", "x265-params": "keyint=1:log-level=none"}
        stream = out.add_stream("libx265", rate=25, options=parameters)
        stream.width = stream.height = tile
        stream.pix_fmt, stream.codec_tag = "yuv420p", "hvc1"
        for index in range(across * down):
            y, x = index // across * tile, index % across * tile
            cut = np.ascontiguousarray(pixels[y : y + tile, x : x + tile])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(cut, "rgb24")))
        out.mux(stream.encode(None))
    data = buffer.getvalue()
    at = data.index(b"hvcC") - 4
    setup = data[at : at + struct.unpack(">I", data[at : at + 4])[0]]
    buffer.seek(0)
    with av.open(buffer) as read:
        samples = [bytes(packet) for packet in read.demux(read.streams.video[0]) if packet.size]
    count, main = len(samples), len(samples) + 1
    entry = struct.Struct(">HH4s")
    infe = [
        box(b"infe", entry.pack(i + 1, 0, b"hvc1"), b"\0", full=2 << 24 | 1) for i in range(count)
    ]
    infe.append(box(b"infe", entry.pack(main, 0, b"grid"), b"\0", full=2 << 24))
    tiles = struct.pack(f">HH{count}H", main, count, *range(1, main))
    sizes = [
        box(b"ispe", struct.pack(">II", *size), full=0) for size in ((tile, tile), (width, height))
    ]
    turn = [box(b"irot", bytes([quarters]))] if quarters else []
    links = b"".join(struct.pack(">HB", i + 1, 2) + bytes([0x81, 2]) for i in range(count))
    links += struct.pack(">HB", main, 1 + len(turn)) + bytes([3]) + bytes([0x84] * len(turn))
    properties = box(
        b"iprp", box(b"ipco", setup, *sizes, *turn),
        box(b"ipma", struct.pack(">I", main), links, full=0),
    )  # fmt: skip
    grid = struct.pack(">BBBBHH", 0, 0, down - 1, across - 1, width, height)
    start = box(b"ftyp", b"heic", struct.pack(">I", 0), b"mif1heic")

    def meta(offset):
        places = b""
        for i, sample in enumerate(samples):
            places += struct.pack(">HHHHII", i + 1, 0, 0, 1, offset, len(sample))
            offset += len(sample)
        places += struct.pack(">HHHHII", main, 1, 0, 1, 0, len(grid))
        return box(
            b"meta", box(b"hdlr", struct.pack(">I4s12x", 0, b"pict"), b"\0", full=0),
            box(b"pitm", struct.pack(">H", main), full=0),
            box(b"iloc", struct.pack(">HH", 0x4400, main), places, full=1 << 24),
            box(b"iinf", struct.pack(">H", main), *infe, full=0),
            box(b"iref", box(b"dimg", tiles), full=0), properties, box(b"idat", grid), full=0,
        )  # fmt: skip

    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", *samples)


@pytest.mark.parametrize("quarters", [0, 1, 3])
def test_a_tiled_photo_is_read_whole_and_upright(tmp_path, quarters):
    path = tmp_path / "phone.heic"
    path.write_bytes(tiled_heif(quadrants(192, 128), quarters=quarters))
    source = open_source(path)
    assert (source.kind, source.width, source.height) == ("picture", 192, 128)
    shown = corners(next(source.frames()).pixels)
    for seen, meant in zip(shown, corners(quadrants(192, 128)), strict=True):
        assert np.abs(seen - meant).max() < 30


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_animations_play(tmp_path, suffix):
    path = tmp_path / f"moving.{suffix}"
    pictures = [Image.fromarray(smooth(96, 64, 9 * index)) for index in range(8)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, quality=90)
    source = open_source(path)
    frames = [frame.pixels for frame in source.frames()]
    assert (source.kind, source.rate, source.frame_count, len(frames)) == ("video", 10, 8, 8)
    assert not source.has_alpha
    assert np.abs(frames[5].astype(int) - np.asarray(pictures[5])).mean() < 12
    with FrameStore.create(tmp_path, source) as store:
        assert np.array_equal(store.frame(5).pixels, frames[5])


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_alpha_without_transparency_is_none(tmp_path, suffix):
    opaque, clear = tmp_path / f"o.{suffix}", tmp_path / f"c.{suffix}"
    pixels = np.dstack([smooth(), np.full((64, 96), 255, np.uint8)])
    Image.fromarray(pixels).save(opaque)
    pixels[0, 0, 3] = 0
    Image.fromarray(pixels).save(clear)
    assert not open_source(opaque).has_alpha
    assert open_source(clear).has_alpha


def test_a_gif_without_transparency_has_no_alpha(tmp_path):
    path = tmp_path / "moving.gif"
    pictures = [Image.fromarray(smooth(96, 64, 9 * index)) for index in range(4)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)
    source = open_source(path)
    assert (source.rate, source.has_alpha) == (10, False)
    assert next(source.frames()).pixels.shape == (64, 96, 3)


def test_a_folder_without_transparency_has_no_alpha(tmp_path):
    for index in range(3):
        pixels = np.dstack([smooth(), np.full((64, 96), 255, np.uint8)])
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    source = open_source(tmp_path)
    assert not source.has_alpha
    assert next(source.frames()).pixels.shape == (64, 96, 3)


@pytest.mark.parametrize("size", [(4000, 3000), (8000, 6000), (14000, 14000)])
def test_photos_of_many_megapixels_are_reduced(tmp_path, size):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", size, (200, 90, 30)).save(path, quality=60)
    source = open_source(path)
    assert source.width * source.height <= 4096 * 2160
    assert source.width * source.height > 4096 * 2160 * 0.98
    assert abs(source.width / source.height - size[0] / size[1]) < 0.002


@pytest.mark.parametrize("height", [48, 200])
@pytest.mark.parametrize("alpha", [False, True])
def test_an_image_is_scaled_to_a_height(tmp_path, height, alpha):
    Image.fromarray(quadrants(192, 128, alpha)).save(tmp_path / "p.png")
    source = open_source(tmp_path / "p.png", height=height)
    assert (source.width, source.height) == (height * 3 // 2, height)
    assert source.scale == height / 128
    frame = next(source.frames())
    assert (frame.width, frame.height, frame.has_alpha) == (height * 3 // 2, height, alpha)
    expected = corners(quadrants(192, 128, alpha))
    assert np.abs(np.subtract(corners(frame.pixels), expected)).max() <= 1


def test_a_large_photo_keeps_the_height_that_is_asked_for(tmp_path):
    Image.new("RGB", (4500, 3000), (200, 90, 30)).save(tmp_path / "photo.jpg")
    source = open_source(tmp_path / "photo.jpg", height=3000)
    assert (source.width, source.height, source.scale) == (4500, 3000, 1)
    with FrameStore.create(tmp_path, source) as kept:
        assert kept.frame(0).pixels.shape == (3000, 4500, 3)
    assert open_source(tmp_path / "photo.jpg").scale == pytest.approx(0.809, abs=0.01)


@pytest.mark.parametrize("how", [{}, {"rotation": (90,)}, {"tags": (1, 1, 1, 2)}])
def test_a_video_is_scaled_to_a_height(make_video, tmp_path, how):
    path = make_video(**how, picture=lambda _: quadrants())
    own = open_source(path)
    source = open_source(path, height=own.height * 2)
    assert (source.width, source.height, source.scale) == (own.width * 2, own.height * 2, 2)
    with FrameStore.create(tmp_path, source) as kept:
        for frame in (next(source.frames()), kept.frame(5)):
            assert (
                np.abs(np.subtract(corners(frame.pixels), corners(next(own.frames()).pixels))).max()
                <= 2
            )


def test_what_is_no_file_is_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = []

    def ask():
        for path in (pipe, "-", "https://example.org/talk.mp4"):
            for read in (open_source, read_audio):
                with pytest.raises(MediaError, match=r"pipe|standard input|URL") as caught:
                    read(path)
                said.append(str(caught.value))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(20)
    assert len(said) == 6
