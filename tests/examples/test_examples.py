"""The examples of the documentation run, and do what they say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from masktalk.media import open_source
from tests.server.conftest import RunningServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def server(tmp_path):
    running = RunningServer(tmp_path / "data", tmp_path / "server.log").start()
    yield running
    running.stop()


def test_the_lip_engine_reddens_lips_and_nothing_else(material, tmp_path):
    output = tmp_path / "tinted.mp4"
    load("tint_lips").main(material / "portrait.jpg", material / "speech.wav", output)
    shown = np.stack([frame.pixels for frame in open_source(output).frames()]).astype(int)
    assert len(shown) == 50
    change = np.abs(shown - shown[0]).max(axis=(0, 3))
    assert change.max() > 40
    redder = (shown[..., 0] - shown[..., 1]).max(axis=0) - (shown[0, ..., 0] - shown[0, ..., 1])
    assert redder.max() > 30
    assert (change > 20).mean() < 0.03


def test_the_client_fetches_a_rendered_video(server, material, tmp_path):
    output = tmp_path / "talking.mp4"
    load("client").main(server.url, material / "portrait.jpg", material / "speech.wav", output)
    assert sum(1 for _ in open_source(output).frames()) == 50
