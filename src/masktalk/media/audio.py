"""Sound of any rate and channel count, as a lazy stream of exact length."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from masktalk.errors import MediaError
from masktalk.media.local_files import open_input
from masktalk.media.resampling import chunked, resampled
from masktalk.media.truncation import check_duration
from masktalk.types import Audio, FloatArray

logger = logging.getLogger(__name__)

_REPAIR = "export it again, for instance as WAV"


def read_audio(path: str | os.PathLike[str], rate: int = 16000) -> Audio:
    """All of a file's sound, mono.

    Raises:
        MediaError: See ``stream_audio``.
    """
    blocks = [block.samples for block in stream_audio(path, rate, Fraction(1))]
    return Audio(np.concatenate(blocks), rate)


def stream_audio(
    path: str | os.PathLike[str], rate: int = 16000, block: Fraction = Fraction(1, 5)
) -> Iterator[Audio]:
    """A file's sound as mono blocks; channels are averaged.

    Args:
        path: An audio file, or a video with sound.
        rate: Samples per second to deliver. A file of n samples at r Hz gives exactly
            round(n * rate / r).
        block: Seconds in each block; the last may be shorter.

    Raises:
        MediaError: No file, no sound in it, sound without samples, damaged or truncated,
            or with samples that are not numbers.
    """
    size = max(round(block * rate), 1)
    done = 0
    with open_audio(path) as sound:
        for samples in chunked(resampled(_mono(sound.blocks()), sound.rate, rate), size):
            yield Audio(samples[:, 0], rate, Fraction(done, rate))
            done += len(samples)
    if not done:
        raise _silent(Path(path))


def audio_duration(path: str | os.PathLike[str]) -> Fraction:
    """Exact seconds of sound in a file, by decoding it without keeping it."""
    with open_audio(path) as sound:
        return Fraction(sum(len(samples) for samples in sound.blocks()), sound.rate)


@dataclass(frozen=True)
class Sound:
    """An opened sound stream.

    Attributes:
        path: Of the file.
        rate: Samples per second in the file.
        channels: How many it has.
    """

    path: Path
    rate: int
    channels: int
    _container: Any
    _stream: Any

    def blocks(self) -> Iterator[FloatArray]:
        """(n, channels) float32 blocks in [-1, 1], as the decoder gives them; to be read once."""
        total = 0
        for samples in self._decoded():
            if not np.isfinite(samples).all():
                at = float(Fraction(total, self.rate))
                raise MediaError(
                    self.path, f"has samples that are not numbers (at {at:.2f} s)", _REPAIR
                )
            total += len(samples)
            yield np.clip(samples, -1.0, 1.0)
        if not total:
            raise _silent(self.path)
        if len(self._container.streams) == 1:
            begin = (self._stream.start_time or 0) * self._stream.time_base
            check_duration(self.path, self._container, begin + Fraction(total, self.rate))

    def _decoded(self) -> Iterator[FloatArray]:
        """Blocks as the decoder gives them; packets before the first good one are skipped."""
        convert = av.AudioResampler(format="fltp", layout=self._stream.layout.name, rate=self.rate)
        total = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except av.InvalidDataError as error:
                    if total:
                        raise
                    logger.warning("%s: skipped a damaged beginning (%s)", self.path, error)
                    continue
                for frame in frames:
                    frame.pts = None
                    for part in convert.resample(frame):
                        samples = part.to_ndarray().T
                        total += len(samples)
                        yield np.ascontiguousarray(samples, np.float32)
        except av.FFmpegError as error:
            at = float(Fraction(total, self.rate))
            raise MediaError(
                self.path, f"its sound is damaged after {at:.2f} s ({error.strerror})", _REPAIR
            ) from error
        except ValueError as error:
            raise MediaError(self.path, f"changes its sound format ({error})", _REPAIR) from error


def _silent(path: Path) -> MediaError:
    return MediaError(path, "has 0 seconds of sound", "give a recording of speech")


@contextmanager
def open_audio(path: str | os.PathLike[str]) -> Iterator[Sound]:
    """Open the first sound stream of a local file.

    Raises:
        MediaError: There is none, or the file cannot be read.
    """
    file = Path(path)
    with open_input(file) as container:
        streams = container.streams.audio
        if not streams:
            raise MediaError(
                file, "has no sound in it", "give an audio file, or a video with a sound track"
            )
        stream = streams[0]
        rate = stream.codec_context.sample_rate if stream.codec_context else 0
        if not rate or not stream.codec_context.layout.nb_channels:
            raise MediaError(file, "its sound cannot be decoded", _REPAIR)
        yield Sound(file, rate, stream.codec_context.layout.nb_channels, container, stream)


def _mono(blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    for samples in blocks:
        yield samples.mean(axis=1, keepdims=True, dtype=np.float32)
