from __future__ import annotations

import numpy as np
import pytest

from masktalk.train.codecs import CODECS, coded
from masktalk.types import Audio, FloatArray


@pytest.fixture(scope="module")
def babble() -> Audio:
    """Two seconds of a buzz whose colour and loudness change at every moment."""
    random = np.random.default_rng(0)
    time = np.arange(32000) / 16000
    buzz = np.sign(np.sin(2 * np.pi * 120 * time)) * 0.2
    loudness = np.interp(time, np.linspace(0, 2, 25), random.uniform(0, 1, 25) ** 2)
    return Audio((buzz * loudness).astype(np.float32), 16000)


@pytest.mark.parametrize("name", CODECS)
def test_coded_speech_stays_in_time(name: str, babble: Audio) -> None:
    after = coded(babble, CODECS[name])
    assert len(after.samples) == len(babble.samples)
    assert np.abs(after.samples - babble.samples).max() > 1e-4
    loudness = [_loudness(audio.samples) for audio in (babble, after)]
    likeness = [np.corrcoef(loudness[0], np.roll(loudness[1], lag))[0, 1] for lag in range(-4, 5)]
    assert np.argmax(likeness) == 4
    assert max(likeness) > 0.95


def _loudness(samples: FloatArray) -> FloatArray:
    return np.sqrt((samples.reshape(-1, 160) ** 2).mean(axis=1))
