"""Pixels between a video's own formats and RGB, with the right matrix and range."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from masktalk.media.color import Color, is_rgb
from masktalk.media.orientation import Layout
from masktalk.media.planes import copied
from masktalk.types import UInt8Array

#: Slower than swscale's shortcuts, which are off by a grey level; see tests/media/test_convert.
#: SWS_BILINEAR, SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT, as numbers: PyAV names the last two
#: only from version 18 on, which needs Python 3.11.
_EXACT: Any = 0x2 | 0x40000 | 0x2000

_FULL = 2
_BT2020 = 9


class _Swscale:
    """A conversion between RGB and one kind of YUV, whichever way.

    Args:
        color: What the numbers of the YUV mean.
        threads: How many to use; 0 for one a core.
    """

    def __init__(self, color: Color, threads: int = 0) -> None:
        self._color = color
        self._threads = threads
        self._reformatter = VideoReformatter()

    def __call__(
        self, frame: av.VideoFrame, pixel_format: str, size: tuple[int, int]
    ) -> av.VideoFrame:
        color = self._color
        to_rgb = is_rgb(av.VideoFormat(pixel_format))
        if color.swscale_matrix == _BT2020:
            # PyAV 17 knows no name for it, and then goes by what the frame says.
            frame.colorspace = _BT2020
        return self._reformatter.reformat(
            frame,
            *size,
            format=pixel_format,
            src_colorspace=None if is_rgb(frame.format) else color.swscale_matrix,
            dst_colorspace=None if to_rgb else color.swscale_matrix,
            src_color_range=_FULL if is_rgb(frame.format) else color.swscale_range,
            dst_color_range=_FULL if to_rgb else color.swscale_range,
            interpolation=_EXACT,
            threads=self._threads,
        )


class ToRgb:
    """Turns decoded frames into upright RGB or RGBA arrays.

    Args:
        color: What the frames' numbers mean.
        layout: How to scale and turn them.
        alpha: Whether to deliver RGBA.
    """

    def __init__(self, color: Color, layout: Layout, alpha: bool) -> None:
        self.color = color
        self.layout = layout
        self.alpha = alpha
        self._swscale = _Swscale(color)
        self._cutting = _Swscale(color, threads=1)

    def sized(self, width: int, height: int) -> ToRgb:
        """Return the same conversion for a cut of the frame."""
        cut = ToRgb(self.color, Layout((width, height)), self.alpha)
        cut._swscale = self._cutting
        return cut

    def __call__(self, frame: av.VideoFrame) -> UInt8Array:
        """(H, W, 3|4) of a decoded frame."""
        return self.untagged(copied(frame))

    def untagged(self, frame: av.VideoFrame) -> UInt8Array:
        """(H, W, 3|4) of a frame without tags of its own."""
        converted = self._swscale(frame, "rgba" if self.alpha else "rgb24", self.layout.size)
        pixels = np.asarray(converted.to_ndarray(), np.uint8)
        return np.ascontiguousarray(self.layout.orientation.apply(pixels))


class FromRgb:
    """Turns RGB or RGBA arrays into frames that an encoder takes.

    Args:
        color: What the numbers shall mean; also written as tags.
        pixel_format: FFmpeg's name of the encoder's pixel format.
        size: (width, height) that the encoder takes; larger than the array by at most
            one pixel, which repeats the edge.
    """

    def __init__(self, color: Color, pixel_format: str, size: tuple[int, int]) -> None:
        self.color = color
        self.pixel_format = pixel_format
        self.size = size
        self._swscale = _Swscale(color)
        self._cutting = _Swscale(color, threads=1)

    def sized(self, width: int, height: int) -> FromRgb:
        """Return the same conversion for a cut of the frame."""
        cut = FromRgb(self.color, self.pixel_format, (width, height))
        cut._swscale = self._cutting
        return cut

    def reads(self, color: Color) -> bool:
        """Return whether pixels in ``color`` can be written without conversion."""
        return (color.swscale_matrix, color.swscale_range) == (
            self.color.swscale_matrix,
            self.color.swscale_range,
        )

    def __call__(self, pixels: UInt8Array) -> av.VideoFrame:
        """Convert (H, W, 3) or (H, W, 4) uint8 pixels to a video frame."""
        width, height = self.size
        extra = height - pixels.shape[0], width - pixels.shape[1]
        if any(extra):
            pixels = np.pad(pixels, ((0, extra[0]), (0, extra[1]), (0, 0)), mode="edge")
        source = av.VideoFrame.from_numpy_buffer(
            np.ascontiguousarray(pixels), "rgba" if pixels.shape[2] == 4 else "rgb24"
        )
        converted = self._swscale(source, self.pixel_format, self.size)
        self.color.tag(converted)
        return converted
