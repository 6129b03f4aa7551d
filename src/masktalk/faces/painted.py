"""Analysis of a drawn mouth: a line, the bars of a grille, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray, UInt8Array

Kind: TypeAlias = Literal["line", "grille", "blank", "other"]

# What is looked at, in mouth widths: beside the corners, and above and below them.
_BESIDE, _ABOVE, _BELOW = 0.12, 0.4, 0.5
_DARKER = 40  # grey levels by which a stroke is darker than what it is drawn on
# A mouth's stroke: how much of the width it spans at least, how much wider than high it is.
_SPAN, _FLAT = 0.4, 1.8
# Bars: how much of all contrast is theirs, how alike they are, how many there are at least.
_UPRIGHT, _ALIKE, _FEWEST = 0.5, 0.5, 4
# Where lips and skin are, in mouth widths from the line, and how their colours differ at least.
_LIPS, _SKIN, _COLOURED = (0.02, 0.05), (0.2, 0.3), 24.0
_CONTRAST = 6.0  # grey levels: less is nothing


@dataclass(frozen=True, eq=False)
class PaintedMouth:
    """A mouth as it is drawn.

    Attributes:
        kind: ``line``, ``grille`` (upright bars), ``blank`` or ``other``.
        left: Column of the window's left edge in the picture.
        top: Row of its top edge.
        stroke: (h, w) 255 where the line is, over the window.
        bend: Pixels by which the line's middle lies below its ends.
        lips: Whether lips of another colour than the face are painted around the line.
        pitch: Pixels from one bar to the next.
        slot: Column of the middle of one slot between two bars.
    """

    kind: Kind
    left: int
    top: int
    stroke: UInt8Array
    bend: float = 0.0
    lips: bool = False
    pitch: float = 0.0
    slot: float = 0.0

    @property
    def thickness(self) -> float:
        """Pixels of the line from its upper to its lower edge, 0 where there is none."""
        across = int((self.stroke > 0).any(axis=0).sum())
        return float((self.stroke > 0).sum()) / max(across, 1)


def look_at_mouth(pixels: UInt8Array, corners: FloatArray) -> PaintedMouth:
    """Analyse the mouth painted between (2, 2) corners of an (H, W, 3|4) picture."""
    width = max(float(np.linalg.norm(corners[1] - corners[0])), 4.0)
    left, top, right, bottom = _window(pixels, corners, width)
    window = np.ascontiguousarray(pixels[top:bottom, left:right, :3])
    grey: UInt8Array = np.asarray(cv2.cvtColor(window, cv2.COLOR_RGB2GRAY), np.uint8)
    around = corners - [left, top]
    bars = _bars(grey, around, width)
    if bars is not None:
        pitch, slot = bars
        return PaintedMouth("grille", left, top, np.zeros_like(grey), pitch=pitch, slot=left + slot)
    stroke = _mouth_stroke(_strokes(grey, width), around, width)
    if stroke.any():
        return PaintedMouth("line", left, top, stroke, _bend(stroke), _lips(window, stroke, width))
    near = _between(grey, around, 0.12 * width)
    kind: Kind = "blank" if not near.size or float(near.std()) < _CONTRAST else "other"
    return PaintedMouth(kind, left, top, stroke)


def is_drawing(pixels: UInt8Array, box: tuple[float, float, float, float]) -> bool:
    """Return whether a face (x0, y0, x1, y1) is drawn in flat colours, as no photograph is."""
    height, width = pixels.shape[:2]
    x0, y0 = int(np.clip(box[0], 0, width - 16)), int(np.clip(box[1], 0, height - 16))
    x1, y1 = max(int(min(box[2], width)), x0 + 16), max(int(min(box[3], height)), y0 + 16)
    return flatness(np.ascontiguousarray(pixels[y0:y1, x0:x1, :3])) == 1


def flatness(face: UInt8Array) -> float:
    """Return the share, 0 to 1, of an (H, W, 3) face that hardly changes between pixels."""
    small = cv2.resize(face, (96, 96), interpolation=cv2.INTER_AREA).astype(np.float32)
    spread = cv2.dilate(small, np.ones((3, 3))) - cv2.erode(small, np.ones((3, 3)))
    still = float((spread.max(axis=2) < 2.5).mean())
    return float(np.clip((still - 0.25) / 0.2, 0.0, 1.0))


def _window(pixels: UInt8Array, corners: FloatArray, width: float) -> tuple[int, int, int, int]:
    low = corners.min(axis=0) - np.array([_BESIDE, _ABOVE]) * width
    high = corners.max(axis=0) + np.array([_BESIDE, _BELOW]) * width
    limit = np.array([pixels.shape[1], pixels.shape[0]])
    left, top = np.clip(low, 0, limit - 8).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high), [left + 8, top + 8], limit).astype(int).tolist()
    return left, top, right, bottom


def _between(grey: UInt8Array, corners: FloatArray, reach: float) -> UInt8Array:
    """Return the rows about the line from corner to corner, and the columns inside it."""
    (x0, y0), (x1, y1) = corners
    top, bottom = int(min(y0, y1) - reach), int(np.ceil(max(y0, y1) + reach)) + 1
    return grey[max(top, 0) : max(bottom, 1), max(int(x0), 0) : max(int(x1) + 1, 1)]


def _strokes(grey: UInt8Array, width: float) -> UInt8Array:
    """255 where something thin and darker than its surroundings is drawn."""
    size = 2 * max(round(0.08 * width), 1) + 1
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, shape)
    return np.asarray((hat > _DARKER).astype(np.uint8) * 255, np.uint8)


def _mouth_stroke(strokes: UInt8Array, corners: FloatArray, width: float) -> UInt8Array:
    """255 on the stroke that is long and flat enough to be a mouth and ends nearest the corners."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(strokes)
    best, nearest = 0, np.inf
    for label in range(1, count):
        across, down = (boxes[label, side] for side in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
        if across <= _SPAN * width or across <= _FLAT * down:
            continue
        away = float(np.abs(_ends(labels == label) - corners).sum())
        if away < nearest:
            best, nearest = label, away
    return np.asarray((labels == best) * np.uint8(255 * (best > 0)), np.uint8)


def _ends(stroke: npt.NDArray[np.bool_]) -> FloatArray:
    """(2, 2) x, y of the left and the right end of a stroke."""
    rows, columns = np.nonzero(stroke)
    ends = [columns <= columns.min() + 1, columns >= columns.max() - 1]
    return np.array([[columns[end].mean(), rows[end].mean()] for end in ends], np.float32)


def _bend(stroke: UInt8Array) -> float:
    """Pixels by which a stroke's middle lies below the chord between its ends."""
    first, last = _ends(stroke > 0)
    along = (last - first) / max(float(np.linalg.norm(last - first)), 1.0)
    rows, columns = np.nonzero(stroke)
    away = np.stack([columns, rows], axis=1) - (first + last) / 2
    half = max(float(np.linalg.norm(last - first)) / 2, 1.0)
    down = away @ np.array([-along[1], along[0]])
    return -float(np.polyfit(away @ along / half, down, 2)[0])


def _lips(window: UInt8Array, stroke: UInt8Array, width: float) -> bool:
    """Return whether the surroundings of a stroke differ in colour from what is further away."""
    away = cv2.distanceTransform(255 - stroke, cv2.DIST_L2, 3) / width
    close, far = (window[(away > near) & (away < end)] for near, end in (_LIPS, _SKIN))
    if not len(close) or not len(far):
        return False
    return float(np.abs(np.median(close, axis=0) - np.median(far, axis=0)).max()) > _COLOURED


def _bars(grey: UInt8Array, corners: FloatArray, width: float) -> tuple[float, float] | None:
    """Pitch of upright bars between the corners and the column of a slot, if there are any."""
    near = _between(grey, corners, 0.06 * width).astype(np.float32)
    if near.shape[0] < 3 or near.shape[1] < 3 * _FEWEST:
        return None
    profile = near.mean(axis=0)
    if profile.std() < _CONTRAST or profile.var() < _UPRIGHT * near.var():
        return None
    wave = profile - cv2.GaussianBlur(profile[None], (0, 0), len(profile) / 6)[0]
    alike = np.correlate(wave, wave, "full")[len(wave) - 1 :] / max(float(wave @ wave), 1e-6)
    falls = int(np.argmax(alike < 0))
    most = len(wave) // _FEWEST
    if falls == 0 or falls >= most:
        return None
    pitch = falls + int(alike[falls : most + 1].argmax())
    if alike[pitch] < _ALIKE:
        return None
    phases = [wave[start::pitch].mean() for start in range(pitch)]
    return float(pitch), max(float(corners[0, 0]), 0.0) // 1 + float(np.argmin(phases))
