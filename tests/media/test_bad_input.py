"""Whatever is wrong with a file ends in one clear line that names it."""

import numpy as np
import pytest
from PIL import Image

from masktalk.errors import MediaError
from masktalk.media import open_source, read_audio
from tests.media.conftest import smooth


def read_everything(path):
    for frame in open_source(path).frames():
        assert frame.pixels.shape[2] in (3, 4)


def one_line(error, path):
    text = str(error)
    assert "\n" not in text
    assert str(path) in text
    assert error.remedy, "it says what to do"


CONTENTS = {
    "empty.mp4": b"",
    "text.mp4": b"To be, or not to be\n" * 50,
    "text.png": b"To be, or not to be\n" * 50,
    "text.wav": b"To be, or not to be\n" * 50,
    "text": b"To be, or not to be\n" * 50,
    "nulls.mp4": bytes(4096),
    "page.jpg": b"<!doctype html><html><body>404</body></html>",
    "list.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
    "list.txt": b"ffconcat version 1.0\nfile 'other.mp4'\n",
    "head.mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
    "head.png": b"\x89PNG\r\n\x1a\n",
    "head.wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
}


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("read", [read_everything, read_audio])
def test_what_is_no_media_is_an_error(tmp_path, make_video, name, read):
    make_video("other.mp4")
    make_video("other.ts", count=40)
    path = tmp_path / name
    path.write_bytes(CONTENTS[name])
    with pytest.raises(MediaError) as caught:
        read(path)
    one_line(caught.value, path)


@pytest.mark.parametrize("read", [read_everything, read_audio])
def test_missing_files_are_an_error(tmp_path, read):
    with pytest.raises(MediaError, match="does not exist") as caught:
        read(tmp_path / "nothing.mp4")
    one_line(caught.value, tmp_path / "nothing.mp4")


REMOTE = [
    "http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "pipe:0", "-", "lavfi:testsrc",
    "data:video/mp4;base64,AAAA", "a\0b.mp4",
]  # fmt: skip
LOCAL = [
    "http:a.mp4", "concat:plain.mp4|frame001.mp4", "frame%03d.mp4", "-i.mp4", "a b'c\".mp4",
    "ünï 漢字.mp4", "new\nline.mp4", "file:plain.mp4", "%d.png", "*.mp4", "~", "$HOME.mp4", "x.jpg",
]  # fmt: skip
CUT = ["v.mp4", "faststart.mp4", "v.mkv", "v.avi", "v.flv"]


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("read", [read_everything, read_audio])
def test_names_are_only_ever_local_files(tmp_path, monkeypatch, name, read):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        MediaError, match=r"does not exist|cannot be read|is a URL|is standard input"
    ):
        read(name)


def test_names_that_look_like_protocols_and_patterns_are_files(tmp_path, monkeypatch, make_video):
    monkeypatch.chdir(tmp_path)
    video = make_video("plain.mp4").read_bytes()
    other = make_video("frame001.mp4", count=3).read_bytes()
    assert video != other
    for name in LOCAL:
        (tmp_path / name).write_bytes(video)
        assert open_source(name).frame_count == 12, name
        assert sum(1 for _ in open_source(tmp_path / name).frames()) == 12


@pytest.mark.parametrize("name", CUT)
def test_cut_videos_are_an_error(make_video, name):
    options = {"movflags": "faststart"} if name.startswith("fast") else {}
    rng = np.random.default_rng(1)
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = make_video(
        name, codec=codec, count=50, container_options=options, options={"bf": "0"},
        picture=lambda _: rng.integers(0, 255, (64, 96, 3), dtype=np.uint8),
    )  # fmt: skip
    whole = path.read_bytes()
    read_everything(path)
    for part in (0.6, 0.05):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(MediaError, match=r"cut short|damaged|no video") as caught:
            read_everything(path)
        one_line(caught.value, path)


def test_bytes_changed_in_the_middle_are_an_error(make_video):
    rng = np.random.default_rng(1)
    path = make_video(count=50, picture=lambda _: rng.integers(0, 255, (64, 96, 3), dtype=np.uint8))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20000] = rng.bytes(20000)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"damaged after frame \d+") as caught:
        read_everything(path)
    one_line(caught.value, path)


def test_too_large_and_too_small_videos(make_video):
    with pytest.raises(MediaError, match=r"too small \(8x8"):
        open_source(make_video("s.webm", codec="libvpx-vp9", size=(8, 8)))
    from masktalk.media import Limits

    with pytest.raises(MediaError, match="too large"):
        open_source(make_video(), limits=Limits(max_pixels=5000))


def test_a_folder_is_not_sound(tmp_path):
    Image.fromarray(smooth()).save(tmp_path / "1.png")
    with pytest.raises(MediaError, match="is a folder"):
        read_audio(tmp_path)


SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
OTHERS = {
    "drawing.svg": (SVG, "is an SVG drawing; export it as PNG"),
    "page.pdf": (b"%PDF-1.7\n", "is a PDF document"),
    "song.mid": (b"MThd\0\0\0\6\0\1", "is a MIDI file, which holds notes and no sound"),
    "photos.zip": (b"PK\3\4\x14", "is an archive"),
    "talk.mp4": (b"<!DOCTYPE html><title>Sign in</title>", "is a web page"),
    "raw.cr3": (b"\0\0\0\x18ftypcrx \0", "is a camera's raw photo"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_named(tmp_path, name):
    content, said = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    for read in (open_source, read_audio):
        with pytest.raises(MediaError, match=said) as caught:
            read(tmp_path / name)
        one_line(caught.value, tmp_path / name)


@pytest.mark.parametrize("tag", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_a_thumbnail_of_a_raw_photo_is_not_taken_for_it(tmp_path, tag):
    Image.fromarray(smooth()).save(tmp_path / "photo.dng", format="TIFF", tiffinfo=tag)
    with pytest.raises(MediaError, match="raw photo; develop it"):
        open_source(tmp_path / "photo.dng")
