"""Wav2Lip's boxes and network input, and the whole chain, against the reference's own numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from masktalk.engines import Speech, make_engine
from masktalk.engines.wav2lip.boxes import (
    face_boxes,
    fixed_box,
    padded_box,
    upstream_smoothed,
)
from masktalk.engines.wav2lip.faces import face_input
from masktalk.engines.wav2lip.networks import LAYOUTS, Wav2Lip
from masktalk.engines.wav2lip.options import Wav2LipOptions
from masktalk.preparation import PrepareOptions, prepare
from masktalk.types import Audio, Face
from tests.golden.recipe import fill, golden, synth_frame, voice

pytestmark = pytest.mark.golden

SIZE = (150, 120)


@pytest.fixture(scope="module")
def faces() -> dict[str, np.ndarray]:
    return golden("wav2lip/c_faces")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 12, 40])
def test_upstream_smoothing(faces: dict[str, np.ndarray], count: int) -> None:
    smoothed = upstream_smoothed(faces[f"boxes_{count}"].astype(np.int64))
    np.testing.assert_array_equal(smoothed, faces[f"smoothed_{count}"])


def face_in(rectangle: np.ndarray) -> Face:
    """A face whose mesh fills a detector's box."""
    mesh = np.zeros((478, 3), np.float32)
    mesh[:, :2] = rectangle[:2]
    mesh[0, :2] = rectangle[2:]
    return Face(mesh, "test", 1.0, "open")


@pytest.mark.parametrize(
    ("name", "pads", "smoothing"),
    [
        ("default", (0, 10, 0, 0), "symmetric"),
        ("nosmooth", (0, 10, 0, 0), "none"),
        ("pads_30_20_60_70", (30, 20, 60, 70), "symmetric"),
        ("pads_neg", (-5, -8, -3, -4), "none"),
    ],
)
def test_upstream_boxes(
    faces: dict[str, np.ndarray], name: str, pads: tuple[int, ...], smoothing: str
) -> None:
    options = Wav2LipOptions(pads=pads, smoothing=smoothing, compat="upstream")
    found = face_boxes([face_in(rect) for rect in faces["fd_rects"]], SIZE, 25, options)
    np.testing.assert_array_equal(found, faces[f"fd_{name}"])
    shapes = [(y1 - y0, x1 - x0) for x0, y0, x1, y1 in found]  # type: ignore[misc]
    np.testing.assert_array_equal(shapes, faces[f"fd_{name}_crop_shapes"])


def test_pads_reach_no_further_than_the_frame(faces: dict[str, np.ndarray]) -> None:
    boxes = [padded_box(rect, (0, 10, 0, 0), SIZE) for rect in faces["fd_rects"]]
    np.testing.assert_array_equal(boxes, faces["fd_nosmooth"])


@pytest.mark.parametrize("kind", ["video", "box", "static"])
def test_network_input(faces: dict[str, np.ndarray], kind: str) -> None:
    y0, y1, x0, x1 = (int(edge) for edge in faces[f"dg_{kind}_y1y2x1x2"][0])
    if kind == "box":
        assert fixed_box((20, 110, 30, 120), SIZE) == (x0, y0, x1, y1)
    rgb = synth_frame(120, 150)[y0:y1, x0:x1, ::-1]
    levels = face_input(np.ascontiguousarray(rgb), 96).transpose(1, 2, 0) * 255
    np.testing.assert_allclose(levels, faces[f"dg_{kind}_input0_u8"], atol=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    golden("wav2lip/f_end_to_end")  # skips before the file is made
    with torch.device("meta"):
        empty = Wav2Lip(LAYOUTS[96])
    state = fill("wav2lip", empty.to_empty(device="cpu")).state_dict()
    path = tmp_path_factory.mktemp("recipe") / "wav2lip.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    return path


def points_in(box: np.ndarray, path: Path) -> Path:
    """Rig points of a face that fills a box, for a picture without one."""
    x0, y0, x1, y1 = (float(edge) for edge in box)

    def at(x: float, y: float) -> list[float]:
        return [x0 + x * (x1 - x0), y0 + y * (y1 - y0)]

    path.write_text(
        json.dumps(
            {
                "left_corner": at(0.35, 0.75),
                "right_corner": at(0.65, 0.75),
                "chin": at(0.5, 0.98),
                "left_eye": at(0.2, 0.4),
                "right_eye": at(0.8, 0.4),
            }
        )
    )
    return path


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_end_to_end(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    theirs = golden("wav2lip/f_end_to_end")
    Image.fromarray(theirs["frame"][..., ::-1]).save(tmp_path / "frame.png")
    points = points_in(theirs["detector_box"], tmp_path / "points.json")
    x0, y0, x1, y1 = (int(edge) for edge in theirs["box"])
    options = {
        "checkpoint": checkpoint,
        "compat": "upstream",
        "box": (y0, y1, x0, x1),
        "device": "cpu",
        "precision": "fp32",
        "runtime": runtime,
        "batch_size": 16,
    }
    with prepare(
        tmp_path / "frame.png", tmp_path / "avatar", PrepareOptions(points=points)
    ) as avatar:
        engine = make_engine("wav2lip", options)
        engine.prepare(avatar)
        mels, made = watch_decode(engine.model.runtime, monkeypatch)  # type: ignore[attr-defined]
        speech = Speech([Audio(voice(), 16000)], Fraction(25), recorded=True)
        patches = list(engine.speak(avatar, speech))
    assert len(patches) == theirs["frames"] == 47
    mel, bgr = np.concatenate(mels), np.concatenate(made)[..., ::-1].transpose(0, 3, 1, 2)
    shown = theirs["shown"]
    np.testing.assert_allclose(mel[shown, 0], theirs["mel"], atol=1e-4)
    np.testing.assert_allclose(bgr[shown][:, :, ::3, ::3], theirs["pred"], atol=1e-4)
    statistics = [(image.mean(), image.std(ddof=1)) for image in bgr.astype(np.float64)]
    np.testing.assert_allclose(statistics, theirs["pred_mean_std"], atol=1e-4)
    for frame, expected in zip(shown, theirs["pasted"], strict=True):
        patch = patches[frame]
        assert patch is not None
        assert (patch.x, patch.y) == (x0, y0)
        assert (patch.pixels[..., 3] == 255).all()
        levels = patch.pixels[..., 2::-1].astype(int)
        assert np.abs(levels - expected).max() <= 1


def watch_decode(
    runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Everything that is decoded from now on, as it goes in and comes out."""
    mels: list[np.ndarray] = []
    made: list[np.ndarray] = []
    decode: Callable[..., np.ndarray] = runtime.decode

    def watched(windows: np.ndarray, features: Any) -> np.ndarray:
        mels.append(windows)
        made.append(decode(windows, features))
        return made[-1]

    monkeypatch.setattr(runtime, "decode", watched)
    return mels, made
