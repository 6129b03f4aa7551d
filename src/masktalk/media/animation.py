"""Animated images that FFmpeg does not play, WebP and AVIF, as frames at a constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image

from masktalk.errors import MediaError
from masktalk.files import file_digest
from masktalk.media.color import Color
from masktalk.media.constant_frame_rate import estimate_frame_rate, pace
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.orientation import Layout
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.types import Frame, UInt8Array

#: Durations are whole milliseconds; browsers show frames that give none for a tenth of a second.
_TICK_S = Fraction(1, 1000)
_USUAL_MS = 100


class AnimationSource(Source):
    """An animated image that Pillow decodes."""

    kind: SourceKind = "video"

    def __init__(self, path: Path, fps: Fraction | None, limits: Limits) -> None:
        self.path = path
        self.color = Color.IMAGE
        with Image.open(path) as image:
            self.width, self.height = image.size
        limits.check(path, self.width, self.height)
        self.has_alpha = False
        self._durations: list[Fraction] = []
        for duration, pixels in self._decoded():
            self._durations.append(duration)
            self.has_alpha = self.has_alpha or bool(pixels[..., 3].min() < 255)
        starts = list(accumulate(self._durations[:-1], initial=Fraction(0)))
        self.rate: Fraction = fps or estimate_frame_rate(starts, _TICK_S, None)
        self.frame_count = sum(1 for _ in pace(self._timed(self._durations), self.rate))
        self.pixel_format = "rgba" if self.has_alpha else "rgb24"
        self.layout = Layout((self.width, self.height))

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; see ``Source.frames``."""
        shown = (pixels for _, pixels in self._decoded())
        timed = zip(self._timed(self._durations), shown, strict=True)
        paced = pace(((time, length, pixels) for (time, length, _), pixels in timed), self.rate)
        for index, pixels in enumerate(paced):
            kept = pixels if self.has_alpha else np.ascontiguousarray(pixels[..., :3])
            yield SourceFrame(Stored(pixels=kept), index / self.rate)

    def digest(self) -> str:
        """Return a digest of the content in hex."""
        return file_digest(self.path)

    def _decoded(self) -> Iterator[tuple[Fraction, UInt8Array]]:
        """Yield (seconds, (H, W, 4) uint8 RGBA) of each frame."""
        try:
            with Image.open(self.path) as image:
                for index in range(getattr(image, "n_frames", 1)):
                    image.seek(index)
                    pixels = np.asarray(image.convert("RGBA"), np.uint8)
                    milliseconds = image.info.get("duration") or _USUAL_MS
                    yield Fraction(round(milliseconds), 1000), pixels
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise MediaError(
                self.path, f"is a damaged animation ({error})", "export it again"
            ) from error

    @staticmethod
    def _timed(durations: list[Fraction]) -> Iterator[tuple[Fraction, Fraction, None]]:
        time = Fraction(0)
        for duration in durations:
            yield time, duration, None
            time += duration
