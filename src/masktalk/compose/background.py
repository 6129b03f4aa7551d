"""Put something behind a transparent avatar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageColor

from masktalk.errors import OptionError
from masktalk.types import Frame, UInt8Array


@dataclass(frozen=True, eq=False)
class Background:
    """A colour or image behind transparent frames.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, or (1, 1, 3) for one colour.
    """

    pixels: UInt8Array

    def behind(self, frame: Frame) -> Frame:
        """Composite a frame over this background, (H, W, 3); one without alpha is returned as is.

        Where the frame is opaque its pixels are equal to its own.
        """
        if not frame.has_alpha:
            return frame
        alpha = frame.pixels[..., 3:].astype(np.uint16)
        below = self._filling(frame.width, frame.height).astype(np.uint16)
        mixed = (frame.pixels[..., :3] * alpha + below * (255 - alpha) + 127) // 255
        return Frame(mixed.astype(np.uint8), frame.time)

    def _filling(self, width: int, height: int) -> UInt8Array:
        """Return the background at that size: scaled until it covers all, its middle kept."""
        if self.pixels.shape[:2] in ((1, 1), (height, width)):
            return self.pixels
        rows, columns = self.pixels.shape[:2]
        scale = max(width / columns, height / rows)
        size = (max(width, round(columns * scale)), max(height, round(rows * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        scaled = cv2.resize(self.pixels, size, interpolation=how)
        x, y = (size[0] - width) // 2, (size[1] - height) // 2
        filling = np.ascontiguousarray(scaled[y : y + height, x : x + width])
        object.__setattr__(self, "pixels", filling)
        return np.asarray(filling, np.uint8)


def read_background(value: str) -> Background:
    """Read a background from a colour or a picture.

    Args:
        value: ``#rrggbb``, a CSS colour name, ``rgb(...)``, or the path of a picture.

    Raises:
        OptionError: Neither a colour nor a file.
        MediaError: The file is not a picture.
    """
    if Path(value).is_file():
        from masktalk.media import open_source

        pixels = next(iter(open_source(Path(value)).frames())).pixels
        return Background(np.ascontiguousarray(pixels[..., :3]))
    try:
        colour = ImageColor.getrgb(value)
    except ValueError as error:
        raise OptionError(
            "`background`",
            f"{value!r} is neither a colour nor a picture that is there",
            "give #rrggbb, a colour name such as white, or the path of a picture",
        ) from error
    return Background(np.array(colour[:3], np.uint8).reshape(1, 1, 3))
