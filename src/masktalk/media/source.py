"""Sources of frames: an image, a video, a folder of frames."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

import av

from masktalk.errors import MediaError
from masktalk.media.color import Color
from masktalk.media.orientation import Layout
from masktalk.types import Frame

SourceKind = Literal["picture", "video", "folder"]


@dataclass(frozen=True)
class Limits:
    """Limits that are checked before decoding.

    Attributes:
        max_pixels: Largest width x height of a video; the default is 8K UHD.
        max_image_pixels: Largest width x height of an image, which is reduced to
            ``kept_pixels``.
        kept_pixels: Most pixels of an image that are kept; the default fits level 5.1 of H.264.
        min_side: Smallest width and height in pixels.
    """

    max_pixels: int = 7680 * 4320
    max_image_pixels: int = 250_000_000
    kept_pixels: int = 4096 * 2160
    min_side: int = 16

    def check(self, path: str | os.PathLike[str], width: int, height: int) -> None:
        """Raise a MediaError if a video of this size is refused."""
        self._check(path, width, height, self.max_pixels)

    def check_image(self, path: str | os.PathLike[str], width: int, height: int) -> None:
        """Raise a MediaError if an image of this size is refused."""
        self._check(path, width, height, self.max_image_pixels)

    def _check(
        self, path: str | os.PathLike[str], width: int, height: int, max_pixels: int
    ) -> None:
        if width < self.min_side or height < self.min_side:
            raise MediaError(
                path,
                f"is too small ({width}x{height} pixels)",
                f"give one with at least {self.min_side} pixels on each side",
            )
        if width * height > max_pixels:
            raise MediaError(
                path,
                f"is too large ({width}x{height} = {width * height / 1e6:.1f} megapixels)",
                f"scale it down to at most {max_pixels / 1e6:.1f} megapixels",
            )


class Source(ABC):
    """Frames that can be read again and again, upright and at a constant rate.

    Attributes:
        kind: ``picture``, ``video`` or ``folder``.
        path: Where it came from.
        width: Of the upright frames, in square pixels.
        height: Of the upright frames.
        rate: Frames per second, exact; None for a picture.
        frame_count: Frames that ``frames`` yields.
        has_alpha: Whether frames are RGBA.
        color: How to write them as video again.
        pixel_format: FFmpeg's name of what ``decoded_frames`` yields.
        layout: How those become the upright frames.
        scale: Width of the frames over that of the file's own upright frames.
    """

    kind: SourceKind
    path: Path
    width: int
    height: int
    rate: Fraction | None
    frame_count: int
    has_alpha: bool
    color: Color
    pixel_format: str
    layout: Layout
    scale: float = 1.0

    @abstractmethod
    def frames(self) -> Iterator[Frame]:
        """Yield frame i at time i / rate, decoding as it goes.

        Raises:
            MediaError: The content turns out to be damaged.
        """

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """Yield the same frames as the decoder gave them, not converted, rotated only as planes."""
        for frame in self.frames():
            yield av.VideoFrame.from_ndarray(frame.pixels, self.pixel_format)

    @abstractmethod
    def digest(self) -> str:
        """sha256 of the content, in hex: equal for equal bytes, whatever the name."""


class FirstFrames(Source):
    """The first frames of another source, read no further than that.

    Args:
        source: The source to read.
        count: Most frames to yield.
    """

    def __init__(self, source: Source, count: int) -> None:
        self.source = source
        self.kind, self.path = source.kind, source.path
        self.width, self.height = source.width, source.height
        self.rate, self.has_alpha = source.rate, source.has_alpha
        self.color, self.pixel_format = source.color, source.pixel_format
        self.layout, self.scale = source.layout, source.scale
        self.frame_count = min(count, source.frame_count)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order, lazily; may be called again."""
        return islice(self.source.frames(), self.frame_count)

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """See ``Source``."""
        return islice(self.source.decoded_frames(), self.frame_count)

    def digest(self) -> str:
        """Return a digest of the content in hex, the same for equal content."""
        return self.source.digest()
