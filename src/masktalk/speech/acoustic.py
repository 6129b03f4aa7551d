"""Phone posteriors from CMU Sphinx's US English acoustic model.

The model (phonetically tied mixtures: 42 codebooks of 3 x 128 Gaussians) is repacked from
the pocketsphinx distribution, see NOTICE; only its context-independent states are kept.
Front end and features follow SphinxTrain: 25 mel bands, 13 cepstra, two differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import IO

import numpy as np

from masktalk.speech.stages import Window
from masktalk.types import FloatArray

BANDS = 25
LOW, HIGH = 130.0, 6800.0
_CEPSTRA = 13
_LIFTER = 22
#: How loud the model's training speech was at its peak, above its mean, in c0.
_PEAK = np.float32(26.0)
#: Acoustic scale: the streams are not independent, so likelihoods are flattened.
SCALE = np.float32(0.5)
#: Steps of the logarithms of mixture weights in the pack.
WEIGHT_STEP = np.float32(0.10239)
_MEAN_STEPS = 100.0
_MEAN_MEMORY = 500.0
_ACTIVE = np.float32(-25.0)


@dataclass(frozen=True, eq=False)
class AcousticModel:
    """Diagonal Gaussians of three streams (cepstra, differences, second differences).

    Attributes:
        phones: Names of the P phones.
        factors: (3, P, 27, G) of x^2, of x and of 1.
        weights: (3, P, G, S) mixture weights of the S states of each phone.
    """

    phones: tuple[str, ...]
    factors: FloatArray
    weights: FloatArray

    def posteriors(self, features: FloatArray) -> FloatArray:
        """(N, P) posteriors of (N, 3, 13) features."""
        _, phones, _, states = self.weights.shape
        scores = np.zeros((phones, len(features), states), np.float32)
        ones = np.ones_like(features[:, :, :1])
        terms = np.concatenate([features**2, features, ones], axis=2)
        for stream in range(3):
            density = terms[:, stream] @ self.factors[stream]
            top = density.max(axis=2, keepdims=True)
            density -= top
            mixed = np.exp(density, out=density) @ self.weights[stream]
            scores += np.log(np.maximum(mixed, 1e-30, out=mixed), out=mixed)
            scores += top
        scaled = scores.max(axis=2).T * SCALE
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)


@lru_cache(maxsize=1)
def load_acoustic_model() -> AcousticModel:
    """Return the shipped model, unpacked once."""
    with (files("masktalk.speech") / "data" / "acoustic.npz").open("rb") as stream:
        return read_acoustic_model(stream)


def read_acoustic_model(stream: IO[bytes]) -> AcousticModel:
    """Return a model packed by ``scripts/pack_acoustic.py``."""
    with np.load(stream, allow_pickle=False) as packed:
        names = tuple(str(name) for name in packed["phones"])
        mean = packed["mean"].astype(np.float32)
        variance = packed["variance"].astype(np.float32)
        weights = np.exp(-packed["weights"].astype(np.float32) * WEIGHT_STEP)
    inverse = 0.5 / variance
    constant = -(mean**2 * inverse).sum(-1) - 0.5 * np.log(variance).sum(-1)
    factors = np.concatenate([-inverse, 2 * mean * inverse, constant[..., None]], axis=-1)
    return AcousticModel(
        phones=names,
        factors=np.ascontiguousarray(factors.transpose(1, 0, 3, 2)),
        weights=weights,
    )


class PhoneStage:
    """(N, 25) levelled log-mel rows in, (N, P) phone posteriors out.

    Args:
        posteriors: ``AcousticModel.posteriors``, or what does the same.
    """

    def __init__(self, posteriors: Callable[[FloatArray], FloatArray]) -> None:
        self._posteriors = posteriors
        self._window = Window(3, 3)
        self._sum = np.zeros(_CEPSTRA, np.float32)
        self._count = _MEAN_STEPS

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._window.delay

    def push(self, rows: FloatArray) -> FloatArray:
        """Push (N, bands) log power rows; return (M, phones) posteriors."""
        return self._score(self._window.push(self._cepstra(rows)))

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        return self._score(self._window.flush())

    def _cepstra(self, rows: FloatArray) -> FloatArray:
        cepstra = cepstra_of(rows)
        for row in cepstra:
            if row[0] > _ACTIVE:
                self._sum += row
                self._count += 1
                if self._count > _MEAN_MEMORY:
                    self._sum *= _MEAN_MEMORY / self._count
                    self._count = _MEAN_MEMORY
            loudness = row[0] + _PEAK
            row -= self._sum / np.float32(self._count)
            row[0] = loudness
        return cepstra

    def _score(self, windows: FloatArray) -> FloatArray:
        w = windows
        velocity = w[:, 5] - w[:, 1]
        acceleration = (w[:, 6] - w[:, 2]) - (w[:, 4] - w[:, 0])
        return self._posteriors(np.stack([w[:, 3], velocity, acceleration], axis=1))


def cepstra_of(rows: FloatArray) -> FloatArray:
    """(..., 13) cepstra of (..., BANDS) log-mel rows."""
    cepstra: FloatArray = rows @ _cosines()
    return cepstra


@lru_cache(maxsize=1)
def _cosines() -> FloatArray:
    """(25, 13) orthonormal DCT-II with sinusoidal liftering (Juang et al. 1987)."""
    order = np.arange(_CEPSTRA)
    table = np.cos(np.pi * np.outer(np.arange(BANDS) + 0.5, order) / BANDS) * np.sqrt(2 / BANDS)
    table[:, 0] /= np.sqrt(2)
    table *= 1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)
    return np.asarray(table, np.float32)
