"""A visible label, for places where metadata are lost."""

from __future__ import annotations

import numpy as np

from masktalk.types import Patch

_FRAME_SHARE = 0.035
_MIN_TEXT_PIXELS = 9


def label_patch(text: str, width: int, height: int) -> Patch:
    """Return a label for the lower left corner of frames.

    Args:
        text: Words to show.
        width: Of the frames, in pixels.
        height: Of the frames, in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = max(min(width, height) * _FRAME_SHARE, _MIN_TEXT_PIXELS)
    font = ImageFont.load_default(size)
    margin = round(size / 2)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox(
        (0, 0), text, font=font
    )
    box = round(right - left) + 2 * margin, round(bottom - top) + 2 * margin
    image = Image.new("RGBA", box, (0, 0, 0, 150))
    ImageDraw.Draw(image).text((margin - left, margin - top), text, (255, 255, 255, 255), font)
    return Patch(np.asarray(image), margin, height - box[1] - margin)
