"""Sources scaled to another height."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from masktalk.media.color import is_rgb
from masktalk.media.convert import ToRgb
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.orientation import Layout
from masktalk.media.source import Source
from masktalk.types import Frame


class ScaledSource(Source):
    """Another source, scaled to a height; the width follows, and both are even.

    Args:
        source: The source to read.
        height: Of the upright frames, in pixels.
    """

    def __init__(self, source: Source, height: int) -> None:
        self._source = source
        self.kind, self.path = source.kind, source.path
        self.rate, self.frame_count = source.rate, source.frame_count
        self.has_alpha, self.color = source.has_alpha, source.color
        factor = height / source.height
        self.width, self.height = max(round(source.width * factor / 2) * 2, 2), height // 2 * 2
        self.scale = source.scale * self.width / source.width
        upright = self.width, self.height
        turn = source.layout.orientation
        self.layout = Layout(upright[::-1] if turn.swaps else upright, turn)
        self.pixel_format = source.pixel_format
        if is_rgb(av.VideoFormat(source.pixel_format)):
            # A palette, or five bits a channel, cannot hold what lies between two pixels.
            self.pixel_format = "rgba" if self.has_alpha else "rgb24"

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; see ``Source.frames``."""
        to_rgb = ToRgb(self.color, self.layout, self.has_alpha)
        stored: Stored | None = None
        for index, decoded in enumerate(self.decoded_frames()):
            if stored is None or stored.decoded is not decoded:
                stored = Stored(decoded, to_rgb)
            yield SourceFrame(stored, index / (self.rate or Fraction(1)))

    def decoded_frames(self) -> Iterator[av.VideoFrame]:
        """See ``Source``."""
        width, height = self.layout.size
        matrix: Any = self.color.swscale_matrix
        last: tuple[av.VideoFrame, av.VideoFrame] | None = None
        for frame in self._source.decoded_frames():
            if last is None or last[0] is not frame:
                scaled = frame.reformat(
                    width, height, self.pixel_format, interpolation="AREA",
                    src_colorspace=matrix, dst_colorspace=matrix,
                )  # fmt: skip
                last = frame, scaled
            yield last[1]

    def digest(self) -> str:
        """Return a digest of the content in hex."""
        return self._source.digest()
