"""Frames of a source scaled down, turned and cropped before they are looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

import av
import cv2
import numpy as np

from masktalk.errors import OptionError
from masktalk.media.color import Color
from masktalk.media.orientation import Layout
from masktalk.media.source import Source
from masktalk.types import Frame, UInt8Array


@dataclass(frozen=True)
class Framing:
    """Changes to every frame of a source, applied in this order.

    Attributes:
        resize_factor: Width and height are divided by it, rounded down.
        rotate: A quarter turn clockwise.
        crop: Top, bottom, left and right in pixels; -1 as bottom or right is the frame's edge.
        first_only: The first frame alone, for ever.
        repeat_to: Frames in all, of a video that begins again after its end; None for its own.
    """

    resize_factor: int = 1
    rotate: bool = False
    crop: tuple[int, int, int, int] = (0, -1, 0, -1)
    first_only: bool = False
    repeat_to: int | None = None

    @property
    def changes_nothing(self) -> bool:
        """True for the defaults."""
        return self == Framing()

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of the result.

        Raises:
            OptionError: ``resize_factor`` is below 1 or leaves nothing, or ``crop`` is empty or
                outside the frame.
        """
        top, bottom, left, right = self._edges(*self._turned(width, height))
        return right - left, bottom - top

    def apply(self, pixels: UInt8Array) -> UInt8Array:
        """Return the changed pixels of a (H, W, 3|4) uint8 frame."""
        height, width = pixels.shape[:2]
        top, bottom, left, right = self._edges(*self._turned(width, height))
        if self.resize_factor > 1:
            size = (width // self.resize_factor, height // self.resize_factor)
            pixels = np.asarray(cv2.resize(pixels, size), np.uint8)
        if self.rotate:
            pixels = np.asarray(cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE), np.uint8)
        return np.ascontiguousarray(pixels[top:bottom, left:right])

    def _turned(self, width: int, height: int) -> tuple[int, int]:
        if self.resize_factor < 1:
            raise OptionError(f"`resize_factor` {self.resize_factor}", "must be at least 1")
        size = (width // self.resize_factor, height // self.resize_factor)
        if min(size) < 1:
            raise OptionError(
                f"`resize_factor` {self.resize_factor}", f"leaves nothing of {width}x{height}"
            )
        return size[::-1] if self.rotate else size

    def _edges(self, width: int, height: int) -> tuple[int, int, int, int]:
        top, bottom, left, right = self.crop
        bottom = height if bottom == -1 else bottom
        right = width if right == -1 else right
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise OptionError(
                f"`crop` {' '.join(map(str, self.crop))}",
                f"is not inside the frame of {width}x{height}",
                "give top, bottom, left and right in pixels, -1 for the edge",
            )
        return top, bottom, left, right


class ReframedSource(Source):
    """A source with a framing applied.

    Args:
        source: The source to read.
        framing: What to change.

    Raises:
        OptionError: The framing does not fit the source.
    """

    def __init__(self, source: Source, framing: Framing) -> None:
        self._source = source
        self._framing = framing
        self.kind, self.path = source.kind, source.path
        self.width, self.height = framing.size(source.width, source.height)
        self.rate, self.has_alpha = source.rate, source.has_alpha
        self.color = Color.IMAGE
        self.pixel_format = "rgba" if source.has_alpha else "rgb24"
        self.layout = Layout((self.width, self.height))
        self.frame_count = 1 if framing.first_only else framing.repeat_to or source.frame_count

    def frames(self) -> Iterator[Frame]:
        """Yield the changed frames."""
        again = chain.from_iterable(self._source.frames() for _ in count())
        for index, frame in enumerate(islice(again, self.frame_count)):
            time = index / self.rate if self.rate else frame.time
            yield Frame(self._framing.apply(frame.pixels), time)

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """Yield the changed frames as video frames; see ``Source``."""
        for frame in self.frames():
            yield av.VideoFrame.from_ndarray(frame.pixels, self.pixel_format)

    def digest(self) -> str:
        """Return the SHA-256 of the source's digest and the framing."""
        return hashlib.sha256(f"{self._source.digest()} {self._framing}".encode()).hexdigest()
