"""Frames that stay in the numbers they were stored in until somebody looks at their RGB.

Most of a talking frame is the avatar's own. Turning all of it into RGB and back costs more
than moving the mouth, and rounds twice. So a source's frame makes RGB of no more than the
rectangle that is asked for, and the writer puts only an edited rectangle back into the
stored numbers. To everybody else these are frames like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from masktalk.media.convert import FromRgb, ToRgb
from masktalk.media.orientation import Layout
from masktalk.media.planes import (
    HALVED_FORMATS,
    align_down,
    align_up,
    around,
    cut_planes,
    paste_planes,
    sample_bits,
)
from masktalk.types import Frame, UInt8Array

#: An engine, the paste and the writer ask for about the same rectangle, one after another.
_AROUND = 16


@dataclass(frozen=True, eq=False)
class _Cut:
    """RGB of a rectangle of a frame.

    Attributes:
        left: Column of its left edge in the frame.
        top: Row of its top edge.
        pixels: (h, w, 3|4) uint8, read-only.
    """

    left: int
    top: int
    pixels: UInt8Array

    def holds(self, left: int, top: int, right: int, bottom: int) -> bool:
        """Return whether another rectangle lies inside."""
        height, width = self.pixels.shape[:2]
        across = self.left <= left and right <= self.left + width
        return across and self.top <= top and bottom <= self.top + height


class Stored:
    """One picture as it was decoded, as RGB, or as both; RGB is made once, when needed.

    Args:
        decoded: As the decoder gave it, or None.
        to_rgb: What turns it into RGB.
        pixels: RGB or RGBA that is there already.
    """

    def __init__(
        self,
        decoded: av.VideoFrame | None = None,
        to_rgb: ToRgb | None = None,
        pixels: UInt8Array | None = None,
    ) -> None:
        if pixels is None and (decoded is None or to_rgb is None):
            raise ValueError("a stored picture has RGB, or planes and a way to RGB")
        self.decoded = decoded
        self.to_rgb = to_rgb
        self._pixels = pixels
        self._cut: _Cut | None = None
        if pixels is not None:
            pixels.flags.writeable = False

    @property
    def pixels(self) -> UInt8Array:
        """(H, W, 3|4) uint8, read-only."""
        if self._pixels is None:
            assert self.to_rgb is not None
            assert self.decoded is not None
            self._pixels = self.to_rgb(self.decoded)
            self._pixels.flags.writeable = False
        return self._pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels, without making RGB."""
        if self._pixels is not None or self.to_rgb is None:
            height, width, channels = self.pixels.shape
            return height, width, channels
        width, height = self.to_rgb.layout.upright
        return height, width, 4 if self.to_rgb.alpha else 3

    def region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:
        """(bottom - top, right - left, 3|4) pixels of a rectangle; equal to a cut of ``pixels``."""
        if self._pixels is not None or not self._can_cut():
            return self.pixels[top:bottom, left:right]
        if self._cut is None or not self._cut.holds(left, top, right, bottom):
            self._cut = self._converted(left, top, right, bottom)
        x, y = left - self._cut.left, top - self._cut.top
        return self._cut.pixels[y : y + bottom - top, x : x + right - left]

    def _converted(self, left: int, top: int, right: int, bottom: int) -> _Cut:
        """RGB of a rectangle and of what whoever asks next is likely to want around it."""
        assert self.to_rgb is not None
        assert self.decoded is not None
        height, width = self.shape[:2]
        left, top = max(left - _AROUND, 0), max(top - _AROUND, 0)
        right, bottom = min(right + _AROUND, width), min(bottom + _AROUND, height)
        (x0, x1), (y0, y1) = around(left, right, width), around(top, bottom, height)
        planes = cut_planes(self.decoded, x0, y0, x1, y1)
        pixels = self.to_rgb.sized(x1 - x0, y1 - y0).untagged(planes)
        pixels.flags.writeable = False
        return _Cut(left, top, pixels[top - y0 : bottom - y0, left - x0 : right - x0])

    def fits(self, from_rgb: FromRgb) -> bool:
        """Return whether the decoded planes equal what ``from_rgb`` would make."""
        if self.to_rgb is None or self.decoded is None or not self._can_cut():
            return False
        same_planes = self.to_rgb.alpha == from_rgb.pixel_format.startswith("yuva")
        same_depth = sample_bits(self.decoded.format.name) == sample_bits(from_rgb.pixel_format)
        return same_planes and same_depth and from_rgb.reads(self.to_rgb.color)

    def _can_cut(self) -> bool:
        if self.decoded is None or self.to_rgb is None:
            return False
        same = self.to_rgb.layout == Layout((self.decoded.width, self.decoded.height))
        return same and self.decoded.format.name in HALVED_FORMATS


class SourceFrame(Frame):
    """A frame of a source or a store.

    Args:
        stored: Its picture, which several frames may share.
        time: In seconds.
    """

    stored: Stored

    def __init__(self, stored: Stored, time: Fraction) -> None:
        object.__setattr__(self, "stored", stored)
        object.__setattr__(self, "time", time)

    def __reduce__(self) -> tuple[type[Frame], tuple[UInt8Array, Fraction]]:
        """Cross into another process as plain pixels; decoded planes stay behind."""
        return Frame, (np.ascontiguousarray(self.pixels), self.time)

    @property
    def pixels(self) -> UInt8Array:
        """(H, W, 3|4) uint8, read-only."""
        return self.stored.pixels

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.stored.shape[1]

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return self.stored.shape[0]

    @property
    def has_alpha(self) -> bool:
        """Return whether there is an alpha channel."""
        return self.stored.shape[2] == 4

    def at(self, time: Fraction) -> SourceFrame:
        """Return the same frame at another time in seconds."""
        return SourceFrame(self.stored, time)

    def region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:
        """Return the pixels (h, w, 3) or (h, w, 4) of a rectangle."""
        return self.stored.region(left, top, right, bottom)

    def with_region(self, left: int, top: int, pixels: UInt8Array) -> EditedFrame:
        """Return the frame with (h, w, 3) or (h, w, 4) pixels in place of its own at a position."""
        return EditedFrame(self, left, top, pixels)


class EditedFrame(Frame):
    """A source's frame with one rectangle replaced; several nest.

    Args:
        base: The frame underneath.
        left: Column of the rectangle's left edge.
        top: Row of its top edge.
        edit: (h, w, 3|4) its pixels, with as many channels as the base's.
    """

    base: SourceFrame | EditedFrame
    left: int
    top: int
    edit: UInt8Array

    def __init__(
        self, base: SourceFrame | EditedFrame, left: int, top: int, edit: UInt8Array
    ) -> None:
        height, width, channels = edit.shape
        right, bottom = left + width, top + height
        inside = left >= 0 and top >= 0 and right <= base.width and bottom <= base.height
        if not inside or (channels == 4) != base.has_alpha:
            size = f"{base.width}x{base.height}"
            raise ValueError(f"{edit.shape} at {left}, {top} does not fit a {size} frame")
        for name, value in (("base", base), ("left", left), ("top", top), ("edit", edit)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "time", base.time)
        object.__setattr__(self, "_pixels", None)

    def __reduce__(self) -> tuple[type[Frame], tuple[UInt8Array, Fraction]]:
        """Cross into another process as plain pixels; decoded planes stay behind."""
        return Frame, (np.ascontiguousarray(self.pixels), self.time)

    @property
    def pixels(self) -> UInt8Array:
        """(H, W, 3|4) uint8, read-only."""
        made: UInt8Array | None = self.__dict__["_pixels"]
        if made is None:
            made = self.base.pixels.copy()
            height, width = self.edit.shape[:2]
            made[self.top : self.top + height, self.left : self.left + width] = self.edit
            made.flags.writeable = False
            object.__setattr__(self, "_pixels", made)
        return made

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.base.width

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return self.base.height

    @property
    def has_alpha(self) -> bool:
        """Return whether there is an alpha channel."""
        return self.base.has_alpha

    @property
    def source(self) -> SourceFrame:
        """The frame at the bottom of all edits."""
        return self.base.source if isinstance(self.base, EditedFrame) else self.base

    def at(self, time: Fraction) -> EditedFrame:
        """Return the same frame at another time in seconds."""
        return EditedFrame(self.base.at(time), self.left, self.top, self.edit)

    def region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:
        """Return the pixels (h, w, 3) or (h, w, 4) of a rectangle."""
        pixels = self.base.region(left, top, right, bottom).copy()
        height, width = self.edit.shape[:2]
        x0, x1 = max(left, self.left), min(right, self.left + width)
        y0, y1 = max(top, self.top), min(bottom, self.top + height)
        if x0 < x1 and y0 < y1:
            shown = self.edit[y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left]
            pixels[y0 - top : y1 - top, x0 - left : x1 - left] = shown
        return pixels

    def with_region(self, left: int, top: int, pixels: UInt8Array) -> EditedFrame:
        """Return the frame with (h, w, 3) or (h, w, 4) pixels in place of its own at a position."""
        return EditedFrame(self, left, top, pixels)

    def paste_into(self, planes: av.VideoFrame, from_rgb: FromRgb) -> None:
        """Write all edits into the planes of the source, in one of ``HALVED_FORMATS``."""
        if isinstance(self.base, EditedFrame):
            self.base.paste_into(planes, from_rgb)
        right, bottom = self.left + self.edit.shape[1], self.top + self.edit.shape[0]
        (x0, x1), (y0, y1) = (
            around(self.left, right, self.width),
            around(self.top, bottom, self.height),
        )
        patch = from_rgb.sized(x1 - x0, y1 - y0)(self.region(x0, y0, x1, y1))
        inset = (
            align_down(self.left) - x0,
            align_down(self.top) - y0,
            x1 - align_up(right, self.width),
            y1 - align_up(bottom, self.height),
        )
        paste_planes(planes, patch, x0, y0, inset)
