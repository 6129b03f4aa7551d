"""Runs that are stopped, crash, read pipes, meet one another, or may not write."""

import io
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image
from tests.conftest import write_speech
from tests.media.conftest import smooth
from tests.media.test_audio_clock import noise

from masktalk.avatar.avatar_cache import writable_avatars_folder
from masktalk.cli import command_line, main
from masktalk.cli.command_line import OnceFilter
from masktalk.errors import MediaError, OutputError
from masktalk.media import Writer, WriterOptions, pipes
from masktalk.media.output import PartFile, reserved
from masktalk.types import Audio, Frame

MASKTALK = [sys.executable, "-m", "masktalk"]


def run(*words, **how):
    return subprocess.run(
        [*MASKTALK, *map(str, words)], capture_output=True, text=True, check=False, **how
    )


def test_a_stop_half_way_leaves_nothing(material, tmp_path):
    words = ["render", material / "cartoon.png", material / "speech.flac", "-o", "out.mp4"]
    process = subprocess.Popen(
        [*MASKTALK, *map(str, words)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not any("reserved" not in path.name for path in tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert (process.returncode, err) == (143, "masktalk: stopped\n")
    assert list(tmp_path.iterdir()) == []


CRASH = """
import ctypes, sys
from masktalk.cli.isolation import run_isolated

def crash():
    from masktalk.media.output import PartFile
    PartFile("out.mp4")
    ctypes.string_at(0)

run_isolated(crash)
"""


def test_a_crash_is_one_line_and_leaves_nothing(tmp_path):
    (tmp_path / "odd.wav").write_text("")
    words = [sys.executable, "-c", CRASH, "render", "odd.wav", "-o", "out.mp4"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("masktalk: odd.wav: ")
    assert "SIGSEGV" in done.stderr
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ["odd.wav"]


def test_an_unforeseen_exception_is_one_line(tmp_path):
    code = "from masktalk.cli.isolation import run_isolated; run_isolated(lambda: {}['odd'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("masktalk: internal error (KeyError: 'odd'); --debug")
    assert done.stderr.count("\n") == 1


def test_a_child_ends_with_its_parent(tmp_path):
    code = (
        "import os, sys, time; from masktalk.cli.isolation import run_isolated; "
        "run_isolated(lambda: (print(os.getpid(), flush=True), time.sleep(600)))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        int(parent.stdout.readline())
        parent.kill()
        # Its end of the pipe closes when the child is gone, too.
        assert parent.stdout.read() == b""


def test_a_warning_comes_once():
    once = OnceFilter()
    lines = ["%s: skipped", "%s: skipped", "%s: other"]
    shown = [
        once.filter(logging.LogRecord("masktalk", logging.WARNING, "", 0, line, ("a.mp3",), None))
        for line in lines
    ]
    assert shown == [True, False, True]


def test_speech_is_read_from_standard_input(material, tmp_path):
    write_speech(tmp_path / "speech.wav", 0.5)
    curves = []
    for name in ("-", "speech.wav"):
        with (tmp_path / "speech.wav").open("rb") as file:
            done = run("articulate", name, "-o", "curve.json", cwd=tmp_path, stdin=file)
        assert done.returncode == 0, done.stderr
        curves.append((tmp_path / "curve.json").read_text())
        (tmp_path / "curve.json").unlink()
    assert curves[0] == curves[1]


def test_a_video_is_streamed_to_standard_output(capfdbinary):
    options = WriterOptions(96, 64, Fraction(25))
    with Writer("-", options, soundtrack=[Audio(noise(1), 48000)]) as writer:
        for index in range(25):
            writer.write(Frame(smooth(shift=index)))
    with av.open(io.BytesIO(capfdbinary.readouterr().out)) as container:
        assert container.format.name == "matroska,webm"
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert kinds.count("video") == 25
    assert kinds.count("audio") > 20


def test_a_fifo_is_copied(tmp_path):
    fifo, copy, data = tmp_path / "fifo", tmp_path / "copy", os.urandom(300_000)
    os.mkfifo(fifo)
    assert pipes.is_pipe(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(data,))
    writer.start()
    pipes.copy_pipe(fifo, copy)
    writer.join()
    assert copy.read_bytes() == data


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "_NO_WRITER_S", 0.1)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(MediaError, match=r"fifo: is a pipe that nobody writes to; give a file"):
        pipes.copy_pipe(tmp_path / "fifo", tmp_path / "copy")


def test_an_empty_pipe_is_refused(tmp_path):
    done = run("articulate", "-", "-o", tmp_path / "x.json", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "standard input" in done.stderr


def test_a_second_run_to_one_target_is_refused_at_once(tmp_path):
    with (
        reserved(tmp_path / "out.mp4"),
        pytest.raises(OutputError, match=r"out\.mp4: is being written by another run"),
        reserved(tmp_path / "out.mp4"),
    ):
        pass
    with reserved(tmp_path / "out.mp4") as target, PartFile(target) as part:
        part.path.write_text("done")
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKTALK_CACHE", str(tmp_path / "file"))
    folder = writable_avatars_folder()
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path / "file")
    assert "set MASKTALK_CACHE to another folder" in caplog.text


@pytest.fixture(scope="module")
def transparent(material, tmp_path_factory):
    """The cartoon before nothing."""
    path = tmp_path_factory.mktemp("alpha") / "transparent.png"
    image = Image.open(material / "cartoon.png").convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)
    return path


REFUSALS = {
    "container": (["-o", "out.avi"], ".mp4"),
    "encoder": (["-o", "out.mp4", "--encoder", "h264_amf"], "h264_amf"),
    "alpha": (["-o", "out.mp4"], "background"),
    "target": (["-o", "there.mp4"], "--overwrite"),
    "option": (["-o", "out.mp4", "--crf", "99"], "--crf"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_come_before_any_work(material, transparent, tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    Path("there.mp4").write_text("precious")
    flags, word = REFUSALS[name]
    avatar = material / "talking.mp4"
    if name == "alpha":
        avatar = transparent

    def never(*_):
        raise AssertionError("work was begun")

    monkeypatch.setattr("masktalk.preparation._build", never)
    words = ["render", avatar, material / "speech.wav", *flags]
    monkeypatch.setattr(sys, "argv", ["masktalk", *map(str, words)])
    with pytest.raises(SystemExit, match="2"):
        main()
    printed = capsys.readouterr().err
    assert word in printed
    assert printed.count("\n") == 1
    assert os.listdir(tmp_path) == ["there.mp4"]


def test_a_stop_during_a_finaliser_is_not_lost():
    class Closing:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def work():
        closing = Closing()
        del closing
        for _ in range(500):
            time.sleep(0.01)

    with pytest.raises(command_line._StoppedError), command_line._stoppable():
        work()
