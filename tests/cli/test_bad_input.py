"""Every bad input ends in one line that names the file, with exit code 2, and leaves nothing."""

import os
import signal
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from masktalk.cli import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process; returns exit code, stdout, stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["masktalk", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def empty(path, material):
    path.write_bytes(b"")


def text(path, material):
    path.write_text("Dear diary, this is no video at all.\n" * 50)


def truncated_picture(path, material):
    path.write_bytes((material / "portrait.jpg").read_bytes()[:300])


def truncated_video(path, material):
    path.write_bytes((material / "talking.mp4").read_bytes()[:2000])


def one_pixel(path, material):
    Image.new("RGB", (1, 1)).save(path)


def four_hundred_megapixels(path, material):
    """The beginning of a PNG that says it is 20000x20000."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data)
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def nothing(path, material):
    path.mkdir()


def missing(path, material):
    pass


BAD_AVATARS = {
    "empty.png": empty,
    "empty.mp4": empty,
    "text.mp4": text,
    "text.jpg": text,
    "truncated.jpg": truncated_picture,
    "truncated.mp4": truncated_video,
    "one pixel.png": one_pixel,
    "huge.png": four_hundred_megapixels,
    "no frames": nothing,
    "missing.png": missing,
    'it\'s; "quoted" $(touch x).png': missing,
}


@pytest.mark.parametrize("name", BAD_AVATARS)
@pytest.mark.parametrize("command", ["render", "prepare", "locate"])
def test_a_bad_avatar(run, material, tmp_path, name, command):
    path = tmp_path / name
    BAD_AVATARS[name](path, material)
    before = set(tmp_path.iterdir())
    words = {
        "render": ["render", path, material / "speech.wav", "-o", tmp_path / "out.mp4"],
        "prepare": ["prepare", path, "-o", tmp_path / "out.avatar"],
        "locate": ["locate", path, "--json"],
    }[command]
    code, out, err = run(*words)
    assert_one_line(code, err, name)
    assert out == ""
    assert set(tmp_path.iterdir()) == before


def silent_video(path, material):
    path.write_bytes((material / "talking.mp4").read_bytes())


def not_finite(path, material):
    samples = np.zeros(16000, np.float32)
    samples[500] = np.nan
    wavfile.write(path, 16000, samples)


def no_seconds(path, material):
    wavfile.write(path, 16000, np.zeros(0, np.int16))


BAD_SPEECH = {
    "empty.wav": empty,
    "text.wav": text,
    "silent.mp4": silent_video,
    "nan.wav": not_finite,
    "nothing.wav": no_seconds,
    "missing.wav": missing,
    "folder.wav": nothing,
}


@pytest.mark.parametrize("name", BAD_SPEECH)
@pytest.mark.parametrize("command", ["render", "articulate"])
def test_bad_speech(run, material, tmp_path, name, command):
    path = tmp_path / name
    BAD_SPEECH[name](path, material)
    before = set(tmp_path.iterdir())
    words = {
        "render": ["render", material / "cartoon.png", path, "-o", tmp_path / "out.mp4"],
        "articulate": ["articulate", path, "-o", tmp_path / "curve.json"],
    }[command]
    code, _, err = run(*words)
    assert_one_line(code, err, name)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--engine", "wrap"], "choose one of musetalk"),
        (["--encoder", "libx999"], "libx264"),
        (["--face", "biggest"], "largest"),
        (["--mouth", "wide"], "cloth"),
        (["--fps", "0"], "--fps"),
        (["--fps", "fast"], "--fps"),
        (["--preview", "-1"], "--preview"),
        (["--crf", "99"], "--crf"),
        (["--points", "nowhere.json"], "nowhere.json"),
    ],
)
def test_a_bad_option(run, material, tmp_path, flags, word):
    out = tmp_path / "out.mp4"
    code, _, err = run(
        "render", material / "cartoon.png", material / "speech.wav", "-o", out, *flags
    )
    assert_one_line(code, err, word)
    assert not any(tmp_path.iterdir())


def test_an_option_of_another_engine_is_an_error_that_says_so(run, material, tmp_path):
    # The field report: bbox_shift was accepted and ignored.
    pytest.importorskip("diffusers")
    code, _, err = run(
        *("render", material / "cartoon.png", material / "speech.wav"),
        *("-o", tmp_path / "out.mp4", "--bbox-shift", "5"),
    )
    assert_one_line(code, err, "--bbox-shift: does not apply to engine 'warp'")


@pytest.mark.parametrize("name", ["out.avi", "out", "no/such/folder/out.mp4"])
def test_a_bad_output(run, material, tmp_path, name):
    code, _, err = run(
        "render", material / "cartoon.png", material / "speech.wav", "-o", tmp_path / name
    )
    assert_one_line(code, err, name.split("/")[-1])
    assert not any(tmp_path.iterdir())


def test_an_existing_file_is_not_overwritten_unless_told_so(run, material, tmp_path):
    out = tmp_path / "out.mp4"
    out.write_text("precious")
    words = ["render", material / "cartoon.png", material / "speech.wav", "-o", out]
    code, _, err = run(*words)
    assert_one_line(code, err, "--overwrite")
    assert out.read_text() == "precious"
    assert run(*words, "--overwrite", "--preview", "0.2")[0] == 0
    assert out.stat().st_size > 1000


def test_output_below_a_file_cannot_be_written(run, material, tmp_path):
    (tmp_path / "file").write_text("")
    words = ["render", material / "cartoon.png", material / "speech.wav"]
    code, _, err = run(*words, "-o", tmp_path / "file" / "out.mp4")
    assert_one_line(code, err, "out.mp4")


def test_debug_shows_the_traceback(material, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "masktalk", "--debug", "locate", tmp_path / "none.png"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_killed_half_way_leaves_nothing_under_the_name(material, tmp_path):
    out = tmp_path / "out.mp4"
    words = ["render", material / "cartoon.png", material / "speech.flac", "-o", out]
    process = subprocess.Popen([sys.executable, "-m", "masktalk", *map(str, words)])
    begun = time.monotonic()
    while not any(tmp_path.iterdir()) and time.monotonic() - begun < 60:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()


@pytest.mark.parametrize("warmed", [True, False])
def test_a_full_disk_is_one_line_and_leaves_nothing(warmed, material, tmp_path):
    out = tmp_path / "out.mp4"
    picture = str(material / "cartoon.png")
    warm = f"WarpEngine().prepare(avatar) if {warmed} else None"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from masktalk.preparation import prepare; "
        "from masktalk.engines.warp import WarpEngine; "
        f"avatar = prepare({picture!r}, {str(tmp_path / 'avatar')!r}); {warm}; avatar.close(); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
        "from masktalk.cli import main; main()"
    )
    words = ["render", tmp_path / "avatar", material / "speech.wav", "-o", out]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert_one_line(done.returncode, done.stderr, "out.mp4" if warmed else "warp")
    assert [path.name for path in tmp_path.iterdir()] == ["avatar"]


def assert_one_line(code, err, word):
    assert code == 2, err
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("masktalk: ")
    assert word in lines[0]
