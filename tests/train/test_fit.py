from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from masktalk.errors import InputError  # noqa: E402
from masktalk.speech.network import NetworkStage, load_network  # noqa: E402
from masktalk.speech.phones import NAMES  # noqa: E402
from masktalk.train.articulation_model import SpeechModel  # noqa: E402
from masktalk.train.fit import (  # noqa: E402
    FitOptions,
    evaluate,
    fit,
)

HEADS = {"phones": len(NAMES), "gestures": 5}


def write_corpus(folder: Path) -> None:
    """Two phones that differ in their spectrum, 200 ms each in turn."""
    random = np.random.default_rng(0)
    labels = np.repeat(random.integers(0, 3, 300), 20).astype(np.uint8)
    features = random.normal(-8, 0.5, (len(labels), 40)).astype(np.float16)
    features[labels == 1, :15] += 5
    features[labels == 2, 20:] += 5
    np.savez(folder / "made.npz", features=features, labels=labels, lengths=[len(labels)])


def test_training_learns_and_writes_a_network(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    out = tmp_path / "out" / "network.npz"
    out.parent.mkdir()
    options = FitOptions(tmp_path, out, steps=100, length=64, batch=2, width=8, noise=2)
    first, last = fit(options)
    assert last["phones"] < 0.9 * first["phones"]
    assert last["gestures"] < first["gestures"]
    measured = evaluate(out, tmp_path, noise=20)
    assert 0 <= measured["clean"]["phones"] <= 1
    assert np.isfinite(measured["spoilt"]["aperture_r"])


def test_the_run_time_gives_what_torch_gives() -> None:
    torch.manual_seed(0)
    model = SpeechModel(HEADS, width=8, dilations=(1, 2)).eval()
    for block in model.blocks:
        block.norm.running_mean.normal_()
        block.norm.running_var.uniform_(0.5, 2)
    rows = torch.randn(1, 50, 40) - 6
    with torch.no_grad():
        expected = model(rows)
    network = model.exported({"phones": 0, "gestures": 0}, NAMES)
    heard = NetworkStage(network).push(rows[0].numpy())
    for name in HEADS:
        np.testing.assert_allclose(heard[name][20:], expected[name][0].numpy()[20:], atol=1e-4)


def test_training_goes_on_from_a_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = SpeechModel(HEADS, width=8, dilations=(1, 2)).eval()
    network = model.exported({"phones": 0, "gestures": 0}, NAMES)
    rows = torch.randn(4, 200, 40) - 6
    other = SpeechModel(HEADS, width=8, dilations=(1, 2)).eval()
    other.resume(network, rows)
    with torch.no_grad():
        a, b = model(rows)["phones"], other(rows)["phones"]
    np.testing.assert_allclose(a[:, 20:].numpy(), b[:, 20:].numpy(), atol=1e-3)


def test_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make one"):
        next(fit(FitOptions(tmp_path, tmp_path / "x.npz", noise=2)))


def test_a_bad_network(tmp_path: Path) -> None:
    from masktalk.errors import WeightsError

    (tmp_path / "x.npz").write_bytes(b"")
    with pytest.raises(WeightsError):
        load_network(tmp_path / "x.npz")
