"""Log-mel columns and the windows of frames against the reference's own numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from masktalk.media.audio import resampled
from masktalk.speech.mel import (
    MEL,
    LogMelStream,
    UpstreamMelWindows,
    log_mel,
    mel_filters,
)
from tests.golden.recipe import chirp, golden, voice

pytestmark = pytest.mark.golden

FRAME_RATES = {
    "25": Fraction(25),
    "29p97": Fraction(30000, 1001),
    "30": Fraction(30),
    "24": Fraction(24),
    "12p5": Fraction(25, 2),
    "23p976": Fraction(24000, 1001),
    "50": Fraction(50),
    "60": Fraction(60),
}
SECONDS = {"0p5": 0.5, "2p0": 2.0, "31p3": 31.3}


def test_mel_filters() -> None:
    theirs = golden("wav2lip/a_audio")["mel_basis"]
    np.testing.assert_allclose(mel_filters(), theirs, atol=1e-7)


def test_log_mel_of_the_voice() -> None:
    theirs = golden("wav2lip/a_audio")["voice_mel"]
    np.testing.assert_allclose(log_mel(voice()), theirs, atol=1e-4)


def test_zero_padding_differs_at_the_edges_alone() -> None:
    arrays = golden("wav2lip/a_audio")
    ours = log_mel(voice(), padding="constant")
    edges = ours[:, [0, 1, -2, -1]]
    np.testing.assert_allclose(edges, arrays["voice_mel_zero_padded_edges"], atol=1e-4)
    np.testing.assert_allclose(ours[:, 2:-2], arrays["voice_mel"][:, 2:-2], atol=1e-4)


def test_log_mel_of_the_resampled_chirp() -> None:
    theirs = golden("wav2lip/a_audio")["chirp_mel"]
    stereo = (chirp() / 32768.0).astype(np.float32)
    mono = stereo.mean(axis=1, dtype=np.float32, keepdims=True)
    samples = np.concatenate(list(resampled(iter([mono]), 48000, MEL.sample_rate)))[:, 0]
    ours = log_mel(samples)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours[:, 2:103], theirs[:, 2:103], atol=5e-3)


@pytest.mark.parametrize("size", [1, 160, 333, 16000])
def test_streamed_columns_are_the_whole_ones(size: int) -> None:
    samples = voice()[: 400 if size == 1 else None]
    stream = LogMelStream()
    blocks = [stream.push(samples[k : k + size]) for k in range(0, len(samples), size)]
    streamed = np.concatenate([*blocks, stream.flush()]).T
    np.testing.assert_array_equal(streamed, log_mel(samples))


@pytest.mark.parametrize("rate", FRAME_RATES)
@pytest.mark.parametrize("seconds", SECONDS)
def test_upstream_windows_take_the_reference_columns(rate: str, seconds: str) -> None:
    theirs = golden("wav2lip/b_mel_chunks")[f"start_fps{rate}_len{seconds}"]
    samples = round(SECONDS[seconds] * MEL.sample_rate)
    windows = UpstreamMelWindows(FRAME_RATES[rate])
    ours = list(windows.last_windows(0, 1 + samples // MEL.hop, Fraction(samples, 16000)))
    np.testing.assert_array_equal(ours, theirs)
