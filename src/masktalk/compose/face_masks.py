"""Soft masks of a face's speaking region, and of its skin that nothing occludes."""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.compose.boxes import Box
from masktalk.landmarks import SPEAKING_REGION, UNOCCLUDED_SKIN
from masktalk.types import Face, FloatArray, UInt8Array

#: Half side of the skin samples, in inter-ocular distances.
_SKIN_PATCH = 0.03
#: Largest distance of skin from the sampled skin, in its own spreads, and the least spread
#: of L, a and b.
_SKIN_TOLERANCE = 2.5
_SKIN_SPREAD = np.array([14.0, 5.0, 5.0], np.float32)

#: Feather of the mask's edge, in widths of the box.
_FEATHER_WIDTHS = 0.08


def mesh_mask(face: Face, box: Box) -> UInt8Array:
    """Return a (h, w) uint8 soft mask of the mesh's speaking region; 0 along the box's border."""
    x0, y0, x1, y1 = box
    outline = face.mesh[list(SPEAKING_REGION), :2] - (x0, y0)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    hull = cv2.convexHull(np.round(outline).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, (255,))
    return _feathered(mask)


def box_mask(box: Box) -> UInt8Array:
    """Return a (h, w) uint8 soft ellipse in a box's lower half, for a face without a mesh.

    Args:
        box: x0, y0, x1, y1 in pixels.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    mask = np.zeros((height, width), np.uint8)
    centre, axes = (width // 2, height * 3 // 4), (width * 2 // 5, height // 4)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, (255,), -1)
    return _feathered(mask)


def _feathered(mask: UInt8Array) -> UInt8Array:
    """Return a (h, w) mask with a soft edge that ends inside its border."""
    reach = max(int(_FEATHER_WIDTHS * mask.shape[1]), 1)
    inside = np.zeros_like(mask)
    inside[reach:-reach, reach:-reach] = mask[reach:-reach, reach:-reach]
    soft = cv2.GaussianBlur(inside, (2 * reach + 1, 2 * reach + 1), 0)
    return np.asarray(soft, np.uint8)


def visible_skin(picture: UInt8Array, face: Face, box: Box) -> FloatArray:
    """Return (h, w) in 0..1: the likeness of each pixel of a box to the skin around the eyes.

    Args:
        picture: (H, W, 3) RGB uint8 frame.
        face: Its face.
        box: x0, y0, x1, y1 inside the frame.
    """
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
