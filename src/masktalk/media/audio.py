"""Audio of any sample rate and channel count, as a lazy stream of exact length."""

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
from masktalk.media.downmix import MonoMixer
from masktalk.media.local_files import open_input
from masktalk.media.resampling import chunked, resampled
from masktalk.media.samples import Converter, on_clock
from masktalk.media.tracks import clock_zero, main_video_track
from masktalk.media.truncation import check_duration
from masktalk.types import Audio, FloatArray

logger = logging.getLogger(__name__)

_REPAIR = "export it again, for instance as WAV"

#: Longest hole that is filled with silence in a file that does not tell its duration.
_LONGEST_HOLE_S = Fraction(3600)

#: Failures of the demuxer behind one another after which the file counts as ended.
_MOST_FAILURES = 200

#: Damaged packets beyond which audio is refused, and their share of the sound ones.
_BAD_PACKETS = 5
_BAD_SHARE = 0.2


def read_audio(path: str | os.PathLike[str], rate: int = 16000) -> Audio:
    """Return all audio of a file, mono.

    Raises:
        MediaError: See ``stream_audio``.
    """
    blocks = [block.samples for block in stream_audio(path, rate, Fraction(1))]
    return Audio(np.concatenate(blocks), rate)


def stream_audio(
    path: str | os.PathLike[str], rate: int = 16000, block: Fraction = Fraction(1, 5)
) -> Iterator[Audio]:
    """Yield the audio of a file as mono blocks on the file's clock; holes are silence.

    Args:
        path: An audio file, or a video with sound.
        rate: Samples per second to deliver. A file of n samples at r Hz gives exactly
            round(n * rate / r).
        block: Seconds in each block; the last may be shorter.

    Raises:
        MediaError: No file, no audio in it, audio without samples, damaged or truncated,
            or with samples that are not numbers.
    """
    size = max(round(block * rate), 1)
    done, mix = 0, MonoMixer()
    with open_audio(path) as sound:
        mono = (mix(samples)[:, None] for samples in sound.blocks())
        for samples in chunked(resampled(mono, sound.rate, rate), size):
            yield Audio(samples[:, 0], rate, Fraction(done, rate))
            done += len(samples)
    if not done:
        raise _silent(Path(path))


def audio_duration(path: str | os.PathLike[str]) -> Fraction:
    """Return the exact seconds of audio in a file, by decoding it block by block."""
    with open_audio(path) as sound:
        return Fraction(sum(len(samples) for samples in sound.blocks()), sound.rate)


@dataclass(frozen=True)
class AudioStream:
    """An opened audio stream, delivered on its file's clock: holes are silence.

    Attributes:
        path: The file.
        rate: Samples per second.
        channels: Channels delivered: one, or two for stereo and for the downmix of more.
    """

    path: Path
    rate: int
    channels: int
    _container: Any
    _stream: Any
    _zero: Fraction | None

    def blocks(self) -> Iterator[FloatArray]:
        """Yield (n, channels) float32 blocks in [-1, 1]; to be read once.

        Raises:
            MediaError: The audio is mostly unreadable, truncated, empty or not finite.
        """
        total = 0
        for samples in on_clock(self._decoded(), self.rate, self._longest_hole()):
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

    def _longest_hole(self) -> Fraction:
        duration = self._container.duration
        return Fraction(duration, av.time_base) if duration else _LONGEST_HOLE_S

    def _decoded(self) -> Iterator[tuple[Fraction | None, FloatArray]]:
        """Yield (time on the file's clock or None, (n, channels) samples)."""
        convert = Converter(self.rate, self.channels)
        for frame in self._frames():
            time = None
            if frame.pts is not None:
                time = frame.pts * (frame.time_base or self._stream.time_base)
                time -= self._zero or 0
            yield time, convert(frame)
        yield None, convert.flush()

    def _frames(self) -> Iterator[Any]:
        """Yield decoded frames; damaged packets are skipped with one warning."""
        good = bad = failures = 0
        packets = self._container.demux(self._stream)
        while failures < _MOST_FAILURES:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except av.FFmpegError as error:
                bad, failures = bad + 1, failures + 1
                if bad == 1:
                    logger.warning("%s: skipped damaged audio (%s)", self.path, error.strerror)
                if not isinstance(error, av.InvalidDataError):
                    packets = self._container.demux(self._stream)
                continue
            failures = 0
            good += bool(frames)
            yield from frames
        if bad > good or (bad > _BAD_PACKETS and bad > good * _BAD_SHARE):
            raise MediaError(self.path, f"its audio is damaged ({bad} packets)", _REPAIR)


def _silent(path: Path) -> MediaError:
    return MediaError(path, "has 0 seconds of sound", "give a recording of speech")


@contextmanager
def open_audio(path: str | os.PathLike[str]) -> Iterator[AudioStream]:
    """Open the default audio stream of a local file.

    Raises:
        MediaError: The file has no audio, or cannot be read.
    """
    file = Path(path)
    video = main_video_track(file)
    with open_input(file) as container:
        streams = container.streams.audio
        if not streams:
            raise MediaError(
                file, "has no sound in it", "give an audio file, or a video with a sound track"
            )
        stream = container.streams.best("audio") or streams[0]
        rate = stream.codec_context.sample_rate if stream.codec_context else 0
        channels = stream.codec_context.layout.nb_channels if stream.codec_context else 0
        if not rate or not channels:
            raise MediaError(file, "its sound cannot be decoded", _REPAIR)
        zero = clock_zero(container, stream, None if video is None else container.streams[video])
        yield AudioStream(file, rate, min(channels, 2), container, stream, zero)
