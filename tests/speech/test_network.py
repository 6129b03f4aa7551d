from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from masktalk.errors import WeightsError
from masktalk.speech.network import BANDS, Layer, Network, NetworkStage, load_network, save_network


def tiny(seed: int = 0) -> Network:
    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.2, shape).astype(np.float32)

    layers = (
        Layer(weights(3 * BANDS, 6), weights(6), 3, 1, False),
        Layer(weights(2 * 6, 6), weights(6), 2, 4, True),
    )
    heads = {"phones": (weights(6, 3), weights(3)), "voice": (weights(6, 1), weights(1))}
    return Network(layers, heads, {"phones": 5, "voice": 2}, ("SIL", "P", "AA"))


def rows(count: int = 40) -> np.ndarray:
    return np.random.default_rng(1).normal(-5, 2, (count, BANDS)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 3, 17])
def test_blocks_and_whole_agree(size: int) -> None:
    whole = NetworkStage(tiny()).push(rows())
    stage = NetworkStage(tiny())
    parts = [stage.push(rows()[i : i + size]) for i in range(0, 40, size)]
    for name, answer in whole.items():
        np.testing.assert_allclose(np.concatenate([p[name] for p in parts]), answer, atol=1e-5)


def test_each_head_skips_its_delay() -> None:
    heard = NetworkStage(tiny()).push(rows())
    assert len(heard["phones"]) == 35
    assert len(heard["voice"]) == 38


def test_a_constant_input_gives_a_constant_answer() -> None:
    heard = NetworkStage(tiny()).push(np.repeat(rows(1), 30, axis=0))
    assert np.ptp(heard["phones"], axis=0).max() < 1e-5


def test_plain_convolution_gives_the_same() -> None:
    network, x = tiny(), rows()
    scaled = (x + 7) * 0.25
    first, second = network.layers
    padded = np.concatenate([np.repeat(scaled[:1], 2, axis=0), scaled])
    a = np.array([padded[t : t + 3].ravel() @ first.weight + first.bias for t in range(40)])
    a = np.maximum(a, 0)
    earlier = np.concatenate([np.repeat(a[:1], 4, axis=0), a])
    pairs = np.concatenate([earlier[:40], a], axis=1)
    b = a + np.maximum(pairs @ second.weight + second.bias, 0)
    weight, bias = network.heads["phones"]
    expected = (b @ weight + bias)[5:]
    np.testing.assert_allclose(NetworkStage(network).push(x)["phones"], expected, atol=1e-4)


def test_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    save_network(tiny(), path)
    loaded = load_network(path)
    assert loaded.classes == ("SIL", "P", "AA")
    np.testing.assert_allclose(
        NetworkStage(loaded).push(rows())["phones"],
        NetworkStage(tiny()).push(rows())["phones"],
        atol=0.02,
    )


def test_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    path.write_bytes(b"no")
    with pytest.raises(WeightsError, match="not a network"):
        load_network(path)


def test_shipped_data_is_small() -> None:
    import masktalk.speech

    folder = Path(masktalk.speech.__file__).parent / "data"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8 * 2**20
