"""Runtimes: the same numbers in each, the fastest chosen, what is missing said."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from masktalk.engines.wav2lip import model as models
from masktalk.engines.wav2lip.model import load_model
from masktalk.engines.wav2lip.onnx_runtime import (
    exported_graphs,
    onnxruntime_runtime,
    openvino_runtime,
)
from masktalk.engines.wav2lip.options import Wav2LipOptions
from masktalk.engines.wav2lip.runtime import Runtime, TorchRuntime
from masktalk.errors import MissingExtraError, OptionError
from tests.wav2lip.tiny import tiny_generator, write_checkpoint

CPU = torch.device("cpu")


def inputs(size: int, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    faces = rng.random((count, 6, size, size), np.float32)
    return faces, rng.uniform(-4, 4, (count, 1, 80, 16)).astype(np.float32)


def plain(size: int, faces: np.ndarray, mels: np.ndarray) -> np.ndarray:
    """What the network gives without folding, as RGB with channels last."""
    with torch.inference_mode():
        made = tiny_generator(size)(torch.from_numpy(mels), torch.from_numpy(faces))
    return made.flip(1).permute(0, 2, 3, 1).numpy()


def check(runtime: Runtime, size: int, tolerance: float) -> None:
    faces, mels = inputs(size)
    features = runtime.encode(faces)
    kept = [runtime.from_arrays(runtime.to_arrays(each)) for each in features]
    for given in (features, kept):
        np.testing.assert_allclose(
            runtime.decode(mels, given), plain(size, faces, mels), atol=tolerance
        )
    shared = runtime.decode(mels, features[:1] * 3)
    alone = plain(size, faces[:1].repeat(3, axis=0), mels)
    np.testing.assert_allclose(shared, alone, atol=tolerance)


@pytest.mark.parametrize("size", [96, 256, 384])
def test_every_runtime_gives_the_same_numbers(size: int, tmp_path: Path) -> None:
    check(TorchRuntime(tiny_generator(size), CPU, torch.float32), size, 1e-5)
    folder = exported_graphs(lambda: tiny_generator(size), tmp_path / "graphs")
    check(onnxruntime_runtime(folder, size), size, 1e-5)
    if find_spec("openvino"):
        check(openvino_runtime(folder, size, "fp32"), size, 1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {"graphs"}


def test_bfloat16_is_near_and_can_be_kept() -> None:
    check(TorchRuntime(tiny_generator(), CPU, torch.bfloat16), 96, 0.05)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("runtimes") / "wav2lip.pth")


def choose(checkpoint: Path, **options: Any) -> models.Model:
    chosen = Wav2LipOptions(checkpoint=checkpoint, device="cpu", precision="fp32", **options)
    return load_model(checkpoint, chosen)


@pytest.mark.parametrize("fastest", ["torch", "onnxruntime"])
def test_the_fastest_runtime_is_chosen_and_said(
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fastest: str,
) -> None:
    def measured(runtime: Runtime) -> float:
        return 0.02 if runtime.name.startswith(fastest) else 0.1

    monkeypatch.setattr(models, "_seconds_per_frame", measured)
    with caplog.at_level(logging.INFO):
        model = choose(checkpoint)
    assert model.runtime.name == f"{fastest} fp32"
    assert f"96 px in {fastest} fp32 on the processor, about 20 ms a frame" in caplog.text
    assert choose(checkpoint) is model


def test_too_slow_for_live_is_said_as_a_warning(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models, "_seconds_per_frame", lambda _: 0.1)
    choose(checkpoint, runtime="torch")
    assert "about 100 ms a frame (10 frames/s)" in caplog.text


def test_graphs_are_exported_once(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models, "_seconds_per_frame", lambda _: 0.01)
    with caplog.at_level(logging.INFO):
        choose(checkpoint, runtime="onnxruntime")
        models._LOADED.clear()
        choose(checkpoint, runtime="onnxruntime")
    assert caplog.text.count("exporting") <= 1


def test_a_runtime_that_is_not_installed_is_said(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        models, "find_spec", lambda name: None if name == "openvino" else find_spec(name)
    )
    with pytest.raises(MissingExtraError, match=r"masktalk\[openvino\]"):
        choose(checkpoint, runtime="openvino")


def test_onnxruntime_computes_in_fp32_alone(checkpoint: Path) -> None:
    options = Wav2LipOptions(
        checkpoint=checkpoint, device="cpu", precision="bf16", runtime="onnxruntime"
    )
    with pytest.raises(OptionError, match="fp32 alone"):
        load_model(checkpoint, options)


@pytest.mark.gpu
@pytest.mark.parametrize("size", [96, 256])
def test_half_precision_on_a_gpu_is_near(size: int) -> None:
    check(TorchRuntime(tiny_generator(size), torch.device("cuda"), torch.float16), size, 0.02)
