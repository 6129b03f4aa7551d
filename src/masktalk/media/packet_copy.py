"""A video's own packets, kept beside the lossless copy: half the work when playing forwards.

Lossless video is large, and decoding it costs by its size. Most of the time an avatar plays
forwards, and there the recording itself is at hand; only backwards and in leaps the lossless
copy is needed. The packets are kept only if they decode to the very same frames.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from masktalk.errors import BundleError, MediaError
from masktalk.media.convert import ToRgb
from masktalk.media.frames import Stored
from masktalk.media.local_files import open_input
from masktalk.media.orientation import Orientation
from masktalk.media.planes import HALVED_FORMATS, plane_views, turned

logger = logging.getLogger(__name__)

#: Frames that are decoded only to be left out, before a leap is left to the lossless copy.
_LEAP = 4


def copy_packets(source: Path, target: Path, track: int = 0) -> bool:
    """Write the video stream of a file, and nothing else of it, as Matroska.

    Returns:
        Whether Matroska takes it.
    """
    try:
        with (
            open_input(source) as reader,
            av.open(f"file:{target}", "w", format="matroska") as writer,
        ):
            stream = reader.streams[track]
            copy = writer.add_stream_from_template(stream)
            for packet in reader.demux(stream):
                if packet.dts is None:
                    continue
                packet.stream = copy
                writer.mux(packet)
    except (av.FFmpegError, ValueError, MediaError) as error:
        logger.info("%s: packets not kept (%s)", source, error)
        return False
    return True


def decode_forward(path: Path, turn: Orientation) -> Iterator[av.VideoFrame]:
    """The frames of such a file, turned upright."""
    with open_input(path) as container:
        stream: Any = container.streams.video[0]
        stream.codec_context.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield frame if turn == Orientation() else turned(frame, turn)


class Check:
    """Compares the kept packets, frame by frame, with what they must decode to.

    Args:
        path: From ``copy_packets``.
        turn: How its frames are turned upright.
    """

    def __init__(self, path: Path, turn: Orientation) -> None:
        self.same = True
        self.turn = turn
        self._frames = decode_forward(path, turn)

    def watch(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Pass on the frames that must come; ``same`` says afterwards whether they did."""
        for frame in frames:
            self._see(frame)
            yield frame

    def _see(self, frame: av.VideoFrame) -> None:
        if not self.same:
            return
        try:
            kept = next(self._frames, None)
        except MediaError as error:
            logger.info("packets not kept: %s", error)
            kept = None
        self.same = kept is not None and _equal(kept, frame)


def _equal(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    if one.format.name != other.format.name or one.format.name not in HALVED_FORMATS:
        return False
    pairs = zip(plane_views(one), plane_views(other), strict=True)
    return all(np.array_equal(mine, its) for mine, its in pairs)


class ForwardReader:
    """Frames of such a file as long as they are asked for one after another from the first.

    Args:
        path: From ``copy_packets``.
        turn: How its frames are turned upright.
        to_rgb: How to look at the frames.
    """

    def __init__(self, path: Path, turn: Orientation, to_rgb: ToRgb) -> None:
        self._path = path
        self._turn = turn
        self._to_rgb = to_rgb
        self._frames: Iterator[av.VideoFrame] = iter(())
        self._last: tuple[int, Stored] | None = None

    def stored(self, index: int) -> Stored | None:
        """Frame number ``index``, or None if the lossless copy must give it."""
        if self._last is not None and self._last[0] == index:
            return self._last[1]
        if index == 0:
            self.close()
            self._frames = decode_forward(self._path, self._turn)
            self._last = None
        elif self._last is None or not 0 < index - self._last[0] <= _LEAP:
            self.close()
            return None
        skipped = index - (-1 if self._last is None else self._last[0])
        try:
            for _ in range(skipped):
                frame = next(self._frames)
        except (StopIteration, MediaError) as error:
            raise BundleError(self._path, "is damaged", "prepare the avatar again") from error
        self._last = index, Stored(frame, self._to_rgb)
        return self._last[1]

    def close(self) -> None:
        """Let go of the file."""
        self._frames = iter(())
        self._last = None
