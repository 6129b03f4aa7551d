"""Video without loss: small, quick to decode, and quick to play backwards."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import VideoReformatter

from masktalk.errors import BundleError, MediaError
from masktalk.media.color import Color, is_rgb
from masktalk.media.convert import ToRgb
from masktalk.media.frames import Stored
from masktalk.media.local_files import open_input

logger = logging.getLogger(__name__)

#: Frames in a group of pictures; playing backwards decodes one group at a time.
_GROUP = 8
_GROUPS_KEPT = 2

#: What libx264 stores without loss.
_X264_FORMATS = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
    | {"yuv420p10le", "yuv422p10le", "yuv444p10le"}
)
_X264 = {
    "qp": "0", "preset": "ultrafast", "g": str(_GROUP), "keyint_min": str(_GROUP),
    "sc_threshold": "0", "bf": "0", "slices": "4",
}  # fmt: skip
#: FFV1 picks the number of slices: it refuses most numbers for odd sizes of halved chroma.
_FFV1 = {"level": "3", "g": "1"}


@dataclass(frozen=True)
class Lossless:
    """A codec and the pixel format that it is given.

    Attributes:
        codec: FFmpeg's name.
        pixel_format: FFmpeg's name.
    """

    codec: str
    pixel_format: str

    @property
    def options(self) -> dict[str, str]:
        """Return the codec options for lossless coding in short groups of pictures."""
        return dict(_FFV1 if self.codec == "ffv1" else _X264)


def lossless_for(pixel_format: str, width: int, height: int) -> Lossless | None:
    """Choose a lossless codec; x264 is smaller and quicker to decode than FFV1.

    Returns:
        None if no codec takes the format; RGB can be kept instead, always.
    """
    form = av.VideoFormat(pixel_format)
    if is_rgb(form) and all(part.bits <= 8 for part in form.components):
        if form.has_palette or any(part.is_alpha for part in form.components):
            return Lossless("ffv1", "bgra")
        if opens("libx264rgb", "rgb24"):
            return Lossless("libx264rgb", "rgb24")
        return Lossless("ffv1", "bgr0")
    even = "444" in pixel_format or (width % 2 == 0 and height % 2 == 0)
    if pixel_format in _X264_FORMATS and even and opens("libx264", pixel_format):
        return Lossless("libx264", pixel_format)
    kept = {known.name for known in av.Codec("ffv1", "w").video_formats or ()}
    return Lossless("ffv1", pixel_format) if pixel_format in kept else None


@cache
def opens(codec: str, pixel_format: str) -> bool:
    """Return whether an encoder can be opened in lossless mode."""
    if codec not in av.codecs_available:
        return False
    try:
        context: Any = av.CodecContext.create(codec, "w")
        context.width, context.height, context.pix_fmt = 64, 64, pixel_format
        context.framerate, context.options = 25, Lossless(codec, pixel_format).options
        context.open()
    except (av.FFmpegError, ValueError) as error:
        logger.info("%s in %s cannot be opened: %s", codec, pixel_format, error)
        return False
    return True


def encode_lossless(
    path: Path, frames: Iterator[av.VideoFrame], kept: Lossless, rate: Fraction, color: Color
) -> Iterator[int]:
    """Write frames as Matroska; yields how many are done.

    Args:
        path: Where to.
        frames: All of one size.
        kept: From ``lossless_for``.
        rate: Frames per second.
        color: What to tag YUV with.
    """
    reformatter = VideoReformatter()
    with av.open(f"file:{path}", "w", format="matroska") as container:
        stream = container.add_stream(kept.codec, rate=rate, options=kept.options)
        context: Any = stream.codec_context
        context.pix_fmt = kept.pixel_format
        context.thread_count = 0
        if not is_rgb(av.VideoFormat(kept.pixel_format)):
            color.tag(context)
        for count, frame in enumerate(frames):
            if not count:
                context.width, context.height = frame.width, frame.height
            picture = frame
            if frame.format.name != kept.pixel_format:
                picture = reformatter.reformat(frame, format=kept.pixel_format)
            picture.pts, picture.time_base, picture.pict_type = count, 1 / rate, 0
            container.mux(stream.encode(picture))
            yield count + 1
        container.mux(stream.encode(None))


class LosslessReader:
    """Frames of such a file in any order; decodes whole groups and keeps the last few.

    Args:
        path: That ``encode_lossless`` wrote.
        rate: Frames per second.
        to_rgb: How to look at the frames.

    Raises:
        BundleError: It is missing or damaged.
    """

    def __init__(self, path: Path, rate: Fraction, to_rgb: ToRgb) -> None:
        self._path = path
        self._rate = rate
        self._to_rgb = to_rgb
        self._groups: OrderedDict[int, list[Stored]] = OrderedDict()
        self._stack = ExitStack()
        try:
            self._container: Any = self._stack.enter_context(open_input(path))
            self._stream: Any = self._container.streams.video[0]
        except (MediaError, IndexError) as error:
            raise BundleError(path, f"is damaged ({error})", "prepare the avatar again") from error
        # Frame threads would decode into the next group only to throw it away.
        self._stream.codec_context.thread_type = "SLICE"
        self._decoder: Iterator[Any] = iter(())
        self._at = -1

    def stored(self, index: int) -> Stored:
        """Frame number ``index``."""
        return self._group(index // _GROUP)[index % _GROUP]

    def close(self) -> None:
        """Let go of the file and the frames kept."""
        self._groups.clear()
        self._decoder = iter(())
        self._stack.close()

    def _group(self, number: int) -> list[Stored]:
        group = self._groups.get(number)
        if group is None:
            group = self._decoded(number)
            self._groups[number] = group
            while len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(number)
        return group

    def _decoded(self, number: int) -> list[Stored]:
        first = number * _GROUP
        try:
            if self._at != first:
                offset = round(first / self._rate / self._stream.time_base)
                self._container.seek(offset, stream=self._stream)
                self._decoder = self._container.decode(self._stream)
            frames = list(islice(self._decoder, _GROUP))
        except av.FFmpegError as error:
            raise BundleError(
                self._path, f"is damaged ({error.strerror})", "prepare the avatar again"
            ) from error
        self._at = first + len(frames)
        times = [round(frame.pts * frame.time_base * self._rate) for frame in frames]
        if times != list(range(first, first + len(frames))):
            raise BundleError(self._path, "is damaged (frames missing)", "prepare the avatar again")
        return [Stored(frame, self._to_rgb) for frame in frames]
