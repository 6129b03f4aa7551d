"""Material that many tests share, made here: drawn faces, a short video, some speech."""

import os
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from masktalk.demo.faces import draw_cartoon, draw_ninja

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items):
    """Tests that measure on material beside the checkout skip where there is none."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if marks & {"shared", "golden"} and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason="no ../shared beside the checkout"))
        if "gpu" in marks:
            _gate_gpu(item)


def _gate_gpu(item):
    try:
        import torch

        has_gpu = torch.cuda.is_available()
    except ImportError:
        has_gpu = False
    if not has_gpu and os.environ.get("MASKTALK_REQUIRE_GPU") == "1":
        item.add_marker(pytest.mark.usefixtures("missing_gpu_is_a_failure"))
    elif not has_gpu:
        item.add_marker(pytest.mark.skip(reason="no GPU here"))


@pytest.fixture
def missing_gpu_is_a_failure():
    pytest.fail("MASKTALK_REQUIRE_GPU=1, but there is no GPU")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test sees or leaves avatars in the user's cache."""
    monkeypatch.setenv("MASKTALK_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A folder with cartoon.png, ninja.png, portrait.jpg, speech.wav (2 s) and talking.mp4."""
    folder = tmp_path_factory.mktemp("material")
    Image.fromarray(draw_cartoon()).save(folder / "cartoon.png")
    Image.fromarray(draw_ninja()).save(folder / "ninja.png")
    shipped = files("masktalk.demo") / "material"
    (folder / "portrait.jpg").write_bytes((shipped / "portrait.jpg").read_bytes())
    (folder / "speech.flac").write_bytes((shipped / "speech.flac").read_bytes())
    write_speech(folder / "speech.wav", 2.0)
    write_talking(folder / "talking.mp4")
    return folder


def write_speech(path, seconds, rate=16000):
    """The demo's speech, cut to a length."""
    from masktalk.media import read_audio

    with_speech = files("masktalk.demo") / "material" / "speech.flac"
    samples = read_audio(Path(str(with_speech)), rate).samples
    samples = np.resize(samples, round(seconds * rate))
    wavfile.write(path, rate, (samples * 32767).astype(np.int16))
    return path


def write_talking(path, frames=24, faceless=(10,), rate=Fraction(30000, 1001)):
    """A video of the portrait swaying; the frames in ``faceless`` show a wall."""
    from masktalk.media import Writer, WriterOptions
    from masktalk.types import Frame

    portrait = Path(str(files("masktalk.demo") / "material" / "portrait.jpg"))
    picture = np.asarray(Image.open(portrait))[:384, :384]
    with Writer(path, WriterOptions(384, 384, rate, crf=10)) as writer:
        for index in range(frames):
            shift = 6 * np.sin(index / 4)
            move = np.array([[1, 0, shift], [0, 1, shift / 2]], np.float32)
            pixels = cv2.warpAffine(picture, move, (384, 384), borderMode=cv2.BORDER_REPLICATE)
            if index in faceless:
                pixels = np.full_like(pixels, 90)
            writer.write(Frame(np.ascontiguousarray(pixels), index / rate))
    return path
