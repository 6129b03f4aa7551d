"""The sound of a written video: encoded as it comes, exactly as long as the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from masktalk.media.audio import chunked, resampled
from masktalk.types import FloatArray

#: Rates that are kept, of those that AAC (ISO/IEC 14496-3) and Opus (RFC 6716) take. An AAC
#: frame is 1024 samples whatever the rate: below 32 kHz it would outlast a video frame.
_RATES = {
    "aac": (96000, 88200, 64000, 48000, 44100, 32000),
    "libopus": (48000, 24000, 16000, 12000, 8000),
}
_DEFAULT_RATE = 48000
_BITS_PER_CHANNEL = 96000


class Soundtrack:
    """One audio stream of an output container.

    Args:
        container: Opened for writing; gets one more stream.
        codec: ``aac`` or ``libopus``.
        blocks: (n, channels) float32 blocks; more than two channels are averaged.
        rate: Samples per second of the blocks.
        channels: Of the blocks.
    """

    def __init__(
        self, container: Any, codec: str, blocks: Iterator[FloatArray], rate: int, channels: int
    ) -> None:
        self._container = container
        self.rate = rate if rate in _RATES[codec] else _DEFAULT_RATE
        self._channels = min(channels, 2) if channels <= 2 else 1
        self._layout = "mono" if self._channels == 1 else "stereo"
        self._stream = container.add_stream(codec, rate=self.rate)
        self._stream.codec_context.layout = self._layout
        self._format = "fltp" if codec == "aac" else "flt"
        self._stream.codec_context.format = self._format
        self._stream.codec_context.bit_rate = _BITS_PER_CHANNEL * self._channels
        self._written = 0
        self._source = chunked(resampled(self._folded(blocks), rate, self.rate), self._frame_size())
        self._next: FloatArray | None = None

    def _folded(self, blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
        for block in blocks:
            yield block if self._channels == block.shape[1] else block.mean(axis=1, keepdims=True)

    def _frame_size(self) -> int:
        self._stream.codec_context.open()
        return self._stream.codec_context.frame_size or 1024

    def write_until(self, time: Fraction) -> None:
        """Encode and mux the sound that begins before a time in seconds."""
        while self._written < time * self.rate and (block := self._take()) is not None:
            self._encode(block)

    def finish(self, video_end: Fraction, slack: Fraction) -> None:
        """Encode the rest, so that the sound ends within ``slack`` of the pictures.

        Args:
            video_end: When the last frame ends, in seconds.
            slack: How far the sound may end from there; what is longer is cut off, and what
                is shorter is filled with silence to ``video_end``.
        """
        end = round(video_end * self.rate)
        longest = round((video_end + slack) * self.rate)
        shortest = (video_end - slack) * self.rate
        while (block := self._take()) is not None and self._written < longest:
            if self._written + len(block) > longest:
                block = block[: end - self._written]
            if len(block):
                self._encode(block)
            if self._written == end:
                break
        if self._written < shortest:
            self._pad(end - self._written)
        self._container.mux(self._stream.encode(None))

    def _take(self) -> FloatArray | None:
        return next(self._source, None)

    def _pad(self, missing: int) -> None:
        while missing > 0:
            size = min(missing, self._stream.codec_context.frame_size or 1024)
            self._encode(np.zeros((size, self._channels), np.float32))
            missing -= size

    def _encode(self, block: FloatArray) -> None:
        planar = block.T if self._format == "fltp" else block.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(planar, np.float32), format=self._format, layout=self._layout
        )
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self._written
        self._written += len(block)
        self._container.mux(self._stream.encode(frame))
