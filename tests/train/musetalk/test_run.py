"""Training runs from a folder of videos to weights that render: kept, killed, gone on with."""

from __future__ import annotations

import csv
import json
import logging
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from masktalk.engines.musetalk.model_bundle import Files, ModelBundle
from masktalk.engines.musetalk.networks import load_unet
from masktalk.engines.musetalk.options import MuseTalkOptions
from masktalk.errors import InputError, OptionError, OutputError, WeightsError
from masktalk.media import Writer, WriterOptions
from masktalk.train.musetalk import clips
from masktalk.train.musetalk.merge import merge
from masktalk.train.musetalk.options import TrainOptions, memory_plan
from masktalk.train.musetalk.run import train_musetalk
from masktalk.types import Frame
from tests.musetalk.tiny import tiny_models
from tests.train.musetalk.person import portrait, write_person


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one short clip, whose name has a space."""
    folder = tmp_path_factory.mktemp("my videos")
    write_person(folder / "one person.mp4", 1.0)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def given_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """The face's place is known, so that no locator runs."""
    _, face = portrait()

    def track(frames: Iterator[Frame], *_: Any) -> Iterator[Any]:
        return (None if frame.pixels.std() < 5 else face for frame in frames)

    monkeypatch.setattr(clips, "track", track)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sets") / "prepared"


def options_for(models: Path, prepared: Path, **given: Any) -> TrainOptions:
    small = {"models": models, "prepared": prepared, "device": "cpu", "precision": "fp32"}
    return TrainOptions(**{**small, "steps": 3, "batch": 2, "warmup": 0, "seed": 5, **given})


def curve(folder: Path) -> list[dict[str, float]]:
    with (folder / "curve.csv").open(newline="") as stream:
        return [
            {key: float(value) for key, value in row.items() if key != "seconds"}
            for row in csv.DictReader(stream)
        ]


def test_a_run_renders_and_merges(
    videos: Path,
    models: Path,
    prepared: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = tmp_path / "a run"
    options = options_for(models, prepared, rank=4, learning_rate=1e-2)
    with caplog.at_level(logging.WARNING):
        made = train_musetalk(videos, run, options)
    assert "vgg19: is not on this machine, so the loss vgg is off" in caplog.text
    card = json.loads((run / "card.json").read_text())
    assert card["losses_off"] == ["vgg", "sync"]
    assert (card["part"], card["steps"], card["videos"]) == ("lora", 3, ["one person.mp4"])
    assert len(curve(run)) == 3
    assert (run / "sheets" / "step-000003.png").is_file()
    assert made.after.l1 != made.before.l1
    base = models / "musetalkV15" / "unet.pth"
    config = base.with_name("musetalk.json")
    merged = merge(run, base, tmp_path / "unet.pth")
    plain = load_unet(merged, config, torch.float32, "cpu").state_dict()
    given = {"models": models, "device": "cpu", "precision": "fp32"}
    tuned = MuseTalkOptions(**given, finetuned=run)
    compute = ModelBundle(Files.find(tuned), _compute())
    state = compute.networks.unet.state_dict()
    before = load_unet(base, config, torch.float32, "cpu").state_dict()
    assert any((state[key] != before[key]).any() for key in state)
    for key, value in state.items():
        np.testing.assert_allclose(value.numpy(), plain[key].numpy(), atol=1e-6)
    with pytest.raises(WeightsError, match="base of this run"):
        merge(run, models / "sd-vae" / "diffusion_pytorch_model.bin", tmp_path / "other.pth")


def _compute() -> Any:
    from masktalk.engines.device import choose_compute

    return choose_compute("cpu", "fp32", 1)


@pytest.mark.parametrize("part", ["audio", "full"])
def test_other_parts_are_trained(
    part: Any, videos: Path, models: Path, prepared: Path, tmp_path: Path
) -> None:
    from masktalk.engines.musetalk.finetuning import FinetunedWeights

    train_musetalk(videos, tmp_path / "run", options_for(models, prepared, train=part, steps=1))
    tuned = FinetunedWeights.read(tmp_path / "run")
    assert tuned.part == part
    whole = torch.load(models / "musetalkV15" / "unet.pth", weights_only=True)
    assert set(tuned.tensors) == {key for key in whole if part == "full" or ".attn2." in key}


DRIVER = """
import os, signal, sys
from pathlib import Path
from masktalk.train.musetalk.options import TrainOptions
from masktalk.train.musetalk.run import train_musetalk
videos, run, options, last = sys.argv[1:]

def kill(stage, done, total):
    if stage == "training" and done == int(last):
        os.kill(os.getpid(), signal.SIGKILL)

train_musetalk(Path(videos), Path(run), TrainOptions.model_validate_json(options), kill)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    videos: Path, models: Path, prepared: Path, tmp_path: Path
) -> None:
    given = {"train": "full", "batch": 1, "mouth_gan": 0.01, "start_gan": 2}
    pace = {"steps": 9, "save_every": 3, "validate_every": 9, "learning_rate": 1e-4}
    options = options_for(models, prepared, **given, **pace)
    train_musetalk(videos, tmp_path / "whole", options)
    last = str(random.randint(4, 8))
    words = [str(videos), str(tmp_path / "broken"), options.model_dump_json(), last]
    killed = subprocess.run([sys.executable, "-c", DRIVER, *words], check=False)
    assert killed.returncode == -9
    train_musetalk(videos, tmp_path / "broken", options)
    whole, broken = curve(tmp_path / "whole"), curve(tmp_path / "broken")
    assert [row["step"] for row in broken] == list(range(1, 10))
    for before, after in zip(whole, broken, strict=True):
        assert after == pytest.approx(before, abs=1e-6, rel=1e-6)


def test_bad_input_is_one_line(videos: Path, models: Path, prepared: Path, tmp_path: Path) -> None:
    options = options_for(models, prepared)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no video"):
        train_musetalk(empty, tmp_path / "run", options)
    assert not (tmp_path / "run").exists()
    with pytest.raises(OutputError, match="holds something else"):
        train_musetalk(videos, videos, options)
    train_musetalk(videos, tmp_path / "run", options)
    with pytest.raises(OptionError, match="began with 5"):
        train_musetalk(videos, tmp_path / "run", options.model_copy(update={"seed": 6}))


def test_videos_that_cannot_be_used_are_named(models: Path, tmp_path: Path) -> None:
    pixels, _ = portrait()
    height, width = pixels.shape[:2]
    folder = tmp_path / "videos"
    folder.mkdir()
    with Writer(folder / "silent.mp4", WriterOptions(width, height, 25)) as writer:
        for index in range(8):
            writer.write(Frame(pixels, index))
    options = options_for(models, tmp_path / "prepared")
    with pytest.raises(InputError, match="no sound"):
        train_musetalk(folder, tmp_path / "run", options)
    index = json.loads((tmp_path / "prepared" / "index.json").read_text())
    assert not index["clips"]
    assert "sound" in next(iter(index["skipped"].values()))


def test_an_interrupted_preparation_goes_on(
    videos: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    folder, options = tmp_path / "videos", options_for(models, tmp_path / "prepared", steps=1)
    folder.mkdir()
    shutil.copy(videos / "one person.mp4", folder / "first.mp4")
    shutil.copy(videos / "one person.mp4", folder / "again.mp4")
    train_musetalk(folder, tmp_path / "run", options)
    index = json.loads((tmp_path / "prepared" / "index.json").read_text())
    assert len(index["clips"]) == 1  # the same video twice counts once
    monkeypatch.setattr("masktalk.train.musetalk.dataset.write_clip", None)  # must not be needed
    train_musetalk(folder, tmp_path / "another run", options)


@pytest.mark.parametrize("memory_gb", [None, 8.0, 12.0, 24.0, 80.0])
def test_a_plan_for_every_card(memory_gb: float | None) -> None:
    plan = memory_plan(TrainOptions(), memory_gb)
    assert plan.checkpointing == (memory_gb is not None and memory_gb < 70)
    assert memory_gb is None or plan.batch * plan.accumulate == 16
    assert memory_plan(TrainOptions(batch=3), memory_gb).batch == 3
