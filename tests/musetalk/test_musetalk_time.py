"""When each frame hears what: the reference's faults in time, each with a test."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from masktalk.avatar import Avatar, ping_pong
from masktalk.engines.musetalk.whisper_stream import (
    live_prompts,
    recorded_prompts,
    segmented_prompts,
)
from masktalk.engines.musetalk.whisper_windows import ExactWindows, Padding, UpstreamWindows
from masktalk.errors import OptionError
from masktalk.types import FloatArray
from tests.golden.recipe import golden
from tests.musetalk.conftest import speak

NTSC = Fraction(30000, 1001)


class Numbered:
    """An encoder whose states say which 20 ms they come from."""

    layers, width = 5, 2

    def __init__(self) -> None:
        self.pieces = 0

    def encode(self, samples: FloatArray) -> FloatArray:
        self.pieces += 1
        rows = samples[: len(samples) // 320 * 320].reshape(-1, 320).mean(axis=1)
        return np.repeat(np.repeat(rows[:, None, None], 5, axis=1), 2, axis=2)


def numbered(seconds: float, block: int = 16000) -> list[FloatArray]:
    """Sound whose level in each 20 ms is that piece's number plus one, over a thousand."""
    samples = ((np.arange(round(seconds * 16000)) // 320 + 1) / 1000).astype(np.float32)
    return [samples[i : i + block] for i in range(0, len(samples), block)]


def rows(tokens: FloatArray) -> list[int]:
    """The pieces a prompt hears; -1 is silence."""
    return [round(float(value) * 1000) - 1 for value in tokens[::5, 0]]


def test_a_rate_of_29_97_is_not_cut_to_29() -> None:
    assert UpstreamWindows(NTSC).count(32000) == 58
    assert ExactWindows(NTSC).count(32000) == 60
    assert ExactWindows(NTSC).frame_time(1798) == Fraction(1798 * 1001, 30000)


@pytest.mark.parametrize("rate", [Fraction(15), Fraction(25, 2), Fraction(24000, 1001)])
def test_windows_do_not_start_early_below_25_fps(rate: Fraction) -> None:
    exact, upstream = ExactWindows(rate), UpstreamWindows(rate)
    for frame in range(20):
        middle = frame * 50 / rate
        assert 4 <= middle - exact.start(frame) < 5
    assert upstream.start(0) < exact.start(0)


@pytest.mark.parametrize("frames", [29, 57, 58, 113])
def test_no_frame_is_lost_to_a_float(frames: int) -> None:
    assert ExactWindows(Fraction(25)).count(frames * 640) == frames


def test_the_floats_of_the_reference_lose_one_at_one_of_these_lengths() -> None:
    upstream = UpstreamWindows(Fraction(25))
    assert any(upstream.count(n * 640) == n - 1 for n in (29, 57, 58, 113))


def test_rates_the_reference_exits_at_are_refused_in_its_name_only() -> None:
    with pytest.raises(OptionError, match="`compat` upstream"):
        UpstreamWindows(Fraction(50))
    assert ExactWindows(Fraction(60)).count(16000) == 60


@pytest.mark.parametrize("rate", [Fraction(50), Fraction(60), Fraction(25), NTSC])
@pytest.mark.parametrize("milliseconds", [20, 40, 55, 70, 500])
def test_short_sound_and_high_rates_give_every_frame(rate: Fraction, milliseconds: int) -> None:
    sound = numbered(milliseconds / 1000)
    made = list(recorded_prompts(Numbered(), ExactWindows(rate), sound))
    assert len(made) == ExactWindows(rate).count(milliseconds * 16)
    assert [prompt.frame for prompt in made] == list(range(len(made)))


@pytest.mark.parametrize("rate", [Fraction(25), NTSC, Fraction(12)])
def test_live_and_recorded_frames_hear_the_same_pieces(rate: Fraction) -> None:
    windows = ExactWindows(rate)
    whole = [rows(p.tokens) for p in recorded_prompts(Numbered(), windows, numbered(2.3))]
    live = live_prompts(Numbered(), windows, numbered(2.3, block=700), group=4)
    assert [rows(prompt.tokens) for group in live for prompt in group] == whole


def test_live_frames_wait_no_longer_than_they_say() -> None:
    windows, sound, heard = ExactWindows(Fraction(25)), numbered(4, block=320), 0

    def listening():
        nonlocal heard
        for block in sound:
            heard += len(block)
            yield block

    for group in live_prompts(Numbered(), windows, listening(), group=4):
        assert heard / 16000 - float(group[0].time) <= 0.4


def test_long_speech_is_heard_once_and_without_a_seam() -> None:
    windows = ExactWindows(Fraction(25))
    encoder = Numbered()
    made = list(recorded_prompts(encoder, windows, numbered(75)))
    assert len(made) == 75 * 25
    assert encoder.pieces == 3
    for prompt in made[10:-10]:
        first = 2 * prompt.frame - 4
        assert rows(prompt.tokens) == list(range(first, first + 10))


def test_faded_pieces_leave_no_jump_where_the_reference_has_one() -> None:
    class Drifting(Numbered):
        """An encoder whose states depend on where in the piece they are, as Whisper's do."""

        def encode(self, samples: FloatArray) -> FloatArray:
            states = super().encode(samples) * 0
            return states + np.linspace(0, 1, 1500, dtype=np.float32)[: len(states), None, None]

    windows = ExactWindows(Fraction(25))
    ours = [p.tokens[20, 0] for p in recorded_prompts(Drifting(), windows, numbered(70))]
    theirs = [p.tokens[20, 0] for p in segmented_prompts(Drifting(), windows, numbered(70))]
    assert np.abs(np.diff(theirs)).max() > 0.9
    assert np.abs(np.diff(ours)).max() < 0.05


def test_a_window_has_the_padding_that_was_asked_for() -> None:
    windows = ExactWindows(Fraction(25), Padding(left=1, right=3))
    (prompt, *_) = recorded_prompts(Numbered(), windows, numbered(1))
    assert rows(prompt.tokens) == [-1, -1, *range(8)]


@pytest.mark.golden
@pytest.mark.parametrize("batch", [4, 8, 20])
def test_batches_are_the_references_and_the_loop_shows_its_ends_once(batch: int) -> None:
    arrays = golden("f_datagen")
    chunks = arrays[f"chunk_index_bs{batch}"].tolist()
    sizes = [min(batch, len(chunks) - start) for start in range(0, len(chunks), batch)]
    assert sizes == arrays[f"batch_sizes_bs{batch}"].tolist()
    theirs = arrays[f"latent_index_bs{batch}"].tolist()
    ours = [ping_pong(step, 5) for step in chunks]
    assert theirs[:10] == [0, 1, 2, 3, 4, 4, 3, 2, 1, 0]
    assert ours == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4]


def test_every_frame_comes_at_the_exact_rate(avatar: Avatar, options: dict) -> None:
    assert len(speak(avatar, options, 2.0, NTSC)) == 60
    assert len(speak(avatar, {**options, "compat": "upstream"}, 2.0, NTSC)) == 58
