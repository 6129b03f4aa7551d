"""A file appears whole under its name, or not at all."""

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from fractions import Fraction

import numpy as np
import pytest

from masktalk.errors import OutputError
from masktalk.media import Writer, WriterOptions, check_output, open_source
from masktalk.media.output import PartFile, cannot_write
from masktalk.types import Frame

FRAME = Frame(np.zeros((64, 64, 3), np.uint8))
OPTIONS = WriterOptions(64, 64, Fraction(25), preset="ultrafast")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, count=1, then=None, pixels=None):
    """Write some frames; call ``then`` before the end."""
    with Writer(path, OPTIONS) as writer:
        for _ in range(count):
            writer.write(FRAME if pixels is None else Frame(pixels()))
        if then is not None:
            then()


def fail(error):
    raise error


def test_an_existing_file_is_kept(tmp_path):
    path = tmp_path / "o.mp4"
    path.write_text("precious")
    with pytest.raises(
        OutputError, match="exists already; choose another name, or set `overwrite`"
    ):
        check_output(path)
    with pytest.raises(OutputError, match="exists already"):
        write(path)
    assert path.read_text() == "precious"
    assert names(tmp_path) == ["o.mp4"]


def test_an_existing_file_is_replaced_only_at_the_end(tmp_path):
    path = tmp_path / "o.mp4"
    path.write_text("precious")
    check_output(path, overwrite=True)
    with Writer(path, WriterOptions(64, 64, Fraction(25), overwrite=True)) as writer:
        writer.write(FRAME)
        assert path.read_text() == "precious"
    assert open_source(path).frame_count == 1
    assert names(tmp_path) == ["o.mp4"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "o.mp4"
    with pytest.raises(OutputError, match="appeared while"):
        write(path, then=lambda: path.write_text("precious"))
    assert path.read_text() == "precious"
    assert names(tmp_path) == ["o.mp4"]


def test_nothing_shows_until_it_is_complete(tmp_path):
    with Writer(tmp_path / "o.mp4", OPTIONS) as writer:
        writer.write(FRAME)
        assert all(name.startswith(".") for name in names(tmp_path))
    assert names(tmp_path) == ["o.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit, GeneratorExit])
def test_nothing_is_left_after_an_error(tmp_path, error):
    with pytest.raises(error):
        write(tmp_path / "o.mp4", then=lambda: fail(error))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "none" / "o.mp4", "does not exist; make it first"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / ("x" * 300 + ".mp4"), "name is too long"),
        (lambda folder: folder / "file" / "o.mp4", "does not exist"),
    ],
)
def test_places_that_cannot_be_written(tmp_path, make, said):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=said) as caught:
        check_output(make(tmp_path))
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        check_output(tmp_path / "o.mp4")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EACCES, "cannot be written to"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_system_says_is_passed_on(tmp_path, monkeypatch, code, said):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(OutputError, match=said):
        check_output(tmp_path / "o.mp4")
    assert said in str(cannot_write(tmp_path, OSError(code, os.strerror(code))))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix):
    def noise():
        return np.random.default_rng().integers(0, 255, (64, 64, 3), dtype=np.uint8)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write(tmp_path / f"o{suffix}", 200, pixels=noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


WRITE_FOR_EVER = """
    import signal
    import sys
    from fractions import Fraction
    import numpy as np
    from masktalk.media import Writer, WriterOptions
    from masktalk.types import Frame
    # A suite that runs in the background hands down an ignored interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Writer(sys.argv[1], WriterOptions(64, 64, Fraction(25), preset="ultrafast")) as writer:
        while True:
            writer.write(Frame(np.zeros((64, 64, 3), np.uint8)))
            print("written", flush=True)
"""


@pytest.fixture
def endless(tmp_path):
    """A process in the middle of writing ``o.mp4``."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITE_FOR_EVER), str(tmp_path / "o.mp4")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_writer_leaves_no_file_of_that_name(tmp_path, endless):
    endless.kill()
    endless.wait()
    assert "o.mp4" not in names(tmp_path)
    assert len(names(tmp_path)) == 1, "what it began"
    write(tmp_path / "o.mp4")
    assert names(tmp_path) == ["o.mp4"], "what it began is cleared away"


def test_what_another_process_is_writing_is_left_alone(tmp_path, endless):
    write(tmp_path / "o.mp4")
    assert len(names(tmp_path)) == 2
    endless.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 20
    while endless.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert names(tmp_path) == ["o.mp4"], "an interrupted one clears up itself"


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4", "it's \"quoted\".mp4", "-o.mp4", "%03d.mp4", "concat:a.mp4", "http:b.mp4",
        "ünï 漢字.mp4", "new\nline.mp4", "$HOME.mp4", "漢" * 80 + ".mp4", "x" * 240 + ".mp4",
        ".hidden.mp4", "A.MP4",
    ],
)  # fmt: skip
def test_names_are_taken_as_they_are(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write(name)
    assert names(tmp_path) == [name]
    assert open_source(name).frame_count == 1


def test_part_files_work_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with PartFile(tmp_path / "o.txt") as part:
        part.path.write_text("whole")
    assert (tmp_path / "o.txt").read_text() == "whole"
    assert names(tmp_path) == ["o.txt"]


def test_permissions_are_as_for_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with PartFile(tmp_path / "o.txt") as part:
        part.path.write_text("whole")
    assert (tmp_path / "o.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode
