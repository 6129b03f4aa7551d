"""The sound of a written video: encoded as it comes, exactly as long as the pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from masktalk.media.resampling import chunked, resampled
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
        self._stream.codec_context.open()
        #: Samples in each of the codec's frames; a player may hear the last to its end.
        self._block: int = self._stream.codec_context.frame_size or 1024
        self._source = chunked(resampled(self._folded(blocks), rate, self.rate), self._block)

    def _folded(self, blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
        for block in blocks:
            yield block if self._channels == block.shape[1] else block.mean(axis=1, keepdims=True)

    def write_until(self, time: Fraction) -> None:
        """Encode and mux the sound before a time in seconds, as far as it fills whole blocks."""
        while (
            self._written + self._block <= time * self.rate and (block := self._take()) is not None
        ):
            self._encode(block)

    def finish(self, video_end: Fraction, frame: Fraction) -> None:
        """Encode the rest, so that the sound ends less than a frame before or after the pictures.

        Args:
            video_end: When the last frame ends, in seconds.
            frame: How long a frame lasts. Sound that goes on for longer is cut off; sound
                that is shorter is filled with silence to ``video_end``.
        """
        longest = _below((video_end + frame) * self.rate)
        whole = longest - longest % self._block
        shortest = (video_end - frame) * self.rate
        while self._written < longest and (block := self._take()) is not None:
            end = self._written + len(block)
            if -(-end // self._block) * self._block > longest:
                block = block[: max(whole - self._written, 0)]
            if not len(block):
                break
            self._encode(block)
        if self._written <= shortest:
            self._pad(round(video_end * self.rate) - self._written)
        self._container.mux(self._stream.encode(None))

    def _take(self) -> FloatArray | None:
        return next(self._source, None)

    def _pad(self, missing: int) -> None:
        while missing > 0:
            size = min(missing, self._block)
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


def _below(value: Fraction) -> int:
    """Return the largest whole number below a value."""
    return math.ceil(value) - 1
