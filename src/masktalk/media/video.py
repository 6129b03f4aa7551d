"""Videos as upright frames at a constant rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np

from masktalk.errors import MediaError
from masktalk.files import file_digest
from masktalk.media.color import Color, is_rgb
from masktalk.media.constant_frame_rate import estimate_frame_rate, pace
from masktalk.media.convert import FromRgb, ToRgb
from masktalk.media.deinterlacing import deinterlace
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.local_files import open_input, unreadable
from masktalk.media.orientation import Layout, Orientation, square_size
from masktalk.media.packet_copy import FrameMap
from masktalk.media.planes import turned, turns_planes
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.media.tone_mapping import (
    HDR_FORMAT,
    TONE_MAPPED_FORMAT,
    ToneMapper,
    needs_tone_mapping,
)
from masktalk.media.tracks import clock_zero, main_video_track
from masktalk.media.truncation import check_duration
from masktalk.types import Frame

#: FFmpeg's own VP8 and VP9 decoders leave the alpha plane out; libvpx's do not.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class Timing:
    """Times of the frames, from a pass over the packets without decoding.

    Attributes:
        rate: Frames per second to deliver.
        frame_count: Frames to deliver at that rate.
        stamped: Whether the time stamps tell the frames apart.
    """

    rate: Fraction
    frame_count: int
    stamped: bool = True


class VideoSource(Source):
    """The default or largest moving video track of a file.

    Args:
        path: The file.
        rate: Frames per second to deliver; None for its own.
        limits: Sizes to refuse.
        keep_hdr: Whether HDR frames stay as they are, in ten bits.
    """

    kind: SourceKind = "video"

    def __init__(
        self, path: Path, rate: Fraction | None, limits: Limits, keep_hdr: bool = False
    ) -> None:
        self.path = path
        self.track = main_video_track(path)
        with self._opened() as (container, stream):
            limits.check(path, stream.codec_context.width, stream.codec_context.height)
            self._zero = clock_zero(container, container.streams.best("audio"), stream)
        timing = self._read_timing(rate)
        self._stamped = timing.stamped
        self.rate: Fraction = timing.rate
        self.frame_count = timing.frame_count
        with self._opened() as (container, stream):
            first = next(_decoded(path, container, stream), None)
            if first is None:
                raise MediaError(path, "holds no video frame that can be decoded", _REPAIR)
            color = Color.of(stream.codec_context)
            aspect: Fraction | None = stream.sample_aspect_ratio
        kept = keep_hdr and color.is_hdr
        hdr = needs_tone_mapping(color, first.format) and not kept
        self._deepened = kept and first.format.name != HDR_FORMAT
        self._tone_mapped = color if hdr else None
        self._interlaced = bool(first.interlaced_frame)
        self.color = Color.IMAGE if hdr else color
        self.pixel_format = TONE_MAPPED_FORMAT if hdr else first.format.name
        if kept:
            self.pixel_format = HDR_FORMAT
        self._stored_size = first.width, first.height
        self.has_alpha = False
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
        self.has_alpha = _has_alpha(first) and not hdr and not kept and self._shows_through()

    @property
    def frame_map(self) -> FrameMap | None:
        """The transform of each decoded frame; None if frames depend on others, or on content."""
        if self._interlaced or self.has_alpha or self._deepened:
            return None
        return FrameMap(self.turn or Orientation(), self._tone_mapped)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """Yield the container and the chosen stream, opened anew."""
        if self.track is None:
            raise MediaError(self.path, "has no video stream", "give a picture or a video")
        with open_input(self.path) as container:
            stream: Any = container.streams[self.track]
            if stream.codec_context is None:
                raise MediaError(
                    self.path, "is in a video format that cannot be decoded", "convert it"
                )
            stream.codec_context.thread_type = "AUTO"
            yield container, stream

    def _read_timing(self, rate: Fraction | None) -> Timing:
        """Read the times of all frames from the packets, without decoding."""
        shown: list[tuple[Fraction, Fraction]] = []
        with self._opened() as (container, stream):
            base: Fraction = stream.time_base
            declared, guessed = stream.average_rate, stream.guessed_rate
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
            check_duration(self.path, container, reached)
        if not shown:
            raise MediaError(self.path, "holds no video frames", _REPAIR)
        shown.sort()
        if len(shown) > 1 and shown[-1][0] == shown[0][0]:
            nominal = _nominal_rate(declared, guessed)
            rate = rate or nominal
            return Timing(rate, max(round(len(shown) / nominal * rate), 1), stamped=False)
        rate = rate or estimate_frame_rate([time for time, _ in shown], base, declared)
        timed = ((time, duration, None) for time, duration in shown)
        return Timing(rate, sum(1 for _ in pace(timed, rate, self._zero)))

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; see ``Source.frames``."""
        to_rgb = ToRgb(self.color, self.layout, self.has_alpha)
        stored: Stored | None = None
        for index, decoded in enumerate(self.decoded_frames()):
            if stored is None or stored.decoded is not decoded:
                stored = Stored(decoded, to_rgb)
            yield SourceFrame(stored, index / self.rate)

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """See ``Source``; paced to ``rate``."""
        with self._opened() as (container, stream):
            decoded = _decoded(self.path, container, stream)
            if self._interlaced:
                decoded = deinterlace(decoded)
            timed = _timed(decoded, stream, self.rate if not self._stamped else None)
            start = self._zero if self._stamped else None
            yield from pace(
                ((t, d, self._upright(frame)) for t, d, frame in self._mapped(timed)),
                self.rate,
                start,
            )

    def _mapped(self, timed: Iterable[_Timed]) -> Iterator[_Timed]:
        """Yield frames of one size, pixel format and colour."""
        if self._tone_mapped is not None:
            mapper = ToneMapper(self._tone_mapped)
            timed = ((t, d, mapper(frame)) for t, d, frame in timed)
        if self._deepened:
            timed = ((t, d, frame.reformat(format=HDR_FORMAT)) for t, d, frame in timed)
        for time, duration, frame in timed:
            yield time, duration, self._fitted(frame)

    def _fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the frame at the size of the first one, with borders, never stretched."""
        same = (frame.width, frame.height) == self._stored_size
        if same and frame.format.name == self.pixel_format:
            return frame
        width, height = self._stored_size
        scale = min(width / frame.width, height / frame.height)
        size = max(round(frame.width * scale), 1), max(round(frame.height * scale), 1)
        alpha = any(part.is_alpha for part in av.VideoFormat(self.pixel_format).components)
        inner = ToRgb(self.color, Layout(size), alpha)(frame)
        canvas = np.zeros((height, width, inner.shape[2]), np.uint8)
        x, y = (width - size[0]) // 2, (height - size[1]) // 2
        canvas[y : y + size[1], x : x + size[0]] = inner
        if is_rgb(av.VideoFormat(self.pixel_format)):
            made = av.VideoFrame.from_ndarray(canvas, "rgba" if alpha else "rgb24")
            return made.reformat(format=self.pixel_format)
        return FromRgb(self.color, self.pixel_format, self._stored_size)(canvas)

    def _shows_through(self) -> bool:
        """Tell whether any pixel of any frame is transparent, whatever the format allows."""
        to_rgb = ToRgb(self.color, self.layout, alpha=True)
        return any(to_rgb(frame)[..., 3].min() < _OPAQUE for frame in self.decoded_frames())

    def _upright(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self.turn is None or self.turn == Orientation():
            return frame
        return turned(frame, self.turn)

    def digest(self) -> str:
        """Return a digest of the content in hex."""
        return file_digest(self.path)


#: Alpha that lossy codecs leave of what was opaque.
_OPAQUE = 250

_REPAIR = "repair it or export it again"


def _nominal_rate(*candidates: Fraction | None) -> Fraction:
    """Return the first frame rate that a recording can have; 25 without one."""
    likely = (rate for rate in candidates if rate and 1 <= rate <= 240)
    return next(likely, Fraction(25))


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


_Timed: TypeAlias = "tuple[Fraction, Fraction, av.VideoFrame]"


def _timed(
    frames: Iterator[av.VideoFrame], stream: Any, nominal: Fraction | None
) -> Iterator[_Timed]:
    """Yield (time, duration, frame) in seconds; at a nominal frame rate without stamps."""
    usual = 1 / (nominal or stream.average_rate or Fraction(25))
    time = -usual
    for frame in frames:
        if nominal is not None:
            time += usual
            yield time, usual, frame
            continue
        base = frame.time_base or stream.time_base
        time = frame.pts * base if frame.pts is not None else time + usual
        duration = frame.duration * base if frame.duration else usual
        yield time, duration, frame
