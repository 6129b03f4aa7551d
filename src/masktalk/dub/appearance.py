"""The appearance of a person: enough to tell the people of one video apart across its cuts.

This is no face recognition: it compares the layout of colours and edges of the head and what is
around it, which holds while clothes, hair and light stay alike.
"""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from masktalk.types import Face, FloatArray, UInt8Array

#: Aligned crop: its sides in pixels, and the place of the eyes in it, so that hair and
#: shoulders are inside.
_SIDE = 96
_EYES_Y = 0.42 * _SIDE
_EYE_DISTANCE = 0.26 * _SIDE
_CELLS = 8
_ORIENTATIONS = 8
#: Weight of colours; edges have the rest.
_COLOUR_SHARE = 0.6


def aligned_head(pixels: UInt8Array, face: Face) -> UInt8Array:
    """Return the (96, 96, 3) uint8 head, upright and of one size.

    Args:
        pixels: (H, W, 3|4) uint8 frame.
        face: A face in it.
    """
    left, right = face.point(LEFT_EYE_OUTER), face.point(RIGHT_EYE_OUTER)
    # A head turned sideways keeps its height, so that the size is taken from there too.
    height = float(np.linalg.norm(face.chin - (left + right) / 2))
    scale = _EYE_DISTANCE / max(face.interocular, 0.75 * height, 1.0)
    turn = cv2.getRotationMatrix2D((0.0, 0.0), float(np.degrees(face.roll)), scale)
    middle = turn[:, :2] @ ((left + right) / 2)
    turn[:, 2] = np.array([_SIDE / 2, _EYES_Y]) - middle
    head = cv2.warpAffine(
        np.ascontiguousarray(pixels[..., :3]), turn, (_SIDE, _SIDE),
        flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(head, np.uint8)


def describe(head: UInt8Array) -> FloatArray:
    """Return a unit vector (D,) that is alike for pictures of the same person.

    Args:
        head: (96, 96, 3) uint8, from ``aligned_head``.
    """
    lab = cv2.cvtColor(head, cv2.COLOR_RGB2LAB).astype(np.float32) - np.float32(128)
    # Light changes from shot to shot, hue less.
    lab[..., 0] = (lab[..., 0] - lab[..., 0].mean()) * np.float32(0.5)
    colours = cv2.resize(lab, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    parts = (_unit(colours) * _COLOUR_SHARE, _unit(_edges(head)) * (1 - _COLOUR_SHARE))
    return _unit(np.concatenate(parts))


def _edges(head: UInt8Array) -> FloatArray:
    """Return histograms of gradient orientations in cells (Dalal and Triggs 2005)."""
    grey = cv2.cvtColor(head, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradients = [cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    size, angle = cv2.cartToPolar(gradients[0], gradients[1])
    bins = (angle / np.pi * _ORIENTATIONS).astype(int) % _ORIENTATIONS
    layers = np.dstack([size * (bins == each) for each in range(_ORIENTATIONS)])
    return np.asarray(cv2.resize(layers, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA))


def similarity(one: FloatArray, other: FloatArray) -> float:
    """Return the cosine of two descriptions, (D,) each."""
    return float(one @ other)


def _unit(values: FloatArray) -> FloatArray:
    flat = np.asarray(values, np.float32).ravel()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-6), np.float32)
