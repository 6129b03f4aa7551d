"""An avatar's frames on disk: every bit of them, and quick to play in either direction."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import cv2

from masktalk.errors import BundleError, MediaError
from masktalk.media.color import Color
from masktalk.media.convert import ToRgb
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.image import read_image
from masktalk.media.lossless import LosslessReader, encode_lossless, lossless_for
from masktalk.media.orientation import Layout, Orientation
from masktalk.media.output import PartFile
from masktalk.media.packet_copy import (
    PacketCheck,
    PacketIndex,
    PacketReader,
    copy_packets,
    index_packets,
)
from masktalk.media.source import FirstFrames, Limits, Source
from masktalk.media.video import VideoSource
from masktalk.types import Frame

_INDEX = "frames.json"
_VIDEO = "frames.mkv"
_PACKETS = "frames.packets.mkv"
_PICTURE = "frame.png"
_VERSION = 2

#: Size beyond which frames are not stored a second time, if the packets give them.
_MAX_LOSSLESS_BYTES = 150_000_000


@dataclass(frozen=True)
class StoreIndex:
    """Contents of ``frames.json``.

    Attributes:
        frame_count: How many frames there are.
        rate: Frames per second; None for a picture.
        has_alpha: Whether frames are RGBA.
        color: What the source's numbers mean, and how to write them again.
        layout: How stored frames are turned upright.
        packets: Groups of the source's own packets; None if they are not kept.
        lossless: Whether the frames are stored without loss, too.
    """

    frame_count: int
    rate: Fraction | None
    has_alpha: bool
    color: Color
    layout: Layout
    packets: PacketIndex | None = None
    lossless: bool = True

    def to_json(self) -> str:
        """Return the record as JSON."""
        record = {
            "version": _VERSION,
            "frame_count": self.frame_count,
            "rate": None if self.rate is None else str(self.rate),
            "has_alpha": self.has_alpha,
            "color": self.color.as_dict(),
            "size": list(self.layout.size),
            **asdict(self.layout.orientation),
            "packets": None if self.packets is None else self.packets.as_dict(),
            "lossless": self.lossless,
        }
        return json.dumps(record) + "\n"

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
                    Orientation(record["mirrored"], record["quarters"]),
                ),
                PacketIndex.from_dict(record["packets"]) if record.get("packets") else None,
                bool(record.get("lossless", True)),
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
            raise BundleError(
                path, f"is missing or damaged ({error})", "prepare the avatar again"
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
        self._reader: _PictureReader | LosslessReader | PacketReader
        self._forward: PacketReader | None = None
        if self.index.rate is None:
            self._reader = _PictureReader(self.folder / _PICTURE)
        else:
            to_rgb = ToRgb(self.index.color, self.index.layout, self.index.has_alpha)
            packets = self.folder / _PACKETS
            if self.index.packets is not None:
                self._forward = PacketReader(packets, self.index.packets, to_rgb)
            if self._forward is not None and not self.index.lossless:
                self._reader = self._forward
            else:
                self._reader = LosslessReader(self.folder / _VIDEO, self.index.rate, to_rgb)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> FrameStore:
        """Return the same as ``FrameStore(folder)``."""
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
            index = _index(source, 1, source.layout)
        else:
            index = _store_video(target, source, progress)
        with PartFile(target / _INDEX, overwrite=True) as part:
            part.path.write_text(index.to_json(), encoding="utf-8")
        return cls(target)

    @property
    def frame_count(self) -> int:
        """Number of frames."""
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
        """Return whether frames are RGBA."""
        return self.index.has_alpha

    @property
    def color(self) -> Color:
        """Colour space to write the frames in."""
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
        forwards = self._forward is not None and self._forward.follows(index)
        reader = self._forward if self._forward is not None and forwards else self._reader
        return SourceFrame(reader.stored(index), time)

    def close(self) -> None:
        """Let go of files and buffers; safe to call twice."""
        self._reader.close()
        if self._forward is not None:
            self._forward.close()

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


def _index(source: Source, count: int, layout: Layout) -> StoreIndex:
    return StoreIndex(count, source.rate, source.has_alpha, source.color, layout)


def _store_video(
    folder: Path, source: Source, progress: Callable[[int, int], None] | None
) -> StoreIndex:
    with _packets(folder, source) as check:
        index = _store_frames(folder, source, check, progress)
    if index.packets is None and not index.lossless:
        # A late packet turned out to decode to another frame.
        index = _store_frames(folder, source, None, progress)
    if not index.lossless:
        (folder / _VIDEO).unlink(missing_ok=True)
    return index


def _store_frames(
    folder: Path,
    source: Source,
    check: PacketCheck | None,
    progress: Callable[[int, int], None] | None,
) -> StoreIndex:
    """Store a video without loss, as far as its packets do not suffice."""
    frames, layout = source.decoded_frames(), source.layout
    kept = lossless_for(source.pixel_format, source.width, source.height)
    if kept is None:
        # No lossless codec takes the source's own format, so its RGB is kept instead.
        frames, layout = _rgb_frames(source), Layout((source.width, source.height))
        kept = lossless_for("rgba" if source.has_alpha else "rgb24", *layout.size)
    assert kept is not None, "RGB can always be kept"
    count, rate, lossless = 0, source.rate or Fraction(1), True
    shown = frames if check is None else check.watch(frames)
    frame_bytes = source.width * source.height * 3 // 2
    with PartFile(folder / _VIDEO, overwrite=True) as part:
        for count in encode_lossless(part.path, shown, kept, rate, source.color):
            _tell(progress, count, source)
            if check is not None and _is_large(part.path) and check.suffices(frame_bytes):
                lossless = False
                break
        if not lossless:
            part.discard()
            for _ in shown:
                count += 1
                _tell(progress, count, source)
    index = replace(_index(source, count, layout), lossless=lossless)
    if check is None or not check.same:
        return index
    return replace(index, packets=check.index)


def _tell(progress: Callable[[int, int], None] | None, count: int, source: Source) -> None:
    if progress is not None:
        progress(count, max(source.frame_count, count))


def _is_large(path: Path) -> bool:
    return path.stat().st_size > _MAX_LOSSLESS_BYTES


@contextmanager
def _packets(folder: Path, source: Source) -> Iterator[PacketCheck | None]:
    """Keep a video's own packets, to be checked while its frames are stored."""
    video, until = source, None
    if isinstance(source, FirstFrames) and source.rate is not None:
        video, until = source.source, source.frame_count / source.rate
    if not isinstance(video, VideoSource) or video.frame_map is None:
        yield None
        return
    target = folder / _PACKETS
    check = None
    with PartFile(target, overwrite=True) as part:
        if copy_packets(video.path, part.path, video.track or 0, until):
            index = index_packets(part.path, video.frame_map)
            check = None if index is None else PacketCheck(part.path, index)
        yield check
        if check is not None:
            check.close()
        if check is None or not check.same:
            part.discard()
            target.unlink(missing_ok=True)


def _rgb_frames(source: Source) -> Iterator[av.VideoFrame]:
    for frame in source.frames():
        yield av.VideoFrame.from_ndarray(frame.pixels, "rgba" if source.has_alpha else "rgb24")


class _PictureReader:
    """The one picture of a store."""

    def __init__(self, path: Path) -> None:
        try:
            # However large it was made, it is not reduced again.
            limits = Limits(kept_pixels=Limits().max_image_pixels)
            self._stored = Stored(pixels=read_image(path, limits))
        except MediaError as error:
            raise BundleError(path, error.problem, "prepare the avatar again") from error

    def stored(self, index: int) -> Stored:
        return self._stored

    def close(self) -> None:
        """Nothing is held open."""
