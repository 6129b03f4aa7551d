"""Every kind of avatar, each prepared from material made here; a new kind is a line in KINDS."""

import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from masktalk.demo.faces import draw_cartoon, draw_ninja
from masktalk.media import Writer, WriterOptions
from masktalk.preparation import PrepareOptions
from masktalk.types import Frame
from tests.conftest import write_talking

FRAMES = 6
SIZE = 256


@dataclass(frozen=True)
class Source:
    """The input of an avatar.

    Attributes:
        path: File or folder.
        options: What ``prepare`` needs to know.
        rig: Body of the server's PUT /api/avatars/{id}/rig before preparing, if any.
        no_server: The reason why the server cannot take it, if it cannot.
    """

    path: Path
    options: PrepareOptions = field(default_factory=PrepareOptions)
    rig: dict | None = None
    no_server: str | None = None


def _portrait(material: Path) -> np.ndarray:
    image = Image.open(material / "portrait.jpg").convert("RGB").crop((0, 0, 384, 384))
    return np.asarray(image.resize((SIZE, SIZE)))


def _save(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def photograph(material: Path, folder: Path) -> Source:
    """Make the demo's portrait."""
    return Source(_save(_portrait(material), folder / "photograph.png"))


def drawing(material: Path, folder: Path) -> Source:
    """Make the demo's cartoon."""
    return Source(_save(draw_cartoon(), folder / "drawing.png"))


def video(material: Path, folder: Path) -> Source:
    """Make a swaying portrait."""
    return Source(write_talking(folder / "video.mp4", FRAMES, faceless=(), rate=Fraction(25)))


def masked_picture(material: Path, folder: Path) -> Source:
    """Make the demo's ninja."""
    path = _save(draw_ninja(), folder / "ninja.png")
    return Source(path, PrepareOptions(mouth="cloth"), {"mouth": "cloth"})


def masked_video(material: Path, folder: Path) -> Source:
    """Make a ninja that sways by a pixel a frame."""
    path, ninja = folder / "ninja.mp4", draw_ninja()
    height, width = ninja.shape[:2]
    with Writer(path, WriterOptions(width, height, Fraction(25), crf=10)) as writer:
        for index in range(FRAMES):
            shifted = np.ascontiguousarray(np.roll(ninja, index, axis=1))
            writer.write(Frame(shifted, Fraction(index, 25)))
    return Source(path, PrepareOptions(mouth="cloth"), {"mouth": "cloth"})


def two_images(material: Path, folder: Path) -> Source:
    """Make the portrait bare, and under a cloth over the lower half of its face."""
    bare = _portrait(material)
    cloth = np.zeros((SIZE, SIZE, 4), np.uint8)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    cloth[..., 0], cloth[..., 1:3] = rows // 2, 70
    cloth[..., 3] = 255 * (np.hypot((columns - 128) / 60, (rows - 175) / 45) < 1)
    masked = np.where(cloth[..., 3:] > 0, cloth[..., :3], bare)
    options = PrepareOptions(
        unmasked=_save(bare, folder / "bare.png"), mask=_save(cloth, folder / "mask.png")
    )
    why = "the server takes one file an avatar, not two images"
    return Source(_save(masked, folder / "masked.png"), options, no_server=why)


def transparent(material: Path, folder: Path) -> Source:
    """Make the portrait on a transparent background."""
    bare = _portrait(material)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    alpha = 255 * (np.hypot((columns - 128) / 120, (rows - 128) / 125) < 1)
    return Source(_save(np.dstack([bare, alpha]).astype(np.uint8), folder / "transparent.png"))


def frame_folder(material: Path, folder: Path) -> Source:
    """Make a folder of numbered images."""
    path = folder / "frames"
    path.mkdir()
    for index in range(4):
        _save(np.roll(_portrait(material), index, axis=1), path / f"{index:03d}.png")
    why = "the server takes one file an avatar, not a folder"
    return Source(path, PrepareOptions(fps=Fraction(25)), no_server=why)


def points_only(material: Path, folder: Path) -> Source:
    """Make a lamp-like shape without a face, and say where its mouth is."""
    pixels = np.full((SIZE, SIZE, 3), 120, np.uint8)
    pixels[150:160, 90:170] = (40, 20, 20)
    pixels[60:200, 60:62] = 220
    path = _save(pixels, folder / "points.png")
    rig = {
        "left_corner": [90, 155], "right_corner": [170, 155],
        "upper_lip": [130, 150], "lower_lip": [130, 160],
        "chin": [130, 210], "left_eye": [95, 90], "right_eye": [165, 90],
    }  # fmt: skip

    written = folder / "points.json"
    written.write_text(json.dumps(rig), encoding="utf-8")
    return Source(path, PrepareOptions(points=written), {"points": rig})


KINDS = {
    "photograph": photograph,
    "drawing": drawing,
    "video": video,
    "masked_picture": masked_picture,
    "masked_video": masked_video,
    "two_images": two_images,
    "transparent": transparent,
    "frame_folder": frame_folder,
    "points_only": points_only,
}
