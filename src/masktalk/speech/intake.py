"""Sound of any rate and block size in, 16 kHz out, sample for sample the same."""

from __future__ import annotations

import numpy as np
import soxr

from masktalk.errors import InputError
from masktalk.types import Audio, FloatArray

SPEECH_RATE = 16000


class Intake:
    """Streaming resampler to 16 kHz that keeps the length: N samples become N * 16000 / rate."""

    def __init__(self) -> None:
        self._rate: int | None = None
        self._resampler: soxr.ResampleStream | None = None

    def push(self, audio: Audio) -> FloatArray:
        """(N,) float32 samples at 16 kHz that have become certain; N may be 0.

        Raises:
            InputError: The rate changed within the stream, or a sample is not finite.
        """
        if self._rate is None:
            self._rate = audio.sample_rate
            if audio.sample_rate != SPEECH_RATE:
                self._resampler = soxr.ResampleStream(
                    audio.sample_rate, SPEECH_RATE, 1, dtype="float32", quality="HQ"
                )
        if audio.sample_rate != self._rate:
            raise InputError(
                "speech",
                f"its rate changed from {self._rate} to {audio.sample_rate} Hz",
                "send one rate per stream",
            )
        if not np.isfinite(audio.samples).all():
            raise InputError("speech", "it has samples that are not numbers", "re-encode the sound")
        if self._resampler is None:
            return audio.samples
        return self._run(audio.samples, last=False)

    def flush(self) -> FloatArray:
        """(N,) the rest, once the stream has ended."""
        if self._resampler is None:
            return np.zeros(0, np.float32)
        return self._run(np.zeros(0, np.float32), last=True)

    def _run(self, samples: FloatArray, *, last: bool) -> FloatArray:
        assert self._resampler is not None
        return np.asarray(self._resampler.resample_chunk(samples, last=last), np.float32)
