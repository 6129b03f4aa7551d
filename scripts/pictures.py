"""Make the pictures of the documentation anew: a photograph, a painting, a cartoon, the ninja.

    python scripts/pictures.py docs/media

The folder gets a short looping WebP of each speaking, and a sheet of their behaviour: lids,
gaze, expressions and turned heads. The painting is the shipped photograph through OpenCV's
mean-shift filter.
"""

from __future__ import annotations

import math
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from masktalk import RenderOptions, frames, prepare
from masktalk.behaviour import EXPRESSIONS, HeadPose, Movement
from masktalk.behaviour.movement import look_weights
from masktalk.demo.show import write_material
from masktalk.types import Audio

_LOOPS = {
    "ninja": "ninja.png",
    "cartoon": "cartoon.png",
    "photograph": "portrait.jpg",
    "painting": "painting.png",
}
#: Columns of the sheet: ARKit weights, and the head's yaw in degrees.
_BEHAVIOUR: tuple[tuple[dict[str, float], float], ...] = (
    ({}, 0),
    ({"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}, 0),
    ({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, 0),
    (look_weights(-12, 0), 0),
    (look_weights(12, 0), 0),
    (dict(EXPRESSIONS["happy"]), 0),
    (dict(EXPRESSIONS["sad"]), 0),
    (dict(EXPRESSIONS["surprised"]), 0),
    ({}, -8),
    ({}, 8),
)
_TILE_PX = 150
_LOOP_S, _LOOP_RATE, _LOOP_SIDE_PX = 3, 15, 224


def main(target: Path) -> None:
    """Write a loop of each face speaking into ``target``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_material(folder)
        photograph = cv2.imread(str(folder / "portrait.jpg"))
        enlarged = cv2.resize(photograph, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "painting.png"), cv2.pyrMeanShiftFiltering(enlarged, 12, 30))
        order = ("photograph", "painting", "cartoon", "ninja")
        write_sheet([folder / _LOOPS[name] for name in order], target / "behaviour.jpg")
        for loop, face in _LOOPS.items():
            write_loop(folder / face, folder / "speech.flac", target / f"{loop}.webp")


class _Held:
    """A ``MovementSource`` that holds one movement."""

    parts = ("eyes", "head")

    def __init__(self, movement: Movement) -> None:
        self._movement = movement

    def at(self, time: Fraction) -> Movement:
        """Return the movement at any time."""
        return self._movement


def write_sheet(faces: list[Path], output: Path) -> None:
    """Write a contact sheet: a row a face, a column for each of ``_BEHAVIOUR``."""
    rows = []
    for face in faces:
        avatar = prepare(face)
        located = avatar.faces[0]
        assert located is not None
        reach = 1.3 * located.interocular
        x, y = located.mesh[168, :2] + (0, 0.35 * located.interocular)
        box = (int(x - reach), int(y - reach), int(x + reach), int(y + reach))
        for weights, yaw in _BEHAVIOUR:
            movement = _Held(Movement(weights, HeadPose(yaw=math.radians(yaw))))
            options = RenderOptions(engine_options={"energy": 0}, movement=movement)
            silence = Audio(np.zeros(1600, np.float32), 16_000)
            *_, shown = frames(avatar, silence, options)
            tile = Image.fromarray(shown.pixels[..., :3]).crop(box)
            rows.append(tile.resize((_TILE_PX, _TILE_PX)))
    sheet = Image.new("RGB", (_TILE_PX * len(_BEHAVIOUR), _TILE_PX * len(faces)))
    for number, tile in enumerate(rows):
        row, column = divmod(number, len(_BEHAVIOUR))
        sheet.paste(tile, (column * _TILE_PX, row * _TILE_PX))
    sheet.save(output, quality=82)


def write_loop(face: Path, speech: Path, output: Path) -> None:
    """Write a WebP that loops over the first seconds of a speaking face, cropped to the head."""
    avatar = prepare(face)
    located = avatar.faces[0]
    assert located is not None
    reach = 1.8 * located.interocular
    x, y = located.mouth - (0, 0.5 * located.interocular)
    box = (
        max(int(x - reach), 0),
        max(int(y - reach), 0),
        min(int(x + reach), avatar.width),
        min(int(y + reach), avatar.height),
    )
    size = (_LOOP_SIDE_PX, _LOOP_SIDE_PX * (box[3] - box[1]) // (box[2] - box[0]))
    options = RenderOptions(fps=Fraction(_LOOP_RATE), preview=Fraction(_LOOP_S))
    first, *others = (
        Image.fromarray(frame.pixels[..., :3]).crop(box).resize(size)
        for frame in frames(avatar, speech, options)
    )
    duration_ms = 1000 // _LOOP_RATE
    first.save(
        output, save_all=True, append_images=others, duration=duration_ms, loop=0, quality=70
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
