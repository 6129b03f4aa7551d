"""Two-picture avatars: a bare face that speaks, and the mask that is laid back over it."""

from __future__ import annotations

from pathlib import Path

import cv2

from masktalk.avatar import OVERLAY_NAME, Avatar
from masktalk.compose.overlay import Overlay
from masktalk.compose.register import MaskPictures, make_overlay
from masktalk.engines.base import Engine
from masktalk.engines.masked import MaskedEngine
from masktalk.errors import OutputError
from masktalk.faces import locate
from masktalk.media import open_source
from masktalk.types import Face, Frame


def write_overlay(
    folder: Path, bare: Frame, face: Face | None, masked: Path | None, mask: Path | None
) -> None:
    """Make a mask's overlay from what was given and keep it in an avatar's folder.

    Args:
        folder: The avatar's.
        bare: The avatar's first frame with a face.
        face: That face.
        masked: The same person under the mask, or None.
        mask: The mask alone or its matte, or None.

    Raises:
        MediaError: A picture cannot be read.
        InputError: No mask can be made out in what was given.
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


def masked_engine(engine: Engine, avatar: Avatar) -> Engine:
    """Wrap the engine so that the avatar's mask, if it has one, is composited back."""
    if avatar.overlay is None:
        return engine
    home = next((face for face in avatar.faces if face is not None), None)
    return MaskedEngine(engine, Overlay(_first_frame(avatar.overlay), home))


def _first_frame(path: Path) -> Frame:
    return next(iter(open_source(path).frames()))
