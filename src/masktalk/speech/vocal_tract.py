"""Vocal tract length normalisation (VTLN), estimated while the speaker speaks.

A child's formants lie higher than a woman's, hers higher than a man's, by about the same
factor at all frequencies. Hearing every voice through filters warped by its own factor makes
the voices alike (vocal tract length normalisation, Lee & Rose 1998): of a few factors the one
is taken under which the acoustic model finds the phones heard so far most likely.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from masktalk.speech.acoustic import BANDS, HIGH, LOW, AcousticModel, cepstra_of
from masktalk.speech.spectrum import mel_filters
from masktalk.types import FloatArray

#: Factors to choose from; above 1 for tracts shorter than the model's average speaker.
WARPS = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12, 1.16, 1.2)
#: What is expected before anything is heard, and how much evidence outweighs it.
_EXPECTED, _TRUST = 1.02, 3000.0
#: Every so manyth step is looked at.
_STRIDE = 2
#: Share of the evidence that is left after a step: half after 14 s of speech, so that a second
#: speaker is heard too.
_KEPT = 0.9995
_MEAN_MEMORY = 500
_FEWEST = 10
#: A step speaks no louder than this against a factor: it may have been misheard.
_WORST = np.float32(-6.0)
_TINY = np.float32(1e-10)


class VocalTract:
    """Chooses the warp of the acoustic model's filters for what comes next."""

    def __init__(self, model: AcousticModel) -> None:
        self._densities = _StaticDensities(model)
        self._speech = _speech(model.phones)
        self._prior = -_TRUST * (np.array(WARPS) - _EXPECTED) ** 2
        self._evidence = np.zeros(len(WARPS))
        self._mean = np.zeros((len(WARPS), self._densities.size), np.float32)
        self._count = 0

    @property
    def warp(self) -> float:
        """The most likely factor so far, one of ``WARPS``."""
        return WARPS[int((self._evidence + self._prior).argmax())]

    @property
    def filters(self) -> FloatArray:
        """(257, BANDS) mel filters for this speaker."""
        return warped_filters(self.warp)

    def hear(self, power: FloatArray, posteriors: FloatArray) -> None:
        """Take in (N, 257) power spectra and the (N, P) phone posteriors of the same steps."""
        self._evidence *= _KEPT ** len(power)
        phones = posteriors[::_STRIDE].argmax(axis=1)
        spoken = self._speech[phones]
        phones, power = phones[spoken], power[::_STRIDE][spoken]
        if not len(phones):
            return
        # One product a warp: BLAS would wake its threads for all of them in one.
        mel = np.stack([power @ warped_filters(warp) for warp in WARPS], axis=1)
        cepstra = cepstra_of(np.log(mel + _TINY))[..., 1:]
        whole = self._count + len(cepstra)
        self._mean = (self._mean * self._count + cepstra.sum(axis=0)) / np.float32(whole)
        self._count = min(whole, _MEAN_MEMORY)
        if self._count > _FEWEST:
            scores = self._densities.of(phones, cepstra - self._mean)
            against = np.maximum(scores - scores.max(axis=1, keepdims=True), _WORST)
            self._evidence += _STRIDE * against.sum(axis=0)


class _StaticDensities:
    """Likelihoods of cepstra but for their loudness and their movement."""

    def __init__(self, model: AcousticModel) -> None:
        square, linear, constant = np.split(model.factors[0], [13, 26], axis=1)
        self.size = square.shape[1] - 1
        self._square, self._linear = square[:, 1:], linear[:, 1:]
        loudness = -(linear[:, 0] ** 2) / (4 * square[:, 0])
        self._constant = constant[:, 0] - loudness + 0.5 * np.log(-0.5 / square[:, 0])
        self._weights = model.weights[0].mean(axis=2)

    def of(self, phones: npt.NDArray[np.intp], cepstra: FloatArray) -> FloatArray:
        """(N, W) log-likelihoods of (N, W, 12) cepstra under (N,) phones."""
        scores = cepstra**2 @ self._square[phones] + cepstra @ self._linear[phones]
        scores += self._constant[phones][:, None]
        top = scores.max(axis=2, keepdims=True)
        mixed = np.exp(scores - top) @ self._weights[phones][:, :, None]
        return np.asarray((np.log(np.maximum(mixed, 1e-30)) + top)[..., 0], np.float32)


def _speech(phones: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """(P,) whether a phone is neither silence nor a noise."""
    return np.array([name != "SIL" and not name.startswith("+") for name in phones])


@lru_cache(maxsize=len(WARPS))
def warped_filters(warp: float) -> FloatArray:
    """(257, BANDS) mel filters of the acoustic model for formants higher by ``warp``."""
    return mel_filters(BANDS, LOW, HIGH, snap=True, warp=warp)
