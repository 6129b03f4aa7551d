"""Samples of a prepared clip: exact audio time, references, masks, and the same ones again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from masktalk.train.musetalk import clips
from masktalk.train.musetalk.clips import Clip, ClipOptions, LocateOptions, write_clip
from masktalk.train.musetalk.references import NEAR_FRAMES, ReferenceChooser
from masktalk.train.musetalk.samples import SampleOptions, Sampler, split_runs
from masktalk.types import Audio, Face, Frame
from tests.train.musetalk.person import SIZE, portrait

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(30))
SECONDS = 90


def digits(numbers: np.ndarray) -> np.ndarray:
    """(N, 2) whole numbers small enough for half precision."""
    return np.stack([numbers // 64, numbers % 64], axis=-1).astype(np.float32)


class RowEncoder:
    """An encoder whose states are the 50 Hz rows' numbers, told by the sound itself."""

    layers, width = 1, 2

    def encode(self, samples: np.ndarray) -> np.ndarray:
        rows = len(samples) // 320
        level = samples[: rows * 320].reshape(rows, 320).mean(axis=1)
        return digits(np.round(level * SECONDS * 50))[:, None]


class Still:
    """A source whose frames are all the same wall."""

    width = height = 96

    def __init__(self, rate: Fraction) -> None:
        self.rate, self.frame_count, self.path = rate, int(SECONDS * rate), Path("still")

    def frames(self) -> Iterator[Frame]:
        wall = np.full((96, 96, 3), 120, np.uint8)
        return (Frame(wall, index / self.rate) for index in range(self.frame_count))


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_hears_its_own_time(
    rate: Fraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = portrait()[1].mesh / 3
    face = Face(mesh, "mesh", 1.0, "closed", Fraction(0))
    levels = np.repeat(np.arange(SECONDS * 50) / (SECONDS * 50), 320).astype(np.float32)
    bands = np.zeros((80, SECONDS * 80), np.float32)
    bands[:2] = digits(np.arange(SECONDS * 80)).T
    monkeypatch.setattr(clips, "track", lambda frames, *_: (face for _ in frames))
    monkeypatch.setattr(clips, "open_source", lambda _: Still(rate))
    monkeypatch.setattr(clips, "read_audio", lambda *_: Audio(levels, 16000))
    monkeypatch.setattr(clips, "log_mel", lambda _: bands)
    write_clip(tmp_path / "x.mp4", tmp_path, RowEncoder(), ClipOptions(LocateOptions()))
    clip = Clip(tmp_path)
    for frame in range(2, 2251, 19):
        high, low = clip.tokens(frame)[4]  # the window begins four rows before its frame
        middle_s = (high * 64 + low + 0.5) / 50
        assert abs(middle_s - float(clip.time(frame))) <= 0.01001
        high, low = clip.sync_mel(frame)[:2, 0]
        assert abs((high * 64 + low) / 80 - float(clip.time(frame))) <= 0.01001


@pytest.fixture
def sampler(clip: Clip) -> Sampler:
    train, _ = split_runs([clip], 0.2)
    return Sampler([clip], train, SampleOptions(SIZE, 0.5, synced=True), seed=4)


def test_a_step_has_the_same_samples_again(sampler: Sampler, clip: Clip) -> None:
    train, _ = split_runs([clip], 0.2)
    other = Sampler([clip], train, sampler.options, seed=4)
    first, again, next_step = sampler.batch(7, 2), other.batch(7, 2), other.batch(8, 2)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name
    assert not torch.equal(first.target, next_step.target)


def test_a_sample_holds_together(sampler: Sampler) -> None:
    batch = sampler.batch(0, 6)
    half = SIZE // 2
    assert (batch.hidden[:, :, half:] == -1).all()
    assert torch.equal(batch.hidden[:, :, :half], batch.target[:, :, :half])
    assert batch.neighbours is not None
    assert batch.places is not None
    placed = batch.neighbours[torch.arange(6), batch.places]
    assert torch.equal(placed, batch.target)
    painted = batch.covers.flatten(1).amax(dim=1) > 0.5
    assert 0 < painted.sum() < 6
    x0, y0, x1, y1 = batch.mouth_boxes.T
    assert ((x1 - x0 > 8) & (y1 - y0 > 4) & (y0 > SIZE // 3)).all()


def test_held_out_frames_are_never_trained_on(clip: Clip) -> None:
    train, held_out = split_runs([clip], 0.2)
    trained = {frame for part in train for frame in part.frames}
    kept = {frame for part in held_out for frame in part.frames}
    assert len(kept) == 40
    assert not trained & kept


def test_references_lie_within_the_run_and_not_near() -> None:
    rng = np.random.default_rng(0)
    chooser = ReferenceChooser(rng.normal(128, 20, (40, 68, 2)))
    for target in range(40):
        for seed in range(5):
            chosen = chooser.choose(target, 1, random.Random(seed), "pose_and_mouth")
            assert 0 <= chosen < 40
            assert abs(chosen - target) >= NEAR_FRAMES
