"""An avatar's frames on disk: lossless, small, and quick to play in either direction."""

from __future__ import annotations

import json
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
from av.video.reformatter import VideoReformatter

from masktalk.errors import BundleError, MediaError
from masktalk.media.color import Color, is_rgb
from masktalk.media.convert import ToRgb
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.local import open_input
from masktalk.media.orientation import Layout, Orientation
from masktalk.media.output import PartFile
from masktalk.media.picture import read_picture
from masktalk.media.source import Limits, Source
from masktalk.types import Frame

logger = logging.getLogger(__name__)

#: Frames in a group of pictures; playing backwards decodes one group at a time.
_GROUP = 8
_GROUPS_KEPT = 2

_INDEX = "frames.json"
_VIDEO = "frames.mkv"
_PICTURE = "frame.png"
_VERSION = 1

#: What libx264 stores without loss; the rest goes to FFV1, or is turned into RGB first.
_X264_FORMATS = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"}
    | {"yuv420p10le", "yuv422p10le", "yuv444p10le"}
)
_X264_LOSSLESS = {
    "qp": "0", "preset": "ultrafast", "g": str(_GROUP), "keyint_min": str(_GROUP),
    "sc_threshold": "0", "bf": "0", "slices": "4",
}  # fmt: skip
_FFV1_LOSSLESS = {"level": "3", "slices": "4", "g": "1"}


@dataclass(frozen=True)
class StoreIndex:
    """What ``frames.json`` says.

    Attributes:
        frame_count: How many frames there are.
        rate: Frames per second; None for a picture.
        has_alpha: Whether frames are RGBA.
        color: What the source's numbers mean, and how to write them again.
        layout: How stored frames are turned upright.
    """

    frame_count: int
    rate: Fraction | None
    has_alpha: bool
    color: Color
    layout: Layout

    def to_json(self) -> str:
        record = {
            "version": _VERSION,
            "frame_count": self.frame_count,
            "rate": None if self.rate is None else str(self.rate),
            "has_alpha": self.has_alpha,
            "color": self.color.as_dict(),
            "size": list(self.layout.size),
            "mirrored": self.layout.orientation.mirrored,
            "quarters": self.layout.orientation.quarters,
        }
        return json.dumps(record, indent=2) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> StoreIndex:
        """Read it back.

        Raises:
            BundleError: It is missing, newer or damaged.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["version"] > _VERSION:
                raise BundleError(path, "is newer than this masktalk", "update masktalk")
            return cls(
                int(record["frame_count"]),
                None if record["rate"] is None else Fraction(record["rate"]),
                bool(record["has_alpha"]),
                Color(**record["color"]),
                Layout(
                    (int(record["size"][0]), int(record["size"][1])),
                    Orientation(bool(record["mirrored"]), int(record["quarters"])),
                ),
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
            raise BundleError(
                path, f"is missing or damaged ({error})", "prepare it again"
            ) from error


class FrameStore:
    """Frames in a folder, read at random; equal to the source's, pixel for pixel.

    One reader must not be shared between threads; each opens its own.

    Args:
        folder: That ``create`` filled.

    Raises:
        BundleError: It is damaged, or written by a newer version.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.index = StoreIndex.from_json(self.folder / _INDEX)
        self._reader: _PictureReader | _VideoReader
        if self.index.rate is None:
            self._reader = _PictureReader(self.folder / _PICTURE)
        else:
            self._reader = _VideoReader(self.folder / _VIDEO, self.index)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> FrameStore:
        """The same as ``FrameStore(folder)``."""
        return cls(folder)

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        source: Source,
        progress: Callable[[int, int], None] | None = None,
    ) -> FrameStore:
        """Store a source's frames in an existing folder and open the store.

        Args:
            folder: Where to; its own frames are replaced.
            source: Read once, lazily.
            progress: Called with frames done and frames in all.

        Raises:
            MediaError: The source is damaged.
            OutputError: The folder cannot be written to.
        """
        target = Path(folder)
        if source.rate is None:
            _store_picture(target / _PICTURE, source)
            count, layout = 1, source.layout
        else:
            count, layout = _store_video(target / _VIDEO, source, progress)
        index = StoreIndex(count, source.rate, source.has_alpha, source.color, layout)
        with PartFile(target / _INDEX, overwrite=True) as part:
            part.path.write_text(index.to_json(), encoding="utf-8")
        return cls(target)

    @property
    def frame_count(self) -> int:
        """How many frames there are."""
        return self.index.frame_count

    @property
    def rate(self) -> Fraction | None:
        """Frames per second; None for a picture."""
        return self.index.rate

    @property
    def width(self) -> int:
        """Of the frames, in pixels."""
        return self.index.layout.upright[0]

    @property
    def height(self) -> int:
        """Of the frames, in pixels."""
        return self.index.layout.upright[1]

    @property
    def has_alpha(self) -> bool:
        """Whether frames are RGBA."""
        return self.index.has_alpha

    @property
    def color(self) -> Color:
        """How to write the frames as video."""
        return self.index.color

    def frame(self, index: int) -> Frame:
        """One frame; its pixels are made when they are looked at, and are read-only.

        Raises:
            IndexError: There is no such frame.
            BundleError: The stored frames are damaged.
        """
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} of {self.frame_count}")
        time = index / self.rate if self.rate else Fraction(0)
        return SourceFrame(self._reader.stored(index), time)

    def close(self) -> None:
        """Let go of files and buffers; safe to call twice."""
        self._reader.close()

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _store_picture(path: Path, source: Source) -> None:
    pixels = next(source.frames()).pixels
    order = cv2.COLOR_RGBA2BGRA if source.has_alpha else cv2.COLOR_RGB2BGR
    _, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    with PartFile(path, overwrite=True) as part:
        part.path.write_bytes(encoded.tobytes())


def _store_video(
    path: Path, source: Source, progress: Callable[[int, int], None] | None
) -> tuple[int, Layout]:
    """Returns how many frames were stored, and how to turn them upright."""
    codec, pixel_format = _codec_for(source.pixel_format)
    frames, layout = source.decoded_frames(), source.layout
    if codec is None:
        # No lossless codec takes the source's own format, so its RGB is kept instead.
        frames, layout = _rgb_frames(source), Layout((source.width, source.height))
        codec, pixel_format = _codec_for("rgba" if source.has_alpha else "rgb24")
    count = 0
    with PartFile(path, overwrite=True) as part:
        for packet_count in _encode(part.path, frames, str(codec), pixel_format, source):
            count = packet_count
            if progress is not None:
                progress(count, max(source.frame_count, count))
    return count, layout


def _codec_for(pixel_format: str) -> tuple[str | None, str]:
    """(codec, pixel format) that keep every bit of a pixel format; no codec if none does."""
    form = av.VideoFormat(pixel_format)
    eight = all(part.bits <= 8 for part in form.components)
    if is_rgb(form) and eight:
        if form.has_palette or any(part.is_alpha for part in form.components):
            return "ffv1", "bgra"
        return ("libx264rgb", "rgb24") if _opens("libx264rgb", "rgb24") else ("ffv1", "bgr0")
    if pixel_format in _X264_FORMATS and _opens("libx264", pixel_format):
        return "libx264", pixel_format
    kept = {known.name for known in av.Codec("ffv1", "w").video_formats or ()}
    return ("ffv1" if pixel_format in kept else None), pixel_format


@cache
def _opens(codec: str, pixel_format: str) -> bool:
    if codec not in av.codecs_available:
        return False
    try:
        context: Any = av.CodecContext.create(codec, "w")
        context.width, context.height, context.pix_fmt = 64, 64, pixel_format
        context.framerate, context.options = 25, dict(_X264_LOSSLESS)
        context.open()
    except (av.FFmpegError, ValueError) as error:
        logger.info("%s in %s cannot be opened: %s", codec, pixel_format, error)
        return False
    return True


def _rgb_frames(source: Source) -> Iterator[av.VideoFrame]:
    for frame in source.frames():
        yield av.VideoFrame.from_ndarray(frame.pixels, "rgba" if source.has_alpha else "rgb24")


def _encode(
    path: Path, frames: Iterator[av.VideoFrame], codec: str, pixel_format: str, source: Source
) -> Iterator[int]:
    """Write frames without loss; yields how many are done."""
    rate = source.rate or Fraction(1)
    options = _FFV1_LOSSLESS if codec == "ffv1" else _X264_LOSSLESS
    reformatter = VideoReformatter()
    with av.open(f"file:{path}", "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options))
        stream.codec_context.pix_fmt = pixel_format
        stream.codec_context.thread_count = 0
        if not is_rgb(av.VideoFormat(pixel_format)):
            source.color.tag(stream.codec_context)
        for count, frame in enumerate(frames):
            if not count:
                stream.codec_context.width = frame.width
                stream.codec_context.height = frame.height
            picture = frame
            if frame.format.name != pixel_format:
                picture = reformatter.reformat(frame, format=pixel_format)
            picture.pts, picture.time_base, picture.pict_type = count, 1 / rate, 0
            container.mux(stream.encode(picture))
            yield count + 1
        container.mux(stream.encode(None))


class _PictureReader:
    """The one picture of a store."""

    def __init__(self, path: Path) -> None:
        try:
            self._stored = Stored(pixels=read_picture(path, Limits()))
        except MediaError as error:
            raise BundleError(path, error.problem, "prepare the avatar again") from error

    def stored(self, index: int) -> Stored:
        return self._stored

    def close(self) -> None:
        """Nothing is held open."""


class _VideoReader:
    """Decodes whole groups of pictures and keeps the last few, as decoded."""

    def __init__(self, path: Path, index: StoreIndex) -> None:
        self._path = path
        self._rate = index.rate or Fraction(1)
        self._to_rgb = ToRgb(index.color, index.layout, index.has_alpha)
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
        return self._group(index // _GROUP)[index % _GROUP]

    def close(self) -> None:
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
