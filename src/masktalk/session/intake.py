"""Sound as callers have it, made into the session's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr

from masktalk.errors import InputError
from masktalk.types import FloatArray

_RATES = (4_000, 384_000)


class Intake:
    """Mono, float32, one rate; keeps the resampler's state over an utterance.

    Args:
        rate: Samples per second that come out.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._from: int | None = None
        self._resampler: soxr.ResampleStream | None = None

    def push(self, pcm: Any, rate: int) -> FloatArray:
        """(N,) float32 samples in [-1, 1] that are ready.

        Raises:
            InputError: Not sound: another type, shape or rate, or not finite.
        """
        samples = as_mono(pcm)
        if not _RATES[0] <= rate <= _RATES[1]:
            raise InputError("speech", f"a rate of {rate} Hz", "send 4000 to 384000 Hz")
        if rate != self._from:
            self._from = rate
            self._resampler = None
            if rate != self._rate:
                self._resampler = soxr.ResampleStream(
                    rate, self._rate, 1, dtype="float32", quality="MQ"
                )
        return self._run(samples, last=False)

    def flush(self) -> FloatArray:
        """(N,) what the resampler still held."""
        rest = self._run(np.zeros(0, np.float32), last=True)
        self._from = self._resampler = None
        return rest

    def _run(self, samples: FloatArray, last: bool) -> FloatArray:
        if self._resampler is None:
            return samples
        return np.asarray(self._resampler.resample_chunk(samples, last=last), np.float32)


def as_mono(pcm: Any) -> FloatArray:
    """(N,) float32 in [-1, 1] from (N,) or (N, channels) of int16 or float.

    Raises:
        InputError: Another type or shape, or samples that are not finite.
    """
    samples = np.asarray(pcm)
    if samples.ndim == 2 and 1 <= samples.shape[1] <= 8:
        samples = (
            samples.mean(axis=1) if samples.dtype.kind == "f" else samples.mean(1).astype("i2")
        )
    if samples.ndim != 1:
        raise InputError("speech", f"has shape {samples.shape}", "send (N,) or (N, channels)")
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768)
    if samples.dtype.kind != "f":
        raise InputError("speech", f"is {samples.dtype}", "send int16 or float32 samples")
    if not np.isfinite(samples).all():
        raise InputError("speech", "has samples that are not numbers", "send finite samples")
    return np.clip(samples, -1, 1).astype(np.float32)
