"""Power spectra in, phone posteriors out: the acoustic model, fitted to the speaker."""

from __future__ import annotations

import numpy as np

from masktalk.speech.acoustic import PhoneStage, load_acoustic_model
from masktalk.speech.compiled import posteriors
from masktalk.speech.loudness import LoudnessNormalizer
from masktalk.speech.spectrum import BINS
from masktalk.speech.vocal_tract import VocalTract
from masktalk.types import FloatArray

#: Steps between two looks at the speaker's vocal tract.
_EVERY = 25
_TINY = np.float32(1e-10)


class SpeakerAdaptedPhones:
    """(N, 257) power spectra in, (N, P) posteriors of P phones out, ``delay`` steps later.

    The speaker is looked at after every so many steps, counted from the beginning: what comes
    out doesn't depend on how the steps are grouped.
    """

    def __init__(self) -> None:
        model = load_acoustic_model()
        self._leveller, self._phones = LoudnessNormalizer(), PhoneStage(posteriors)
        self._tract = VocalTract(model)
        self._waiting = np.zeros((0, BINS), np.float32)
        self._heard = np.zeros((0, len(model.phones)), np.float32)
        self._until_look = _EVERY

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._leveller.delay + self._phones.delay

    @property
    def warp(self) -> float:
        """Ratio of the speaker's formants to the model's average speaker's."""
        return self._tract.warp

    def push(self, power: FloatArray) -> FloatArray:
        """Push (N, bins) power spectra; return the certain (M, phones) posteriors."""
        parts = [] if len(power) else [self._hear(power)]
        while len(power):
            piece, power = power[: self._until_look], power[self._until_look :]
            parts.append(self._hear(piece))
            self._until_look -= len(piece)
            if not self._until_look:
                self._look()
        return np.concatenate(parts)

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        last = self._phones.push(self._leveller.flush().rows)
        return np.concatenate([last, self._phones.flush()])

    def _hear(self, power: FloatArray) -> FloatArray:
        self._waiting = np.concatenate([self._waiting, power])
        mel = np.log(power @ self._tract.filters + _TINY)
        scored = self._phones.push(self._leveller.push(mel).rows)
        self._heard = np.concatenate([self._heard, scored])
        return scored

    def _look(self) -> None:
        count = len(self._heard)
        self._tract.hear(self._waiting[:count], self._heard)
        self._waiting, self._heard = self._waiting[count:], self._heard[:0]
        self._until_look = _EVERY
