"""Make the pictures of the documentation anew: a photograph, a painting, a cartoon, the ninja.

    python scripts/pictures.py docs/media

The folder gets a short looping WebP of each speaking. The painting is the shipped
photograph through OpenCV's mean-shift filter.
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
from PIL import Image

from masktalk import RenderOptions, frames, prepare
from masktalk.demo.show import write_material

_LOOPS = {
    "ninja": "ninja.png",
    "cartoon": "cartoon.png",
    "photograph": "portrait.jpg",
    "painting": "painting.png",
}
_LOOP_S, _LOOP_RATE, _LOOP_SIDE_PX = 3, 15, 224


def main(target: Path) -> None:
    """Write a loop of each face speaking into ``target``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_material(folder)
        photograph = cv2.imread(str(folder / "portrait.jpg"))
        enlarged = cv2.resize(photograph, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "painting.png"), cv2.pyrMeanShiftFiltering(enlarged, 12, 30))
        for loop, face in _LOOPS.items():
            write_loop(folder / face, folder / "speech.flac", target / f"{loop}.webp")


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
