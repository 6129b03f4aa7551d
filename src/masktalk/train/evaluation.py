"""Scores of a trained network on a corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from masktalk.speech.network import NetworkStage, load_network
from masktalk.train.augment import NoiseBank, augment, levelled
from masktalk.train.fit import read_corpus

_STEPS = 1500


def evaluate(
    path: Path, corpus: Path, seed: int = 99, noise: int = 40
) -> dict[str, dict[str, float]]:
    """Return phone accuracy and gesture correlation, one entry a condition.

    Raises:
        InputError: The corpus is empty.
        WeightsError: The network cannot be read.
    """
    network = load_network(path)
    random = np.random.default_rng(seed)
    bank = NoiseBank.make(random, noise)
    figures = {}
    for condition in ("clean", "spoilt"):
        right, correlations = [], []
        for shard in read_corpus(corpus):
            rows = shard.features[:_STEPS].astype(np.float32)[None]
            spoilt = levelled(rows) if condition == "clean" else augment(rows, bank, random)
            heard = NetworkStage(network).push(spoilt[0])
            guessed = heard["late"].argmax(axis=1)
            right.append(float((guessed == shard.labels[: len(guessed)]).mean()))
            truth = shard.gestures[: len(heard["gestures"])]
            correlations.append(
                [np.corrcoef(heard["gestures"][:, k], truth[:, k])[0, 1] for k in (0, 1)]
            )
        aperture, width = np.nanmean(correlations, axis=0)
        figures[condition] = {
            "phones": float(np.mean(right)),
            "aperture_r": float(aperture),
            "width_r": float(width),
        }
    return figures
