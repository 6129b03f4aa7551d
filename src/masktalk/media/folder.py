"""A folder of numbered pictures as frames."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from masktalk.errors import MediaError
from masktalk.media.color import Color
from masktalk.media.image import read_image
from masktalk.media.orientation import Layout
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.types import Frame

_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm"}
    | {".pnm", ".tga", ".jp2", ".avif", ".exr", ".hdr", ".heic", ".heif"}
)


class FolderSource(Source):
    """Every picture of a folder, in the order of the numbers in the names."""

    kind: SourceKind = "folder"

    def __init__(self, path: Path, rate: Fraction, limits: Limits) -> None:
        self.path = path
        self.rate: Fraction = rate
        self.color = Color.IMAGE
        self._limits = limits
        self.files = _pictures(path)
        first = read_image(self.files[0], limits)
        self.height, self.width = first.shape[:2]
        self._channels = first.shape[2]
        self.has_alpha = self._channels == 4 and any(
            read_image(file, limits)[..., 3:].min(initial=255) < 255 for file in self.files
        )
        self.pixel_format = "rgba" if self.has_alpha else "rgb24"
        self.layout = Layout((self.width, self.height))
        self.frame_count = len(self.files)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; see ``Source.frames``."""
        for index, file in enumerate(self.files):
            pixels = read_image(file, self._limits)
            height, width, channels = pixels.shape
            if (width, height) != (self.width, self.height):
                raise MediaError(
                    file,
                    f"is {width}x{height}, but {self.files[0].name} is {self.width}x{self.height}",
                    "make all frames the same size",
                )
            if channels != self._channels:
                raise MediaError(
                    file,
                    f"{'has' if channels == 4 else 'lacks'} an alpha channel, "
                    f"unlike {self.files[0].name}",
                    "save all frames with alpha, or all without",
                )
            kept = pixels if self.has_alpha else np.ascontiguousarray(pixels[..., :3])
            yield Frame(kept, index / self.rate)

    def digest(self) -> str:
        """Return a digest of the content in hex."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(file.stat().st_size.to_bytes(8, "big"))
            digest.update(file.read_bytes())
        return digest.hexdigest()


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts ``f2`` before ``f10``; text and numbers never compare with one another."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts)


def _pictures(folder: Path) -> list[Path]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise MediaError(folder, f"cannot be listed: {error.strerror}", "check it") from error
    files = [folder / name for name in names if not name.startswith(".")]
    files = [file for file in files if file.suffix.lower() in _SUFFIXES and file.is_file()]
    if not files:
        raise MediaError(
            folder, "holds no pictures", "give a folder of PNG or JPEG frames, numbered in order"
        )
    return sorted(files, key=lambda file: (natural_key(file.name), file.name))
