"""Blending masks of the generated mouth: from face parsing, or from the mesh where that fails."""

from __future__ import annotations

import logging
from typing import Protocol

import cv2
import numpy as np

from masktalk.compose.parsing_masks import (
    LOWER_LIP,
    MOUTH,
    NOSE,
    SKIN,
    UPPER_LIP,
    Box,
    MaskOptions,
    crop_box,
    cut,
    soft_mask,
    speaking_region,
)
from masktalk.landmarks import SPEAKING_REGION, UNOCCLUDED_SKIN
from masktalk.types import Face, FloatArray, UInt8Array

logger = logging.getLogger(__name__)

_SKIN_PATCH = 0.03
_SKIN_TOLERANCE = 2.5
_SKIN_SPREAD = np.array([14.0, 5.0, 5.0], np.float32)

#: A parsed face fills at least this part of the box's lower half.
_FACE_SHARE = 0.15
_MESH_BLUR = 0.08


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
            shown = _visible_skin(picture, face, box)
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


def mesh_mask(face: Face, box: Box) -> UInt8Array:
    """(h, w) soft mask over the speaking part of the mesh; 0 along the box's border."""
    x0, y0, x1, y1 = box
    outline = face.mesh[list(SPEAKING_REGION), :2] - (x0, y0)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    hull = cv2.convexHull(np.round(outline).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (255,))
    reach = max(int(_MESH_BLUR * (x1 - x0)), 1)
    inside = np.zeros_like(mask)
    inside[reach:-reach, reach:-reach] = mask[reach:-reach, reach:-reach]
    soft = cv2.GaussianBlur(inside, (2 * reach + 1, 2 * reach + 1), 0)
    return np.asarray(soft, np.uint8)


def _visible_skin(picture: UInt8Array, face: Face, box: Box) -> FloatArray:
    """(h, w) 0 to 1: how much each pixel of the box looks like the skin around the eyes."""
    x0, y0, x1, y1 = box
    sample = _skin_sample(picture, face)
    if not len(sample):
        return np.zeros((y1 - y0, x1 - x0), np.float32)
    middle = np.median(sample, axis=0)
    spread = np.maximum(np.median(np.abs(sample - middle), axis=0) * 2, _SKIN_SPREAD)
    colours = _lab(picture[y0:y1, x0:x1, :3])
    distance = np.sqrt((((colours - middle) / spread) ** 2).mean(axis=-1))
    likeness = (distance < _SKIN_TOLERANCE).astype(np.float32)
    opened = cv2.morphologyEx(likeness, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    width = max((x1 - x0) // 32, 1) * 2 + 1
    shrunk = cv2.erode(opened, np.ones((width, width), np.uint8))
    return np.asarray(cv2.GaussianBlur(shrunk, (width, width), 0), np.float32)


def _skin_sample(picture: UInt8Array, face: Face) -> FloatArray:
    half = max(int(_SKIN_PATCH * face.interocular), 1)
    height, width = picture.shape[:2]
    patches = []
    for vertex in UNOCCLUDED_SKIN:
        x, y = (int(v) for v in face.point(vertex))
        if half <= x < width - half and half <= y < height - half:
            patch = np.ascontiguousarray(picture[y - half : y + half, x - half : x + half, :3])
            patches.append(_lab(patch).reshape(-1, 3))
    return np.concatenate(patches) if patches else np.zeros((0, 3), np.float32)


def _lab(colours: UInt8Array) -> FloatArray:
    scaled = np.ascontiguousarray(colours).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)


def _minimum(mask: UInt8Array, shown: FloatArray) -> UInt8Array:
    return np.minimum(mask, np.round(shown * 255).astype(np.uint8))
