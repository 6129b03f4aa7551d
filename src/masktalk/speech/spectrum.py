"""Short-time power of 16 kHz sound: one step every 10 ms, centred on it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from masktalk.media.resampling import SPEECH_RATE
from masktalk.types import FloatArray

STEP_RATE = 100
HOP = SPEECH_RATE // STEP_RATE
WINDOW = 410
HALF = WINDOW // 2
FFT = 512
BINS = FFT // 2 + 1

#: Warped filters keep to the factor up to here, and reach the top together, Hz.
_KINK, _TOP = 4800.0, 7600.0

#: Power below which a step counts as digital silence: white noise 110 dB under full scale.
SILENT_POWER = np.float32(1e-11)


class Spectrum:
    """Samples in, (N, 257) power spectra out; step k is centred on sample 160 k.

    Pre-emphasis 0.97 and a 25.6 ms Hamming window, as in CMU Sphinx's front end.
    A sound of n samples gives ceil(n / 160) steps; it is silent before and after.

    Args:
        together: Steps wait until there are so many: what follows costs little more for a
            few steps than for one.
    """

    #: Seconds of sound after a step's own time that it needs.
    reach = HALF / SPEECH_RATE

    def __init__(self, together: int = 1) -> None:
        self._together = together
        self._tail = np.zeros(HALF, np.float32)
        self._last = np.float32(0)
        self._samples = 0
        self._steps = 0

    @property
    def steps(self) -> int:
        """Steps given out so far."""
        return self._steps

    def push(self, samples: FloatArray) -> FloatArray:
        """Push (N,) samples; return the (M, bands) rows that have become certain."""
        if len(samples):
            previous = np.concatenate([[self._last], samples[:-1]])
            emphasised = samples - np.float32(0.97) * previous
            self._last = samples[-1]
            self._samples += len(samples)
            self._tail = np.concatenate([self._tail, emphasised.astype(np.float32)])
        count = (len(self._tail) - WINDOW) // HOP + 1
        return self._take(count if count >= self._together else 0)

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        missing = -(-self._samples // HOP) - self._steps
        if missing <= 0:
            return self._take(0)
        needed = (missing - 1) * HOP + WINDOW
        padding = np.zeros(max(needed - len(self._tail), 0), np.float32)
        self._tail = np.concatenate([self._tail, padding])
        return self._take(missing)

    def _take(self, count: int) -> FloatArray:
        if count <= 0:
            return np.zeros((0, BINS), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._tail, WINDOW)[::HOP][:count]
        power = np.abs(np.fft.rfft(frames * _hamming(), FFT)) ** 2
        self._tail = self._tail[count * HOP :]
        self._steps += count
        return power.astype(np.float32)


@lru_cache(maxsize=1)
def _hamming() -> FloatArray:
    return np.hamming(WINDOW).astype(np.float32)


@lru_cache(maxsize=16)
def mel_filters(
    count: int, low: float, high: float, *, snap: bool = False, warp: float = 1.0
) -> FloatArray:
    """(257, count) triangles of unit area, evenly spaced in mel (O'Shaughnessy 1987).

    Args:
        count: Number of bands.
        low: Lower edge of the first band, Hz.
        high: Upper edge of the last band, Hz.
        snap: Round the edges to FFT bins, as CMU Sphinx does.
        warp: Factor by which all edges lie higher, up to 4.8 kHz; the highest stay inside.
    """
    bin_width = SPEECH_RATE / FFT
    low_mel, high_mel = (float(2595 * np.log10(1 + edge / 700)) for edge in (low, high))
    mels = np.linspace(low_mel, high_mel, count + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    if warp != 1:
        edges = np.interp(edges, [0, _KINK, _TOP], [0, _KINK * warp, _TOP])
    if snap:
        edges = np.round(edges / bin_width) * bin_width
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    frequency = np.arange(BINS)[:, None] * bin_width
    rise = (frequency - left) / (centre - left)
    fall = (right - frequency) / (right - centre)
    return np.asarray(np.maximum(0, np.minimum(rise, fall)) * 2 / (right - left), np.float32)
