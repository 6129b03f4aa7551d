"""An avatar's mouths on one picture: what an engine makes of each, at one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from masktalk.engines import Speech
from masktalk.errors import InputError
from masktalk.overlay import engine_for
from masktalk.rendering import compose_one
from masktalk.types import CHANNELS, Articulation, Audio, FloatArray, Frame, UInt8Array

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

#: What a sheet shows, in ARKit channels; a name without its side means both.
MOUTHS: Mapping[str, Mapping[str, float]] = {
    "rest": {},
    "slightly open": {"jawOpen": 0.2, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "open": {"jawOpen": 0.4, "mouthLowerDown": 0.3, "mouthUpperUp": 0.2},
    "wide open": {"jawOpen": 0.8, "mouthLowerDown": 0.3, "mouthUpperUp": 0.3},
    "round": {"jawOpen": 0.15, "mouthPucker": 0.8, "mouthFunnel": 0.4},
    "spread": {
        "jawOpen": 0.15, "mouthStretch": 0.6, "mouthSmile": 0.4,
        "mouthLowerDown": 0.4, "mouthUpperUp": 0.4,
    },
    "pressed": {"jawOpen": 0.08, "mouthClose": 0.08, "mouthPress": 0.45, "mouthRollLower": 0.25},
    "lip on teeth": {"jawOpen": 0.1, "mouthRollLower": 0.5, "mouthUpperUp": 0.2},
}  # fmt: skip
_COLUMNS = 3
_LABEL = 26
_HOLD = 2  # frames that every mouth is held, so that what follows slowly has followed


@dataclass(frozen=True)
class SheetOptions:
    """Options of ``mouth_sheet``.

    Attributes:
        engine: Name in the table of engines; one that takes articulation.
        engine_options: The engine's own options by name.
        side: Pixels of one tile.
        reach: Half of what a tile shows, in inter-ocular distances.
    """

    engine: str = "warp"
    engine_options: Mapping[str, Any] | None = None
    side: int = 300
    reach: float = 1.05


def mouth_sheet(avatar: Avatar, options: SheetOptions | None = None) -> UInt8Array:
    """Draw the avatar as it is and with every mouth of ``MOUTHS``, labelled, (H, W, 3).

    Raises:
        InputError: No frame of the avatar has a face.
        OptionError: As ``make_engine``.
    """
    options = options or SheetOptions()
    index = next((i for i, face in enumerate(avatar.faces) if face is not None), None)
    if index is None:
        raise InputError(avatar.folder, "no frame of the avatar has a face", "give `points`")
    tiles = [_tile(avatar, index, avatar.frame(index), "as it is", options)]
    for name, frame in zip(MOUTHS, _frames(avatar, index, options), strict=True):
        tiles.append(_tile(avatar, index, frame, name, options))
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    return np.vstack([np.hstack(row) for row in rows])


def _frames(avatar: Avatar, index: int, options: SheetOptions) -> list[Frame]:
    engine = engine_for(avatar, options.engine, options.engine_options)
    begin, made = Fraction(index) / avatar.rate, []
    for mouth in MOUTHS.values():
        speech = Speech(
            [Audio(np.zeros(int(_HOLD * 640), np.float32), 16000)],
            Fraction(25),
            begin,
            articulator=_Held(_values(mouth)),
            behaves=False,
        )
        # The last of them, laid on the very frame that it was made for.
        *_, (step, patch) = enumerate(engine.speak(avatar, speech))
        made.append(compose_one(avatar, patch, begin, Fraction(step, 25)))
    return made


def _values(mouth: Mapping[str, float]) -> FloatArray:
    values = np.zeros(len(CHANNELS), np.float32)
    for name, value in mouth.items():
        for side in ("", "Left", "Right"):
            if name + side in CHANNELS:
                values[CHANNELS.index(name + side)] = value
    return values


class _Held:
    """An articulator that hears one mouth, whatever is said."""

    lookahead = Fraction(0)

    def __init__(self, values: FloatArray) -> None:
        self._values = values
        self._steps = 0

    def push(self, audio: Audio) -> Articulation:
        """Return the held mouth for the length of the audio."""
        steps = int(audio.duration * 100) + 1
        begin, self._steps = self._steps, self._steps + steps
        return Articulation(np.tile(self._values, (steps, 1)), 100, Fraction(begin, 100))

    def flush(self) -> Articulation:
        """Return nothing more."""
        return Articulation.empty()


def _tile(
    avatar: Avatar, index: int, frame: Frame, label: str, options: SheetOptions
) -> UInt8Array:
    face = avatar.faces[index]
    assert face is not None
    middle, side = face.point(2), options.side
    scale = side / (2 * options.reach * max(face.interocular, 1.0))
    place = np.array([[scale, 0, side / 2], [0, scale, side / 2]], np.float32)
    place[:, 2] -= scale * middle
    pixels = np.ascontiguousarray(frame.pixels[..., :3])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    shown = cv2.warpAffine(pixels, place, (side, side), flags=flags, borderValue=(255,) * 3)
    tile = Image.new("RGB", (side, side + _LABEL), "white")
    tile.paste(Image.fromarray(np.asarray(shown, np.uint8)), (0, 0))
    ImageDraw.Draw(tile).text((8, side + 4), label, "#222222", ImageFont.load_default(15))
    return np.asarray(tile, np.uint8)
