"""The sound of a dub: the video's own, with the speech of the segments in it, to the sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from masktalk.dub.casting import Role
from masktalk.errors import MediaError
from masktalk.media import stream_audio
from masktalk.media.audio import open_audio
from masktalk.media.resampling import chunked
from masktalk.types import FloatArray

#: Rate of the sound of a video that has none of its own.
_SILENT_RATE = 48_000
_FADE_S = Fraction(1, 100)
_BLOCK_S = Fraction(1)


def segment_speech(role: Role, rate: int, samples: int | None = None) -> FloatArray:
    """Return the speech of a segment as (N,) mono samples of exactly its length.

    Args:
        role: The segment.
        rate: Samples per second.
        samples: N; None for the segment's length at that rate.
    """
    segment = role.segment
    speech = _part(segment.audio, rate, segment.offset, role.tempo * segment.seconds)
    if role.tempo != 1:
        speech = stretch(speech, rate, role.tempo)
    count = round(segment.seconds * rate) if samples is None else samples
    fitted = np.zeros(count, np.float32)
    fitted[: len(speech)] = speech[:count]
    _fade(fitted[: len(speech)], rate)
    return fitted


def stretch(samples: FloatArray, rate: int, tempo: Fraction) -> FloatArray:
    """Return (N,) samples played faster by a factor without a change of pitch.

    FFmpeg's atempo does it (waveform similarity overlap-add).
    """
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        format="flt", sample_rate=rate, layout="mono", time_base=Fraction(1, rate)
    )
    change = graph.add("atempo", f"{float(tempo):.9f}")
    sink = graph.add("abuffersink")
    source.link_to(change)
    change.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples[None], np.float32), format="flt", layout="mono"
    )
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    source.push(frame)
    source.push(None)
    parts: list[FloatArray] = []
    while True:
        try:
            pulled = sink.pull()
        except (av.EOFError, av.BlockingIOError):
            break
        assert isinstance(pulled, av.AudioFrame)
        parts.append(np.asarray(pulled.to_ndarray(), np.float32).ravel())
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


@dataclass(frozen=True)
class Mixer:
    """Mixes the sound of a dub.

    Attributes:
        video: File with the original sound; it may have none.
        roles: In order of time.
        seconds: Length of the video.
        level: Level of the original sound within segments, in decibels; None silences it.
    """

    video: Path
    roles: list[Role]
    seconds: Fraction
    level: float | None

    def write(self, path: Path) -> None:
        """Write the mixed sound as PCM in Matroska, at the original's rate and channels."""
        try:
            with open_audio(self.video) as sound:
                self._write(path, sound.blocks(), sound.rate, sound.channels)
        except MediaError as error:
            if error.problem != "has no sound in it":
                raise
            self._write(path, iter(()), _SILENT_RATE, 1)

    def _write(self, path: Path, blocks: Iterator[FloatArray], rate: int, channels: int) -> None:
        layout = "mono" if channels == 1 else "stereo"
        with av.open(str(path), "w", format="matroska") as container:
            stream = container.add_stream("pcm_f32le", rate=rate, layout=layout)
            for start, mixed in self.mixed(blocks, rate, channels):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(mixed.reshape(1, -1)), format="flt", layout=layout
                )
                frame.sample_rate, frame.pts = rate, start
                frame.time_base = Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    def mixed(
        self, blocks: Iterable[FloatArray], rate: int, channels: int
    ) -> Iterator[tuple[int, FloatArray]]:
        """Yield (index of its first sample, (n, channels) samples) of the whole sound.

        Args:
            blocks: (n, channels) samples of the original.
            rate: Samples per second.
            channels: Their number.
        """
        total = round(self.seconds * rate)
        size = round(_BLOCK_S * rate)
        original = chunked(iter(blocks), size)
        spoken: dict[int, FloatArray] = {}
        for start in range(0, total, size):
            block = np.zeros((min(size, total - start), channels), np.float32)
            own = next(original, None)
            if own is not None:
                block[: len(own)] = own[: len(block)]
            end = start + len(block)
            for number, role in enumerate(self.roles):
                first = round(role.segment.start * rate)
                last = first + round(role.segment.seconds * rate)
                if last <= start or first >= end:
                    spoken.pop(number, None)
                    continue
                if number not in spoken:
                    spoken[number] = segment_speech(role, rate)
            block *= self._gain(start, end, rate)[:, None]
            for number, speech in spoken.items():
                first = round(self.roles[number].segment.start * rate)
                low, high = max(first, start), min(first + len(speech), end)
                block[low - start : high - start] += speech[low - first : high - first, None]
            yield start, np.clip(block, -1, 1)

    def _gain(self, start: int, end: int, rate: int) -> FloatArray:
        """Return (n,) gains of the original sound: ramps just outside of the segments."""
        inside = 0.0 if self.level is None else 10 ** (self.level / 20)
        times = np.arange(start, end)
        share = np.zeros(end - start, np.float32)
        fade = round(_FADE_S * rate)
        for role in self.roles:
            first, last = (round(t * rate) for t in (role.segment.start, role.segment.end))
            if first - fade < end and last + fade > start:
                outside = np.maximum(first - times, times - (last - 1))
                share = np.maximum(share, np.clip(1 - outside / fade, 0, 1))
        return np.asarray(1 - share * (1 - inside), np.float32)


def _part(path: Path, rate: int, offset: Fraction, seconds: Fraction) -> FloatArray:
    """Return (N,) samples of a recording from an offset on, as far as it goes."""
    first, last = round(offset * rate), round((offset + seconds) * rate)
    parts = []
    for block in stream_audio(path, rate):
        begin = round(block.time * rate)
        if begin >= last:
            break
        if begin + len(block.samples) > first:
            parts.append(block.samples[max(first - begin, 0) : last - begin])
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _fade(samples: FloatArray, rate: int) -> None:
    """Fade (N,) samples in and out, in place, so that a cut does not click."""
    count = min(round(_FADE_S * rate / 2), len(samples) // 2)
    ramp = np.linspace(0, 1, count, endpoint=False, dtype=np.float32)
    samples[:count] *= ramp
    if count:
        samples[-count:] *= ramp[::-1]
