"""Videos as upright frames at a constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from masktalk.errors import MediaError
from masktalk.media.color import Color
from masktalk.media.constant_frame_rate import estimate_frame_rate, pace
from masktalk.media.convert import ToRgb
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.local_files import file_digest, open_input, unreadable
from masktalk.media.orientation import Layout, Orientation, square_size
from masktalk.media.planes import turned, turns_planes
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.media.truncation import check_duration
from masktalk.types import Frame

#: FFmpeg's own VP8 and VP9 decoders leave the alpha plane out; libvpx's do not.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class Timing:
    """When frames are shown, from a pass over the packets without decoding.

    Attributes:
        rate: Frames per second to deliver.
        frame_count: Frames to deliver at that rate.
    """

    rate: Fraction
    frame_count: int


class VideoSource(Source):
    """A video file's first video stream."""

    kind: SourceKind = "video"

    def __init__(self, path: Path, rate: Fraction | None, limits: Limits) -> None:
        self.path = path
        with _video_stream(path) as (_, stream):
            limits.check(path, stream.codec_context.width, stream.codec_context.height)
        timing = _read_timing(path, rate)
        self.rate: Fraction = timing.rate
        self.frame_count = timing.frame_count
        with _video_stream(path) as (container, stream):
            first = next(_decoded(path, container, stream), None)
            if first is None:
                raise MediaError(path, "holds no video frame that can be decoded", _REPAIR)
            self.color = Color.of(stream.codec_context)
            aspect: Fraction | None = stream.sample_aspect_ratio
        self.has_alpha = _has_alpha(first)
        self.pixel_format = first.format.name
        first_size = first.width, first.height
        size = square_size(*first_size, aspect)
        limits.check(path, *size)
        orientation = Orientation.of(first)
        #: Phones film sideways; turned planes spare every later frame the way over RGB.
        self.turn = orientation if size == first_size and turns_planes(first) else None
        if self.turn is not None:
            size, orientation = Layout(size, orientation).upright, Orientation()
        self.layout = Layout(size, orientation)
        self.width, self.height = self.layout.upright

    def frames(self) -> Iterator[Frame]:
        to_rgb = ToRgb(self.color, self.layout, self.has_alpha)
        stored: Stored | None = None
        for index, decoded in enumerate(self.decoded_frames()):
            if stored is None or stored.decoded is not decoded:
                stored = Stored(decoded, to_rgb)
            yield SourceFrame(stored, index / self.rate)

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """See ``Source``; paced to ``rate``."""
        with _video_stream(self.path) as (container, stream):
            timed = _timed(_decoded(self.path, container, stream), stream)
            yield from pace(((t, d, self._upright(frame)) for t, d, frame in timed), self.rate)

    def _upright(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self.turn is None or self.turn == Orientation():
            return frame
        return turned(frame, self.turn)

    def digest(self) -> str:
        return file_digest(self.path)


_REPAIR = "repair it or export it again"


@contextmanager
def _video_stream(path: Path) -> Iterator[tuple[Any, Any]]:
    with open_input(path) as container:
        streams = [
            stream
            for stream in container.streams.video
            if not stream.disposition & type(stream.disposition).attached_pic
        ]
        if not streams:
            raise MediaError(path, "has no video stream", "give a picture or a video")
        stream = streams[0]
        if stream.codec_context is None:
            raise MediaError(path, "is in a video format that cannot be decoded", "convert it")
        stream.codec_context.thread_type = "AUTO"
        yield container, stream


def _decoded(path: Path, container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    decoder = _alpha_decoder(stream)
    count = 0
    try:
        for packet in container.demux(stream):
            frames = decoder.decode(packet if packet.size else None) if decoder else packet.decode()
            for frame in frames:
                count += 1
                yield frame
    except av.FFmpegError as error:
        if count:
            raise MediaError(
                path, f"is damaged after frame {count} ({error.strerror})", _REPAIR
            ) from error
        raise unreadable(path, error) from error


def _alpha_decoder(stream: Any) -> Any:
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return None
    if name not in av.codecs_available:
        return None
    decoder = av.CodecContext.create(name, "r")
    decoder.thread_count = 0
    return decoder


def _has_alpha(frame: av.VideoFrame) -> bool:
    return frame.format.has_palette or any(part.is_alpha for part in frame.format.components)


def _timed(
    frames: Iterator[av.VideoFrame], stream: Any
) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
    usual = 1 / (stream.average_rate or Fraction(25))
    time = -usual
    for frame in frames:
        base = frame.time_base or stream.time_base
        time = frame.pts * base if frame.pts is not None else time + usual
        duration = frame.duration * base if frame.duration else usual
        yield time, duration, frame


def _read_timing(path: Path, rate: Fraction | None) -> Timing:
    shown: list[tuple[Fraction, Fraction]] = []
    with _video_stream(path) as (container, stream):
        base: Fraction = stream.time_base
        declared: Fraction | None = stream.average_rate
        usual = 1 / (declared or Fraction(25))
        reached = Fraction(0)
        for packet in container.demux():
            if not packet.size:
                continue
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.time_base:
                reached = max(reached, (stamp + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index != stream.index or packet.is_discard:
                continue
            time = stamp * base if stamp is not None else len(shown) * usual
            shown.append((time, packet.duration * base if packet.duration else usual))
        check_duration(path, container, reached)
    if not shown:
        raise MediaError(path, "holds no video frames", _REPAIR)
    shown.sort()
    rate = rate or estimate_frame_rate([time for time, _ in shown], base, declared)
    count = sum(1 for _ in pace(((time, duration, None) for time, duration in shown), rate))
    return Timing(rate, count)
