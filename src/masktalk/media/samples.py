"""Decoded audio frames as arrays of one rate and channel count, placed on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from masktalk.media.downmix import stereo_matrix
from masktalk.types import FloatArray

#: Gaps and overlaps of time stamps up to here are jitter of the muxer.
_JITTER_S = Fraction(1, 20)

#: Samples of silence that are made at a time.
_SILENCE = 1 << 16


class Converter:
    """A converter of decoded frames to (n, channels) float32 at one sample rate.

    The sample format, rate and channel layout of the frames may change at any time.

    Args:
        rate: Samples per second to deliver.
        channels: Channels to deliver, 1 or 2.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._form: tuple[Any, ...] | None = None
        self._resampler: Any = None
        self._names: list[str] = []

    def __call__(self, frame: Any) -> FloatArray:
        """Return the (n, channels) samples that are ready after one more frame."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        rest = []
        if form != self._form:
            rest.append(self.flush())
            self._form = form
            # Packed: planes beyond the eighth of a planar frame are not in its data array.
            self._resampler = av.AudioResampler("flt", frame.layout, self._rate)
            self._names = [channel.name for channel in frame.layout.channels]
        frame.pts = None
        rest.extend(self._array(part) for part in self._resampler.resample(frame))
        return np.concatenate(rest) if rest else self._nothing()

    def flush(self) -> FloatArray:
        """Return the (n, channels) samples still held; the next frame starts anew."""
        if self._resampler is None:
            return self._nothing()
        parts = [self._array(part) for part in self._resampler.resample(None)]
        self._resampler = self._form = None
        return np.concatenate(parts) if parts else self._nothing()

    def _array(self, part: Any) -> FloatArray:
        width = len(self._names)
        samples = np.frombuffer(part.planes[0], np.float32, part.samples * width)
        samples = samples.reshape(-1, width)
        if width > 2:
            samples = samples @ stereo_matrix(self._names)
        if samples.shape[1] == self._channels:
            return np.array(samples, np.float32)
        if self._channels == 1:
            return np.asarray(samples.mean(axis=1, keepdims=True), np.float32)
        return np.repeat(samples, self._channels, axis=1)

    def _nothing(self) -> FloatArray:
        return np.zeros((0, self._channels), np.float32)


def on_clock(
    timed: Iterable[tuple[Fraction | None, FloatArray]], rate: int, longest: Fraction
) -> Iterator[FloatArray]:
    """Yield (n, channels) blocks so that sample n lies at n / rate seconds.

    Holes become silence, audio before time 0 is left out. Time stamps that go back, or leap
    further than ``longest``, begin a new piece right behind the last one.

    Args:
        timed: (seconds of the first sample or None, (n, channels) samples).
        rate: Samples per second.
        longest: Longest hole in seconds.
    """
    written, shift = 0, Fraction(0)
    for time, samples in timed:
        if not len(samples):
            continue
        block = samples
        if time is not None:
            early = (time + shift) * rate - written
            if written == 0 and early < 0:
                block = samples[min(round(-early), len(samples)) :]
                if not len(block):
                    continue
            elif abs(early) > _JITTER_S * rate or (written == 0 and early > 0):
                if 0 < early <= longest * rate:
                    yield from _silence(round(early), samples.shape[1])
                    written += round(early)
                else:
                    shift -= early / rate
        yield block
        written += len(block)


def _silence(count: int, channels: int) -> Iterator[FloatArray]:
    for start in range(0, count, _SILENCE):
        yield np.zeros((min(_SILENCE, count - start), channels), np.float32)
