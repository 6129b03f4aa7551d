"""Any engine under a mask: the bare face speaks and its mask is laid back over it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from masktalk.compose.overlay import Box, Overlay
from masktalk.compose.paste import paste
from masktalk.engines.base import Articulator, Capabilities, Engine, Speech
from masktalk.speech import make_articulator
from masktalk.types import CHANNELS, Articulation, Audio, FloatArray, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar


class MaskedEngine(Engine):
    """Wraps an engine for an avatar that has an overlay.

    The mask moves with what is said: sound goes to the articulator as it goes to the
    engine, whether or not the engine itself works with articulation.

    Args:
        engine: Makes the bare face speak.
        overlay: The avatar's mask.
    """

    def __init__(self, engine: Engine, overlay: Overlay) -> None:
        super().__init__(engine.options)
        self._engine = engine
        self._overlay = overlay
        #: Its own look-ahead may be longer than the engine's.
        self.capabilities: Capabilities = engine.capabilities  # type: ignore[misc]

    def prepare(self, avatar: Avatar) -> None:
        self._engine.prepare(avatar)

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        heard = _Heard(speech.articulator or make_articulator())
        inner = dataclasses.replace(
            speech, blocks=heard.listen(speech.blocks), articulator=_Repeater(heard)
        )
        waiting: deque[Patch | None] = deque()
        step = 0
        for patch in self._engine.speak(avatar, inner):
            waiting.append(patch)
            while waiting and heard.reaches(step / speech.rate):
                yield self._masked(avatar, speech, step, waiting.popleft(), heard)
                step += 1
        for patch in waiting:
            yield self._masked(avatar, speech, step, patch, heard)
            step += 1

    def _masked(
        self, avatar: Avatar, speech: Speech, step: int, patch: Patch | None, heard: _Heard
    ) -> Patch | None:
        if not speech.wants(step):
            return None
        time = step / speech.rate
        index = avatar.index_at(speech.begin + time)
        values = heard.at(time)
        frame = paste(avatar.frame(index), patch, time)
        laid = self._overlay.lay(frame, avatar.faces[index], values)
        box = self._overlay.box(avatar.faces[index])
        left, top, right, bottom = _union(box, patch, avatar.width, avatar.height)
        if left >= right or top >= bottom:
            return None
        pixels = laid.region(left, top, right, bottom)
        matte = np.ascontiguousarray(pixels[..., 3]) if laid.has_alpha else None
        opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        return Patch(np.dstack([pixels[..., :3], opaque]), left, top, matte)


def _union(box: Box, patch: Patch | None, width: int, height: int) -> Box:
    """A box around the mask's and the patch's, inside the frame."""
    left, top, right, bottom = box
    if patch is not None:
        left, top = min(left, patch.x), min(top, patch.y)
        right = max(right, patch.x + patch.pixels.shape[1])
        bottom = max(bottom, patch.y + patch.pixels.shape[0])
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


class _Heard:
    """Hears what the engine hears, and knows the articulation of the last minute."""

    _KEPT_SECONDS = 60

    def __init__(self, articulator: Articulator) -> None:
        self.articulator = articulator
        self.news: deque[Articulation] = deque(maxlen=1000)
        self._kept: Articulation | None = None
        self._ended = False

    def listen(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """The same blocks; each is heard before it is handed on."""
        for block in blocks:
            self._add(self.articulator.push(block))
            yield block
        self._add(self.articulator.flush())
        self._ended = True

    def reaches(self, time: Fraction) -> bool:
        """Whether the articulation at a time is certain."""
        kept = self._kept
        return self._ended or (kept is not None and kept.end - Fraction(1, kept.frame_rate) >= time)

    def at(self, time: Fraction) -> FloatArray:
        """(len(CHANNELS),) the articulation at a time."""
        if self._kept is None:
            return np.zeros(len(CHANNELS), np.float32)
        return self._kept.at(time)

    def _add(self, new: Articulation) -> None:
        if not len(new):
            return
        self.news.append(new)
        old = self._kept
        if old is None:
            self._kept = new
            return
        surplus = max(len(old) - self._KEPT_SECONDS * old.frame_rate, 0)
        self._kept = Articulation(
            np.concatenate([old.values[surplus:], new.values]),
            old.frame_rate,
            old.time + Fraction(surplus, old.frame_rate),
        )


class _Repeater:
    """An articulator for the engine that says what was heard for the mask already."""

    def __init__(self, heard: _Heard) -> None:
        self._heard = heard

    @property
    def lookahead(self) -> Fraction:
        return self._heard.articulator.lookahead

    def push(self, audio: Audio) -> Articulation:
        del audio
        return self._news()

    def flush(self) -> Articulation:
        return self._news()

    def _news(self) -> Articulation:
        parts = list(self._heard.news)
        self._heard.news.clear()
        if not parts:
            return Articulation(np.zeros((0, len(CHANNELS)), np.float32), 100)
        return Articulation(
            np.concatenate([part.values for part in parts]),
            parts[0].frame_rate,
            parts[0].time,
            np.concatenate([part.voice for part in parts]),
        )
