"""Sample-rate conversion of audio streams, block by block and exact in length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any, Literal

import numpy as np
import soxr

from masktalk.errors import InputError
from masktalk.media.downmix import MonoMixer
from masktalk.numerics import from_pcm16
from masktalk.types import Audio, FloatArray

#: Samples per second that speech models take.
SPEECH_RATE = 16000

#: Samples per second that callers may send, lowest and highest.
_SAMPLE_RATES_HZ = (4_000, 384_000)


class StreamResampler:
    """A streaming converter to mono float32 at one sample rate; N samples become
    N * sample_rate / rate.

    Args:
        sample_rate: Samples per second to deliver.
        quality: soxr's recipe: ``HQ`` for analysis, ``MQ`` for low latency.
        restarts: Whether a change of rate in mid-stream starts anew instead of being refused.
    """

    def __init__(
        self,
        sample_rate: int = SPEECH_RATE,
        quality: Literal["HQ", "MQ"] = "HQ",
        *,
        restarts: bool = False,
    ) -> None:
        self._sample_rate = sample_rate
        self._quality = quality
        self._restarts = restarts
        self._rate: int | None = None
        self._mix = MonoMixer()
        self._resampler: soxr.ResampleStream | None = None

    def push(self, pcm: Any, rate: int) -> FloatArray:
        """Return the (N,) float32 samples that are ready; N may be 0.

        Args:
            pcm: (N,) or (N, channels) of int16, or of float in [-1, 1].
            rate: Samples per second of ``pcm``.

        Raises:
            InputError: Another type or shape, samples that are not finite, a sample rate out
                of bounds, or one that changed in mid-stream.
        """
        samples = mono_samples(pcm, self._mix)
        if rate != self._rate:
            self._start(rate)
        return self._run(samples, last=False)

    def flush(self) -> FloatArray:
        """Return the (N,) remaining samples and be ready for another stream."""
        rest = self._run(np.zeros(0, np.float32), last=True)
        self._rate = self._resampler = None
        self._mix = MonoMixer()
        return rest

    def _start(self, rate: int) -> None:
        low, high = _SAMPLE_RATES_HZ
        if not low <= rate <= high:
            raise InputError(
                "speech", f"has a sample rate of {rate} Hz", f"send {low} to {high} Hz"
            )
        if self._rate is not None and not self._restarts:
            raise InputError(
                "speech",
                f"its sample rate changed from {self._rate} to {rate} Hz",
                "send one sample rate per stream",
            )
        self._rate, self._resampler = rate, None
        if rate != self._sample_rate:
            self._resampler = soxr.ResampleStream(
                rate, self._sample_rate, 1, dtype="float32", quality=self._quality
            )

    def _run(self, samples: FloatArray, *, last: bool) -> FloatArray:
        if self._resampler is None:
            return samples
        return np.asarray(self._resampler.resample_chunk(samples, last=last), np.float32)


def mono_samples(pcm: Any, mix: MonoMixer | None = None) -> FloatArray:
    """Return (N,) float32 samples in [-1, 1] from (N,) or (N, channels) of int16 or float.

    Args:
        pcm: (N,) or (N, channels) of int16, or of float in [-1, 1].
        mix: The stream's mixer; None for a block on its own.

    Raises:
        InputError: Another type or shape, or samples that are not finite.
    """
    samples = np.asarray(pcm)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= 8):
        raise InputError("speech", f"has shape {samples.shape}", "send (N,) or (N, channels)")
    if samples.dtype == np.int16:
        samples = from_pcm16(samples)
    if samples.dtype.kind != "f":
        raise InputError("speech", f"is {samples.dtype}", "send int16 or float32 samples")
    if not np.isfinite(samples).all():
        raise InputError("speech", "has samples that are not finite", "send finite samples")
    samples = np.clip(samples, -1, 1).astype(np.float32)
    return samples if samples.ndim == 1 else (mix or MonoMixer())(samples)


def resampled(blocks: Iterator[FloatArray], source: int, target: int) -> Iterator[FloatArray]:
    """(n, channels) blocks at another rate; N samples give exactly round(N * target / source)."""
    if source == target:
        yield from blocks
        return
    resampler: Any = None
    taken = given = channels = 0
    for samples in blocks:
        if resampler is None:
            channels = samples.shape[1]
            resampler = soxr.ResampleStream(source, target, channels, dtype="float32")
        taken += len(samples)
        out = resampler.resample_chunk(samples)
        given += len(out)
        if len(out):
            yield _bounded(out, channels)
    if resampler is None:
        return
    nothing = np.zeros((0, channels), np.float32)
    rest = _bounded(resampler.resample_chunk(nothing, last=True), channels)
    missing = round(Fraction(taken * target, source)) - given
    if missing > len(rest):
        rest = np.concatenate([rest, np.zeros((missing - len(rest), channels), np.float32)])
    yield rest[:missing]


def speech_samples(blocks: Iterable[Audio]) -> Iterator[FloatArray]:
    """Yield (n,) 16 kHz samples of consecutive audio of any one sample rate, as it comes in.

    Args:
        blocks: In order; ``next()`` may block.
    """
    waiting = iter(blocks)
    first = next(waiting, None)
    if first is None:
        return
    columns = (block.samples[:, None] for block in chain([first], waiting))
    for part in resampled(columns, first.sample_rate, SPEECH_RATE):
        yield np.ascontiguousarray(part[:, 0])


def chunked(blocks: Iterator[FloatArray], size: int) -> Iterator[FloatArray]:
    """Yield the same samples in (size,) blocks; the last may be shorter."""
    waiting: list[FloatArray] = []
    held = 0
    for samples in blocks:
        waiting.append(samples)
        held += len(samples)
        if held < size:
            continue
        joined = np.concatenate(waiting)
        whole = held - held % size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        waiting, held = [joined[whole:]], held - whole
    if held:
        yield np.concatenate(waiting)


def _bounded(samples: Any, channels: int) -> FloatArray:
    return np.clip(np.asarray(samples, np.float32).reshape(-1, channels), -1.0, 1.0)
