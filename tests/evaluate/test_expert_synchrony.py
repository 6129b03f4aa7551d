"""Wav2Lip's expert as a figure of a review."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.conftest import write_speech  # noqa: E402

from masktalk.engines.wav2lip.experts import SyncExpert  # noqa: E402
from masktalk.evaluate.expert_synchrony import (  # noqa: E402
    expert_figures,
    expert_synchrony,
    lip_crops,
)
from masktalk.media import Writer, WriterOptions  # noqa: E402
from masktalk.types import Frame  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(3)
    return SyncExpert().eval()


def lips(count: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 255, (count, 48, 96, 3), np.uint8)


def test_every_five_frames_are_judged_with_their_audio(network: Any) -> None:
    samples = np.random.default_rng(9).uniform(-0.3, 0.3, 16000).astype(np.float32)
    found = expert_synchrony(network, lips(25), samples)
    assert found is not None
    assert -1 <= found.cosine <= 1
    assert found.loss == pytest.approx(-np.log(found.cosine), abs=0.05)
    other = expert_synchrony(network, lips(25), samples[::-1].copy())
    assert other is not None
    assert other.cosine != found.cosine
    assert expert_synchrony(network, lips(4), samples) is None
    assert expert_synchrony(network, lips(25), samples[:1000]) is None


def test_crops_come_25_times_a_second_and_hold_the_lower_half(tmp_path: Path) -> None:
    speech = write_speech(tmp_path / "speech.wav", 0.4)
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[60:, :, 0] = 200  # red below
    with Writer(
        tmp_path / "a.mp4", WriterOptions(160, 120, Fraction(50), crf=4), soundtrack=speech
    ) as writer:
        for index in range(20):
            writer.write(Frame(pixels, Fraction(index, 50)))
    mesh = np.zeros((478, 3), np.float32)
    mesh[0, :2] = (40, 10)
    mesh[1:, :2] = (110, 100)
    seen: Any = SimpleNamespace(
        path=tmp_path / "a.mp4",
        rate=Fraction(50),
        meshes=(None, None, *[mesh] * 18),
        sound=object(),
        has_face=True,
    )
    crops = lip_crops(seen)
    assert crops.shape == (10, 48, 96, 3)
    assert not crops[0].any()
    assert crops[5, 10:, :, 2].min() > 150
    torch.save({"state_dict": SyncExpert().state_dict()}, tmp_path / "expert.pth")
    (figure,) = expert_figures(seen, tmp_path / "expert.pth")
    assert -1 <= float(figure.value) <= 1


def test_without_its_weights_there_is_no_figure() -> None:
    assert expert_figures(None) == []  # type: ignore[arg-type]
