"""Any engine under a mask: the bare face speaks and its mask is composited back over it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from masktalk.avatar import OVERLAY_NAME, Avatar
from masktalk.compose.paste import paste
from masktalk.engines.articulation import ArticulationBuffer
from masktalk.engines.base import Articulator, Engine, Speech, make_engine
from masktalk.errors import OutputError
from masktalk.faces import locate
from masktalk.media import open_source
from masktalk.overlay.mask_overlay import Box, Overlay
from masktalk.overlay.occluded_engine import OccludedEngine
from masktalk.overlay.registration import MaskPictures, make_overlay
from masktalk.speech import make_articulator
from masktalk.types import Articulation, Audio, Face, Frame, Patch


def engine_for(avatar: Avatar, name: str, options: Mapping[str, Any] | None = None) -> Engine:
    """Make an engine that is ready to speak for an avatar, its mask composited back.

    Args:
        avatar: From ``prepare``.
        name: Name in the table of engines.
        options: The engine's own options by name.

    Raises:
        OptionError: As ``make_engine``.
        MasktalkError: What the engine itself needs is missing.
    """
    engine = with_overlay(make_engine(name, dict(options or {})), avatar)
    engine.prepare(avatar)
    return engine


def with_overlay(engine: Engine, avatar: Avatar) -> Engine:
    """Wrap an engine so that what lies before the avatar's mouth stays before it.

    That is an occluder of single frames, and the mask of a two-image avatar.
    """
    if len(avatar.occlusions) and not isinstance(engine, OccludedEngine):
        engine = OccludedEngine(engine)
    if avatar.overlay is None or isinstance(engine, MaskedEngine):
        return engine
    home = next((face for face in avatar.faces if face is not None), None)
    return MaskedEngine(engine, Overlay(_first_frame(avatar.overlay), home))


def write_overlay(
    folder: Path, bare: Frame, face: Face | None, masked: Path | None, mask: Path | None
) -> None:
    """Make a mask's overlay from the given images and keep it in an avatar's folder.

    Args:
        folder: The avatar's.
        bare: The avatar's first frame with a face.
        face: That face.
        masked: The same person under the mask, or None.
        mask: The mask alone or its matte, or None.

    Raises:
        MediaError: An image cannot be read.
        InputError: No mask can be made out in what was given.
        OutputError: The folder cannot be written.
    """
    under_mask = None if masked is None else _first_frame(masked)
    given = MaskPictures(
        bare=bare,
        masked=under_mask,
        mask=None if mask is None else _first_frame(mask),
        bare_face=face,
        masked_face=None if under_mask is None else locate(under_mask),
    )
    overlay = make_overlay(given, str(mask or masked))
    path = folder / OVERLAY_NAME
    if not cv2.imwrite(str(path), cv2.cvtColor(overlay.pixels, cv2.COLOR_RGBA2BGRA)):
        raise OutputError(path, "cannot be written")


class MaskedEngine(Engine):
    """An engine for an avatar that has an overlay.

    The mask moves with the speech: audio goes to the articulator as it goes to the
    engine, whether or not the engine itself works with articulation.

    Args:
        engine: Makes the bare face speak.
        overlay: The avatar's mask.
    """

    def __init__(self, engine: Engine, overlay: Overlay) -> None:
        super().__init__(engine.options)
        self._engine = engine
        self._overlay = overlay
        self.capabilities = engine.capabilities

    def prepare(self, avatar: Avatar) -> None:
        """Prepare the wrapped engine."""
        self._engine.prepare(avatar)

    def speak(self, avatar: Avatar, speech: Speech) -> Iterator[Patch | None]:
        """Yield the wrapped engine's patches with the mask over them; see ``Engine.speak``."""
        tee = _ArticulationTee(speech.articulator or make_articulator())
        inner = dataclasses.replace(speech, blocks=tee.listen(speech.blocks), articulator=tee)
        waiting: deque[Patch | None] = deque()
        step = 0
        for patch in self._engine.speak(avatar, inner):
            waiting.append(patch)
            while waiting and tee.covers(step / speech.rate):
                yield self._masked(avatar, speech, step, waiting.popleft(), tee.buffer)
                step += 1
        for patch in waiting:
            yield self._masked(avatar, speech, step, patch, tee.buffer)
            step += 1

    def _masked(
        self,
        avatar: Avatar,
        speech: Speech,
        step: int,
        patch: Patch | None,
        buffer: ArticulationBuffer,
    ) -> Patch | None:
        if not speech.wants(step):
            return None
        time = step / speech.rate
        index = avatar.index_at(speech.begin + time)
        values = buffer.at(time)
        buffer.forget_before(time)
        frame = paste(avatar.frame(index), patch, time)
        laid = self._overlay.composite(frame, avatar.faces[index], values)
        box = self._overlay.box(avatar.faces[index])
        left, top, right, bottom = _union(box, patch, avatar.width, avatar.height)
        if left >= right or top >= bottom:
            return None
        pixels = laid.region(left, top, right, bottom)
        matte = np.ascontiguousarray(pixels[..., 3]) if laid.has_alpha else None
        opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        return Patch(np.dstack([pixels[..., :3], opaque]), left, top, matte)


class _ArticulationTee:
    """One articulator's steps for two readers: the mask, and the engine below it.

    The mask reads the buffer; the engine pushes the audio that was heard already and gets
    the same steps.
    """

    def __init__(self, articulator: Articulator) -> None:
        self._articulator = articulator
        self._unread: deque[Articulation] = deque(maxlen=1000)
        self.buffer = ArticulationBuffer()
        self._ended = False

    @property
    def lookahead(self) -> Fraction:
        """Seconds of audio after a step that must be heard before it is certain."""
        return self._articulator.lookahead

    def listen(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Yield the same blocks, each after it was articulated."""
        for block in blocks:
            self._add(self._articulator.push(block))
            yield block
        self._add(self._articulator.flush())
        self._ended = True

    def covers(self, time: Fraction) -> bool:
        """Return whether the articulation at a time is certain."""
        return self._ended or self.buffer.covers(time)

    def push(self, audio: Audio) -> Articulation:
        """Return the steps that the engine has not read yet."""
        del audio
        return self._take_unread()

    def flush(self) -> Articulation:
        """Return the steps that the engine has not read yet."""
        return self._take_unread()

    def _add(self, part: Articulation) -> None:
        if len(part):
            self._unread.append(part)
            self.buffer.append(part)

    def _take_unread(self) -> Articulation:
        parts = list(self._unread)
        self._unread.clear()
        return Articulation.concat(parts)


def _union(box: Box, patch: Patch | None, width: int, height: int) -> Box:
    """Return the bounding box of the mask's and the patch's, clipped to the frame."""
    left, top, right, bottom = box
    if patch is not None:
        left, top = min(left, patch.x), min(top, patch.y)
        right = max(right, patch.x + patch.pixels.shape[1])
        bottom = max(bottom, patch.y + patch.pixels.shape[0])
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def _first_frame(path: Path) -> Frame:
    return next(iter(open_source(path).frames()))
