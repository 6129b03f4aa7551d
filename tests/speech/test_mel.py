"""Log-mel columns of speech and the window of each video frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

import numpy as np
import pytest

from masktalk.engines import frame_count
from masktalk.speech.mel import (
    MEL,
    LogMelStream,
    MelWindow,
    MelWindows,
    UpstreamMelWindows,
    log_mel,
    mel_windows,
)

FRAME_RATES = [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(25, 2)]
LONGEST_LOOKAHEAD_S = {"inference": 0.2125, "training": 0.1725}


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.3, 0.3, samples).astype(np.float32)


def blocks(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def windows_of(windows: MelWindows, samples: np.ndarray, size: int = 1600) -> list[MelWindow]:
    return list(chain.from_iterable(mel_windows(windows, blocks(samples, size))))


@pytest.mark.parametrize("rate", [*FRAME_RATES, Fraction(50)])
@pytest.mark.parametrize("seconds", ["0.1", "0.5", "2", "31.3"])
@pytest.mark.parametrize("pairing", ["inference", "training"])
def test_a_window_for_every_frame(rate: Fraction, seconds: str, pairing: str) -> None:
    length = Fraction(seconds)
    made = windows_of(MelWindows(rate, pairing), np.zeros(int(length * 16000), np.float32), 32000)
    assert [window.frame for window in made] == list(range(frame_count(length, rate)))
    assert {window.mel.shape for window in made} == {(80, 16)}


@pytest.mark.parametrize("length", [1, 2, 399, 400, 401, 799, 1000])
def test_audio_shorter_than_a_window_is_finite(length: int) -> None:
    mel = log_mel(noise(length))
    assert mel.shape == (80, 1 + length // MEL.hop)
    assert np.isfinite(mel).all()


def test_no_audio_has_no_columns_and_no_frames() -> None:
    empty = np.zeros(0, np.float32)
    assert log_mel(empty).shape == (80, 0)
    assert windows_of(MelWindows(Fraction(25)), empty) == []
    assert windows_of(UpstreamMelWindows(Fraction(25)), empty) == []


def test_silence_lies_at_the_floor() -> None:
    np.testing.assert_array_equal(log_mel(np.zeros(1600, np.float32)), -MEL.limit)


@pytest.mark.parametrize("size", [1, 160, 333, 5000])
def test_blocks_change_no_column(size: int) -> None:
    samples = noise(2500)
    stream = LogMelStream()
    parts = [stream.push(block) for block in blocks(samples, size)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()]).T, log_mel(samples))


@pytest.mark.parametrize("rate", FRAME_RATES)
def test_blocks_change_no_window(rate: Fraction) -> None:
    samples = noise(16000)
    for first, second in zip(
        windows_of(MelWindows(rate), samples, 16000),
        windows_of(MelWindows(rate), samples, 100),
        strict=True,
    ):
        assert first.frame == second.frame
        np.testing.assert_array_equal(first.mel, second.mel)


def test_a_window_holds_the_columns_at_its_frame() -> None:
    samples = noise(16000)
    whole = log_mel(samples)
    seventh = windows_of(MelWindows(Fraction(25)), samples)[7]
    np.testing.assert_array_equal(seventh.mel, whole[:, 22:38])
    earlier = windows_of(MelWindows(Fraction(25), "training"), samples)
    np.testing.assert_array_equal(earlier[7].mel, whole[:, 19:35])
    np.testing.assert_array_equal(earlier[0].mel[:, :4], -MEL.limit)


@pytest.mark.parametrize("pairing", LONGEST_LOOKAHEAD_S)
def test_a_window_comes_with_its_look_ahead(pairing: str) -> None:
    heard = 0

    def listening() -> Iterator[np.ndarray]:
        nonlocal heard
        for block in blocks(noise(32000), 16):
            heard += len(block)
            yield block

    ready = mel_windows(MelWindows(Fraction(25), pairing), listening())
    for window in chain.from_iterable(ready):
        if heard == 32000:
            break
        ahead = heard / 16000 - window.frame / 25
        assert ahead <= LONGEST_LOOKAHEAD_S[pairing] + 16 / 16000


def test_upstream_ends_with_the_last_whole_window() -> None:
    samples = noise(32000)
    made = windows_of(UpstreamMelWindows(Fraction(25)), samples, 777)
    assert len(made) == 47
    np.testing.assert_array_equal(made[-1].mel, log_mel(samples)[:, -16:])


def test_the_exact_length_decides_the_number_of_frames() -> None:
    samples = noise(16000)
    for seconds, frames in ((Fraction(979, 1000), 24), (Fraction(1021, 1000), 26)):
        ready = mel_windows(MelWindows(Fraction(25)), [samples], lambda seconds=seconds: seconds)
        assert len(list(chain.from_iterable(ready))) == frames
