from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")

from masktalk.speech.network import BANDS, Layer, Network, NetworkStage, prepared
from masktalk.train.graphs import save_network_graph


def test_a_graph_computes_what_its_network_does(tmp_path: Path) -> None:
    random = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.1, shape).astype(np.float16).astype(np.float32)

    layers = (
        Layer(weights(2 * BANDS, 8), weights(8), 2, 1, residual=False),
        Layer(weights(3 * 8, 8), weights(8), 3, 2, residual=True),
    )
    heads = {"phones": (weights(8, 4), weights(4)), "voice": (weights(8, 1), weights(1))}
    network = Network(layers, heads, {"phones": 0, "voice": 0}, ("A", "B", "C", "D"))
    save_network_graph(network, tmp_path / "tiny.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "tiny.onnx"))
    rows = random.normal(-6, 2, (20, BANDS)).astype(np.float32)
    plain = NetworkStage(network)
    plain.push(rows[:10])
    assert plain._past is not None
    pasts = {f"past{index}": past for index, past in enumerate(plain._past)}
    phones = session.run(["phones"], {"rows": prepared(rows[10:]), **pasts})[0]
    np.testing.assert_allclose(phones, plain.push(rows[10:])["phones"], atol=1e-4)
