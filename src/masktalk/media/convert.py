"""Pixels between a video's own formats and RGB, with the right matrix and range."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from masktalk.media.color import Color, is_rgb
from masktalk.types import UInt8Array

#: Slower than swscale's shortcuts, which are off by a grey level; see tests/media/test_convert.
#: SWS_BILINEAR, SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT, as numbers: PyAV names the last two
#: only from version 18 on, which needs Python 3.11.
_EXACT: Any = 0x2 | 0x40000 | 0x2000

_FULL = 2


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are turned upright: first mirrored left-right, then turned.

    Attributes:
        mirrored: Whether to mirror left-right first.
        quarters: Quarter turns counter-clockwise, 0 to 3.
    """

    mirrored: bool = False
    quarters: int = 0

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Read the display matrix (ISO/IEC 14496-12, 8.5.2) that comes with a frame."""
        sides: Any = frame.side_data
        for side in sides:
            if side.type.name == "DISPLAYMATRIX":
                return cls.from_matrix(np.frombuffer(bytes(side), np.int32))
        return cls()

    @classmethod
    def from_matrix(cls, matrix: np.ndarray[Any, np.dtype[np.int32]]) -> Orientation:
        """The nearest of the eight upright orientations to a 3x3 display matrix."""
        a, b, _, c, d, _ = (float(value) for value in matrix[:6])
        mirrored = a * d - b * c < 0
        if mirrored:
            a, b = -a, -b
        turned = np.degrees(np.arctan2(-b, a))
        return cls(mirrored, int(np.rint(turned / 90)) % 4)

    @property
    def swaps(self) -> bool:
        """Whether width and height change places."""
        return self.quarters % 2 == 1

    def apply(self, pixels: UInt8Array) -> UInt8Array:
        """(H, W) or (H, W, C) turned upright."""
        if self.mirrored:
            pixels = pixels[:, ::-1]
        return np.rot90(pixels, self.quarters)


@dataclass(frozen=True)
class Layout:
    """How stored pixels become an upright picture of square pixels.

    Attributes:
        size: (width, height) in square pixels, before turning.
        orientation: How to turn them then.
    """

    size: tuple[int, int]
    orientation: Orientation = Orientation()

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        return self.size[::-1] if self.orientation.swaps else self.size


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height in square pixels for a stored size and its sample aspect ratio."""
    if not aspect or aspect == 1 or not Fraction(1, 8) <= aspect <= 8:
        return width, height
    return max(round(width * aspect), 1), height


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
        self._reformatter = VideoReformatter()

    def sized(self, width: int, height: int) -> ToRgb:
        """The same conversion for a cut of the frame."""
        return ToRgb(self.color, Layout((width, height)), self.alpha)

    def __call__(self, frame: av.VideoFrame) -> UInt8Array:
        width, height = self.layout.size
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if self.alpha else "rgb24",
            src_colorspace=None if is_rgb(frame.format) else self.color.swscale_matrix,
            src_color_range=_FULL if is_rgb(frame.format) else self.color.swscale_range,
            dst_color_range=_FULL,
            interpolation=_EXACT,
        )
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
        self._reformatter = VideoReformatter()

    def sized(self, width: int, height: int) -> FromRgb:
        """The same conversion for a cut of the frame."""
        return FromRgb(self.color, self.pixel_format, (width, height))

    def reads(self, color: Color) -> bool:
        """Whether numbers that mean ``color`` can be written without conversion."""
        return (color.swscale_matrix, color.swscale_range) == (
            self.color.swscale_matrix,
            self.color.swscale_range,
        )

    def __call__(self, pixels: UInt8Array) -> av.VideoFrame:
        width, height = self.size
        extra = height - pixels.shape[0], width - pixels.shape[1]
        if any(extra):
            pixels = np.pad(pixels, ((0, extra[0]), (0, extra[1]), (0, 0)), mode="edge")
        source = av.VideoFrame.from_numpy_buffer(
            np.ascontiguousarray(pixels), "rgba" if pixels.shape[2] == 4 else "rgb24"
        )
        converted = self._reformatter.reformat(
            source,
            format=self.pixel_format,
            dst_colorspace=self.color.swscale_matrix,
            src_color_range=_FULL,
            dst_color_range=self.color.swscale_range,
            interpolation=_EXACT,
        )
        self.color.tag(converted)
        return converted
