"""A video's own packets as a store of frames: small, and read in either direction.

Lossless video is large: some hundred megabytes a minute. The packets of the recording are
much smaller, and are kept if each of their groups, decoded by itself, gives the very frames
of the source.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from masktalk.errors import BundleError, MediaError
from masktalk.media.color import Color
from masktalk.media.convert import ToRgb
from masktalk.media.frames import Stored
from masktalk.media.local_files import open_input
from masktalk.media.orientation import Orientation
from masktalk.media.planes import HALVED_FORMATS, plane_views, turned
from masktalk.media.tone_mapping import ToneMapper

logger = logging.getLogger(__name__)

#: Fewest frames of a group: codecs of key frames only would seek for each of them.
_MIN_GROUP = 8

#: Frames that are decoded only to be left out, before a leap counts as one.
_LEAP = 4

#: Bytes of decoded frames that are held for playing backwards.
_WINDOW_BYTES = 128 << 20

#: Windows of the longest group, each of which is decoded from the group's beginning.
_MAX_WINDOWS = 8


@dataclass(frozen=True)
class FrameMap:
    """A transform of decoded frames that is applied when they are read.

    Attributes:
        turn: How to turn the planes upright.
        tone_mapped: Colour description of HDR frames; None for others.
    """

    turn: Orientation = field(default_factory=Orientation)
    tone_mapped: Color | None = None

    def apply_to(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Yield the transformed frames."""
        mapper = None if self.tone_mapped is None else ToneMapper(self.tone_mapped)
        for frame in frames:
            mapped = frame if mapper is None else mapper(frame)
            yield mapped if self.turn == Orientation() else turned(mapped, self.turn)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        color = None if self.tone_mapped is None else self.tone_mapped.as_dict()
        return {"turn": asdict(self.turn), "tone_mapped": color}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> FrameMap:
        """Read them back."""
        color = record["tone_mapped"]
        return cls(Orientation(**record["turn"]), None if color is None else Color(**color))


@dataclass(frozen=True)
class PacketIndex:
    """The groups of copied packets, and the decoded frame that each frame shows.

    Attributes:
        numbers: Number of each group's first decoded frame, and that behind the last frame.
        stamps: Time stamp of each group's key frame.
        frame_map: Transform of decoded frames.
        shown: Number of the decoded frame for each frame; None if they are one to one.
    """

    numbers: tuple[int, ...]
    stamps: tuple[int, ...]
    frame_map: FrameMap
    shown: tuple[int, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "numbers": list(self.numbers),
            "stamps": list(self.stamps),
            "map": self.frame_map.as_dict(),
            "shown": None if self.shown is None else list(self.shown),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> PacketIndex:
        """Read them back."""
        shown = record["shown"]
        return cls(
            tuple(record["numbers"]),
            tuple(record["stamps"]),
            FrameMap.from_dict(record["map"]),
            None if shown is None else tuple(shown),
        )

    def number(self, index: int) -> int:
        """Return the number of the decoded frame that a frame shows."""
        return index if self.shown is None else self.shown[index]

    def group(self, number: int) -> int:
        """Return the group of a decoded frame."""
        return bisect_right(self.numbers, number) - 1

    def is_quick(self, frame_bytes: int) -> bool:
        """Tell whether playing backwards decodes a group a bounded number of times."""
        longest = max(b - a for a, b in zip(self.numbers, self.numbers[1:], strict=False))
        return longest <= _MAX_WINDOWS * _window(frame_bytes)


def _window(frame_bytes: int) -> int:
    return max(_WINDOW_BYTES // max(frame_bytes, 1), _MIN_GROUP)


def copy_packets(source: Path, target: Path, track: int = 0, until: Fraction | None = None) -> bool:
    """Write the video stream of a file, and nothing else of it, as Matroska.

    Args:
        source: File to copy from.
        target: File to write.
        track: Index of the stream.
        until: Seconds from the stream's start after which the next key frame ends the copy.

    Returns:
        Whether Matroska takes it.
    """
    try:
        with (
            open_input(source) as reader,
            av.open(f"file:{target}", "w", format="matroska") as writer,
        ):
            stream: Any = reader.streams[track]
            copy = writer.add_stream_from_template(stream)
            last = None
            if until is not None:
                last = (stream.start_time or 0) + until / stream.time_base
            for packet in reader.demux(stream):
                if packet.dts is None:
                    continue
                if last is not None and packet.is_keyframe and (packet.pts or 0) > last:
                    break
                packet.stream = copy
                writer.mux(packet)
    except (av.FFmpegError, ValueError, MediaError) as error:
        logger.info("%s: packets not kept (%s)", source, error)
        return False
    return True


def index_packets(path: Path, frame_map: FrameMap) -> PacketIndex | None:
    """Return the groups of copied packets; None if time stamps are missing."""
    stamps: list[int] = []
    keys: list[int] = []
    with open_input(path) as container:
        for packet in container.demux(video=0):
            if not packet.size:
                continue
            if packet.pts is None:
                return None
            stamps.append(packet.pts)
            if packet.is_keyframe:
                keys.append(packet.pts)
    stamps.sort()
    if not keys or keys != sorted(keys) or len(set(stamps)) != len(stamps):
        return None
    # Frames before the first key frame cannot be decoded.
    first = bisect_right(stamps, keys[0] - 1)
    numbers, starts = [0], [keys[0]]
    for key in keys[1:]:
        number = bisect_right(stamps, key - 1) - first
        if number - numbers[-1] >= _MIN_GROUP:
            numbers.append(number)
            starts.append(key)
    return PacketIndex((*numbers, len(stamps) - first), tuple(starts), frame_map)


class _GroupDecoder:
    """A decoder of copied packets, one group at a time.

    Args:
        path: From ``copy_packets``.
        index: From ``index_packets``.
    """

    def __init__(self, path: Path, index: PacketIndex) -> None:
        self._index = index
        self._stack = ExitStack()
        self._container: Any = self._stack.enter_context(open_input(path))
        self._stream: Any = self._container.streams.video[0]
        self._stream.codec_context.thread_type = "AUTO"
        self._path = path

    def frames(self, group: int) -> Iterator[av.VideoFrame]:
        """Yield the frames of a group.

        Raises:
            MediaError: It does not have as many as it must.
        """
        first, last = self._index.numbers[group : group + 2]
        decoded = self._index.frame_map.apply_to(self._decoded(self._index.stamps[group]))
        for _ in range(first, last):
            frame = next(decoded, None)
            if frame is None:
                raise MediaError(self._path, "frames are missing", "prepare the avatar again")
            yield frame

    def _decoded(self, stamp: int) -> Iterator[av.VideoFrame]:
        """Yield decoded frames from a key frame on, without those shown before it."""
        try:
            self._container.seek(stamp, stream=self._stream)
            begun = False
            for packet in self._container.demux(self._stream):
                begun = begun or packet.pts == stamp
                if not begun:
                    continue
                for frame in packet.decode():
                    if frame.pts is not None and frame.pts >= stamp:
                        yield frame
        except av.FFmpegError as error:
            raise MediaError(self._path, f"is damaged ({error.strerror})") from error

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


class PacketCheck:
    """Comparison of copied packets, frame by frame, with what they must decode to.

    Args:
        path: From ``copy_packets``.
        index: From ``index_packets``.
    """

    def __init__(self, path: Path, index: PacketIndex) -> None:
        self.same = True
        self._index = index
        self._decoder = _GroupDecoder(path, index)
        self._frames = self._all()
        self._number = -1
        self._last: tuple[av.VideoFrame, av.VideoFrame | None] | None = None
        self._shown: list[int] = []

    @property
    def index(self) -> PacketIndex:
        """The groups, with the decoded frame that each frame watched so far shows."""
        one_to_one = self._shown == list(range(len(self._shown)))
        return replace(self._index, shown=None if one_to_one else tuple(self._shown))

    def watch(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Pass on the frames that must come; ``same`` tells whether they did so far."""
        for frame in frames:
            if self.same:
                self._compare(frame)
            yield frame

    def suffices(self, frame_bytes: int) -> bool:
        """Tell whether the packets give every frame so far, and quickly in either direction."""
        return self.same and self._index.is_quick(frame_bytes)

    def close(self) -> None:
        """Close the copy."""
        self._frames.close()
        self._decoder.close()

    def _all(self) -> Any:
        for group in range(len(self._index.stamps)):
            yield from self._decoder.frames(group)

    def _compare(self, frame: av.VideoFrame) -> None:
        if self._last is None or self._last[0] is not frame:
            found = self._next_equal(frame)
            self._last = frame, found
            self.same = found is not None
        self._shown.append(self._number)

    def _next_equal(self, frame: av.VideoFrame) -> av.VideoFrame | None:
        """Return the next decoded frame that equals one; those dropped by pacing are passed."""
        try:
            for decoded in self._frames:
                self._number += 1
                if _equal(decoded, frame):
                    return decoded
        except MediaError as error:
            logger.info("packets not kept: %s", error)
        return None


def _equal(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    if one.format.name != other.format.name:
        return False
    if one.format.name not in HALVED_FORMATS:
        try:
            return np.array_equal(one.to_ndarray(), other.to_ndarray())
        except ValueError:
            return False
    pairs = zip(plane_views(one), plane_views(other), strict=True)
    return all(np.array_equal(mine, its) for mine, its in pairs)


class _Window:
    """The last frames of a group up to one of them, decoded step by step.

    Args:
        decoder: To decode with; it serves one window at a time.
        index: Of the packets.
        last: Number of the last frame.
        size: Most frames to hold.
    """

    def __init__(self, decoder: _GroupDecoder, index: PacketIndex, last: int, size: int) -> None:
        group = index.group(last)
        self.last = last
        self.held: deque[av.VideoFrame] = deque(maxlen=size)
        self._frames = decoder.frames(group)
        self._next = index.numbers[group]
        self.end = index.numbers[group + 1]

    @property
    def first(self) -> int:
        """Number of the first frame held."""
        return self._next - len(self.held)

    @property
    def missing(self) -> int:
        """Frames that are still to be decoded."""
        return self.last + 1 - self._next

    def decode(self, count: int) -> None:
        """Decode some more frames."""
        for _ in range(min(count, self.missing)):
            self.held.append(next(self._frames))
            self._next += 1

    def extend(self, last: int, hold: bool) -> None:
        """Go on forwards to another frame of the group.

        Args:
            last: Its number.
            hold: Whether to hold those before it, too.
        """
        self.last = last
        self.decode(self.missing)
        while len(self.held) > 1 and not hold:
            self.held.popleft()

    def frame(self, number: int) -> av.VideoFrame | None:
        """Return a frame if it is held."""
        place = number - self.first
        return self.held[place] if 0 <= place < len(self.held) else None


class PacketReader:
    """Frames of copied packets in any order.

    Forwards each is decoded once. Backwards a window of frames is held, and the one before
    it is decoded little by little meanwhile, so that no frame keeps its reader waiting.

    Args:
        path: From ``copy_packets``.
        index: From ``PacketCheck``.
        to_rgb: Conversion of the frames.
    """

    def __init__(self, path: Path, index: PacketIndex, to_rgb: ToRgb) -> None:
        self._path = path
        self._index = index
        self._to_rgb = to_rgb
        width, height = to_rgb.layout.size
        self._size = _window(width * height * 3 // 2)
        self._decoders: list[_GroupDecoder] = []
        self._current: _Window | None = None
        self._ahead: _Window | None = None
        self._last: tuple[int, Stored] | None = None

    def follows(self, index: int) -> bool:
        """Tell whether a frame comes soon after the last one, or is the first."""
        if index == 0:
            return True
        if self._last is None:
            return False
        return 0 <= self._index.number(index) - self._last[0] <= _LEAP

    def stored(self, index: int) -> Stored:
        """Return frame number ``index``.

        Raises:
            BundleError: The packets are damaged.
        """
        number = self._index.number(index)
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        try:
            frame = self._frame(number)
        except (MediaError, StopIteration) as error:
            raise BundleError(self._path, "is damaged", "prepare the avatar again") from error
        self._last = number, Stored(frame, self._to_rgb)
        return self._last[1]

    def close(self) -> None:
        """Let go of the file and the frames held."""
        self._current = self._ahead = self._last = None
        for decoder in self._decoders:
            decoder.close()
        self._decoders.clear()

    def _frame(self, number: int) -> av.VideoFrame:
        current = self._current
        held = None if current is None else current.frame(number)
        if current is not None and held is not None:
            if self._last is not None and number < self._last[0]:
                self._look_ahead(current, number)
            return held
        if current is not None and 0 < number - current.last <= _LEAP and number < current.end:
            self._ahead = None
            # Who plays to the end is likely to turn round there.
            current.extend(number, hold=number > self._index.numbers[-1] - self._size)
        elif self._ahead is not None and self._ahead.last == number:
            self._current, self._ahead = self._ahead, None
            self._decoders.reverse()
            self._current.decode(self._current.missing)
        else:
            self._ahead = None
            self._current = _Window(self._decoder(0), self._index, number, self._size)
            self._current.decode(self._current.missing)
        assert self._current is not None
        return self._current.held[-1]

    def _look_ahead(self, current: _Window, number: int) -> None:
        """Decode a part of the window before the current one."""
        if current.first == 0:
            return
        if self._ahead is None or self._ahead.last != current.first - 1:
            self._ahead = _Window(self._decoder(1), self._index, current.first - 1, self._size)
        left = number - current.first + 1
        self._ahead.decode(-(-self._ahead.missing // left))

    def _decoder(self, place: int) -> _GroupDecoder:
        while len(self._decoders) <= place:
            self._decoders.append(_GroupDecoder(self._path, self._index))
        return self._decoders[place]
