"""Blending masks of the generated mouth: from face parsing, or from the mesh where that fails."""

from __future__ import annotations

import logging
from typing import Protocol

import numpy as np

from masktalk.compose.boxes import Box
from masktalk.compose.face_masks import mesh_mask, visible_skin
from masktalk.compose.parsing_masks import (
    LOWER_LIP,
    MOUTH,
    NOSE,
    SKIN,
    UPPER_LIP,
    MaskOptions,
    crop_box,
    cut,
    soft_mask,
    speaking_region,
)
from masktalk.types import Face, FloatArray, UInt8Array

logger = logging.getLogger(__name__)

#: A parsed face fills at least this part of the box's lower half.
_FACE_SHARE = 0.15


class Parser(Protocol):
    """Labels the parts of a face; see ``compose.parsing.FaceParser``."""

    def labels(self, picture: UInt8Array) -> UInt8Array:
        """Label an (H, W, 3) face with the (H, W) classes of the parsing network."""
        ...


class MaskMaker:
    """Makes the soft mask of one avatar frame.

    Args:
        parser: None where the parser's weights are not here.
        options: How masks are made.
    """

    def __init__(self, parser: Parser | None, options: MaskOptions) -> None:
        self.parser = parser
        self.options = options
        self._said: set[str] = set()
        if parser is None:
            self._say("no face-parsing weights, so the mouth is blended in by the face mesh")

    def mask(self, picture: UInt8Array, face: Face, box: Box) -> UInt8Array:
        """(h, w) weight of the generated face over its box.

        Args:
            picture: (H, W, 3) the frame.
            face: Where its face is.
            box: x0, y0, x1, y1 inside the frame.
        """
        labels = None
        if self.parser is not None:
            labels = self.parser.labels(cut(picture, crop_box(box, self.options.expand)))
        if face.mouth_state == "occluded":
            self._say("the mouth is covered; it is painted only where nothing covers it")
            shown = visible_skin(picture, face, box)
            if labels is not None:
                shown = np.minimum(shown, self._parsed_skin(labels, box))
            return _minimum(mesh_mask(face, box), shown)
        if labels is not None:
            parsed = soft_mask(speaking_region(labels, self.options), box, self.options)
            if parsed[len(parsed) // 2 :].mean() >= _FACE_SHARE * 255:
                return parsed
            self._say("parsing finds no face in some frames; the mesh is used there")
        return mesh_mask(face, box)

    def _parsed_skin(self, labels: UInt8Array, box: Box) -> FloatArray:
        visible = np.isin(labels, (SKIN, NOSE, MOUTH, UPPER_LIP, LOWER_LIP))
        region = np.where(visible, 255, 0).astype(np.uint8)
        return soft_mask(region, box, self.options).astype(np.float32) / 255

    def _say(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            logger.info("musetalk: %s", what)


def _minimum(mask: UInt8Array, shown: FloatArray) -> UInt8Array:
    return np.minimum(mask, np.round(shown * 255).astype(np.uint8))
