"""Speech features against the reference's own numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import soxr

from masktalk.engines.musetalk.whisper import WhisperStates, tiny_config
from masktalk.engines.musetalk.whisper_windows import (
    ExactWindows,
    UpstreamWindows,
    take_window,
    window_rows,
)
from tests.golden.recipe import chirp, fill, golden, relative

pytestmark = pytest.mark.golden

RATES = {
    "25": Fraction(25),
    "24": Fraction(24),
    "30": Fraction(30),
    "29p97": Fraction(30000, 1001),
    "23p976": Fraction(24000, 1001),
    "15": Fraction(15),
    "12p5": Fraction(25, 2),
}
SECONDS = {"2p0": 2.0, "0p5": 0.5, "31p3": 31.3}
CASES = [(r, s) for r in RATES for s in SECONDS if s != "31p3" or r in ("25", "24", "30", "29p97")]


@pytest.mark.parametrize(("rate", "seconds"), CASES)
def test_upstream_windows_take_the_reference_rows(rate: str, seconds: str) -> None:
    arrays = golden("a_whisper_chunks")
    rows = window_rows(UpstreamWindows(RATES[rate]), round(SECONDS[seconds] * 16000))
    np.testing.assert_array_equal(rows, arrays[f"rows_fps{rate}_len{seconds}"])


@pytest.mark.parametrize("rate", ["25", "30"])
def test_exact_windows_agree_where_the_reference_is_right(rate: str) -> None:
    theirs = golden("a_whisper_chunks")[f"rows_fps{rate}_len2p0"]
    np.testing.assert_array_equal(window_rows(ExactWindows(RATES[rate]), 32000), theirs)


def test_tokens_are_rows_then_layers() -> None:
    order = golden("a_whisper_chunks")["token_row_layer"]
    states = np.arange(10)[:, None] * 10 + np.arange(5)[None, :]
    tokens = take_window(states[..., None].astype(np.float32), 0, 0, 10)[:, 0]
    np.testing.assert_array_equal(tokens, order[:, 0] * 10 + order[:, 1])


def _chirp_16k() -> np.ndarray:
    mono = (chirp() / 32768.0).astype(np.float32).mean(axis=1, dtype=np.float32)
    return soxr.resample(mono, 48000, 16000, quality="HQ")


@pytest.fixture(scope="module")
def whisper() -> WhisperStates:
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    return WhisperStates(_recipe_encoder(WhisperEncoder(tiny_config())))


def _recipe_encoder(encoder: object) -> object:
    import torch

    class Prefixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

    table = encoder.embed_positions.weight.detach().clone()  # type: ignore[attr-defined]
    filled = fill("whisper", Prefixed()).encoder
    with torch.no_grad():
        filled.embed_positions.weight.copy_(table)
    return filled


def test_resampling_and_log_mel(whisper: WhisperStates) -> None:
    arrays = golden("a_mel")
    sound = _chirp_16k()
    assert len(sound) == arrays["librosa_length"]
    np.testing.assert_allclose(sound[:4000], arrays["resampled_16k"], atol=1e-6)
    mel = whisper.log_mel(sound)
    np.testing.assert_allclose(mel[:, :160], arrays["logmel"], atol=1e-4)
    low, high, mean = arrays["logmel_min_max_mean"]
    np.testing.assert_allclose([mel.min(), mel.max(), mel.mean()], [low, high, mean], atol=1e-4)
    np.testing.assert_allclose(mel[:, 2000:], arrays["logmel_pad_value"], atol=1e-4)


def test_whisper_states(whisper: WhisperStates) -> None:
    arrays = golden("g_whisper")
    states = whisper.encode_features(whisper.log_mel(_chirp_16k()))
    assert relative(states[arrays["rows"]], arrays["hidden_states"]) < 1e-4
    np.testing.assert_allclose(states.mean(axis=(0, 2)), arrays["layer_mean"], atol=1e-4)
    np.testing.assert_allclose(states.std(axis=(0, 2)), arrays["layer_std"], rtol=1e-4)


def test_prompt_of_frame_10(whisper: WhisperStates) -> None:
    arrays = golden("g_whisper")
    sound = _chirp_16k()
    windows = UpstreamWindows(Fraction(25))
    assert windows.count(len(sound)) == arrays["num_chunks"]
    prompt = take_window(whisper.encode(sound), 0, windows.start(10), 10)
    assert relative(prompt, arrays["chunk10"]) < 1e-4
