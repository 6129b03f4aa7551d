from __future__ import annotations

import numpy as np
import pytest

from masktalk.speech.acoustic import load_acoustic_model
from masktalk.speech.compiled import CompiledStage, posteriors
from masktalk.speech.network import BANDS, NetworkStage, shipped_network


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("steps", [0, 1, 4, 30])
def test_posteriors_are_the_plain_ones(steps: int, random: np.random.Generator) -> None:
    features = (5 * random.normal(size=(steps, 3, 13))).astype(np.float32)
    plain = load_acoustic_model().posteriors(features) if steps else np.zeros((0, 42))
    np.testing.assert_allclose(posteriors(features), plain, atol=2e-4)


def test_a_uniform_answer_is_not_enough(random: np.random.Generator) -> None:
    features = (5 * random.normal(size=(100, 3, 13))).astype(np.float32)
    assert len(set(posteriors(features).argmax(axis=1))) > 5


@pytest.mark.parametrize("size", [1, 4, 50, 200])
def test_the_network_answers_as_the_plain_one(size: int, random: np.random.Generator) -> None:
    rows = random.normal(-6, 2, (200, BANDS)).astype(np.float32)
    network = shipped_network()
    plain, compiled = NetworkStage(network).push(rows), CompiledStage(network)
    parts = [compiled.push(rows[i : i + size]) for i in range(0, len(rows), size)]
    for name, expected in plain.items():
        answered = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(answered, expected, atol=1e-3)
        assert expected.std() > 1e-3


def test_no_rows_are_no_answers() -> None:
    network = shipped_network()
    compiled = CompiledStage(network)
    answers = compiled.push(np.zeros((0, BANDS), np.float32))
    assert {name: rows.shape for name, rows in answers.items()} == {
        name: (0, len(bias)) for name, (_, bias) in network.heads.items()
    }
