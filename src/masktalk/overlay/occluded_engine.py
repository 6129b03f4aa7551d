"""Any engine behind what lies before the face in single frames: a hand, a cup, a microphone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from masktalk.avatar import Avatar
from masktalk.engines.base import Engine, Speech
from masktalk.types import Occlusion, Patch


class OccludedEngine(Engine):
    """An engine whose patches leave occluders as they are.

    Args:
        engine: Makes the face speak.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.options)
        self._engine = engine
        self.capabilities = engine.capabilities

    def prepare(self, avatar: Avatar) -> None:
        """Prepare the wrapped engine."""
        self._engine.prepare(avatar)

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield the wrapped engine's patches behind the occluders; see ``Engine.speak``."""
        for step, patch in enumerate(self._engine.speak(avatar, speech)):
            index = avatar.index_at(speech.begin + Fraction(step) / speech.rate)
            yield behind(avatar.occlusions.at(index), patch)


def behind(occlusion: Occlusion | None, patch: Patch | None) -> Patch | None:
    """Return a patch that leaves out what an occluder hides; None where nothing is left."""
    if occlusion is None or patch is None:
        return patch
    if occlusion.mouth_share <= 0:
        return None
    height, width = patch.pixels.shape[:2]
    left, top = occlusion.x - patch.x, occlusion.y - patch.y
    rows = slice(max(top, 0), min(top + occlusion.alpha.shape[0], height))
    columns = slice(max(left, 0), min(left + occlusion.alpha.shape[1], width))
    shown = np.full((height, width), occlusion.mouth_share, np.float32)
    if rows.start < rows.stop and columns.start < columns.stop:
        hidden = occlusion.alpha[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        shown[rows, columns] *= 1 - hidden.astype(np.float32) / 255
    pixels = patch.pixels.copy()
    pixels[..., 3] = np.round(pixels[..., 3] * shown).astype(np.uint8)
    return replace(patch, pixels=pixels)
