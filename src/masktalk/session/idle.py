"""Idle movement of an image: blinks and slight head movement."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.landmarks import LEFT_EYE_CORNERS, LOWER_LIDS, RIGHT_EYE_CORNERS, UPPER_LIDS
from masktalk.types import Face, FloatArray, Frame, UInt8Array

# Eyelids from the outer to the inner corner, both included.
_CORNERS = (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)
_UPPER_LIDS, _LOWER_LIDS = (
    [(outer, *lid, inner) for (outer, inner), lid in zip(_CORNERS, lids, strict=True)]
    for lids in (UPPER_LIDS, LOWER_LIDS)
)

#: Seconds a lid takes to fall, rests, and takes to rise; seconds between blinks.
_FALL, _SHUT, _RISE = 0.08, 0.03, 0.13
_PAUSES = (2.2, 6.0)

#: Amplitude of the sway in distances between the outer eye corners, and of the roll in
#: radians; the periods in seconds have no common multiple anyone would notice.
_SHIFT, _ROLL = 0.018, 0.009
_PERIODS = (7.3, 5.1, 9.7)
#: Poses of the head a second: it moves so slowly that more would only cost.
_POSES = 12.5

_NARROWEST_EYE = 8.0  # pixels
_SHUT_ALREADY = 0.08  # opening over width


@dataclass(frozen=True, eq=False)
class _Lid:
    """One eye's lid: skin from under the eye, with lashes at its edge, laid over it.

    The skin above an eye is no source for a lid: drawn eyes are larger than a mesh says,
    and what lies above may be a brow or a hood.

    Attributes:
        rows: Rows of the window in the frame.
        columns: Columns of the window in the frame.
        depth: (h, w) pixels below the lid's edge, along the face's own down.
        opening: (h, w) pixels from the upper to the lower lid there; 0 beside the eye.
        eye: Pixels from corner to corner.
        down: (2,) the face's own down.
    """

    rows: slice
    columns: slice
    depth: FloatArray
    opening: FloatArray
    eye: float
    down: FloatArray

    def close(self, pixels: UInt8Array, amount: float) -> None:
        """Draw the lid over the eye in (h, w, 3) pixels, in place; 0 leaves it open, 1 shuts it."""
        edge = (self.opening + 0.05 * self.eye) * np.float32(amount)
        window = pixels[self.rows, self.columns]
        picture = np.ascontiguousarray(window[..., :3])
        skin = self._skin(picture, edge)
        beside = np.clip(self.opening / (0.10 * self.eye), 0, 1)
        top = np.clip((self.depth + 0.17 * self.eye) / (0.10 * self.eye), 0, 1)
        bottom = np.clip((edge - self.depth) / 1.5, 0, 1)
        cover = (top * bottom * beside * min(2 * amount, 1.0))[..., None]
        from_edge = (self.depth - edge) / (0.045 * self.eye)
        lashes = (np.exp(-(from_edge**2)) * 0.55 * beside * min(2 * amount, 1.0))[..., None]
        mixed = (picture * (1 - cover) + skin * cover) * (1 - lashes)
        window[..., :3] = np.rint(mixed).astype(np.uint8)

    def _skin(self, picture: UInt8Array, edge: FloatArray) -> FloatArray:
        """(h, w, 3) what lies under the eye, brought to where the lid is."""
        under = self.opening + 0.2 * self.eye + 0.25 * (edge - self.depth)
        away = np.asarray(under - self.depth, np.float32)
        height, width = away.shape
        columns, rows = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        skin = cv2.remap(
            picture,
            columns + away * self.down[0],
            rows + away * self.down[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return cv2.GaussianBlur(skin, (0, 0), max(0.04 * self.eye, 0.3)).astype(np.float32)


class IdleMotion:
    """Blinks and sway for a picture of one face.

    A function of time alone: the same seed and time give the same motion.

    Args:
        face: Where the face is.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        seed: Of the pauses between blinks.
    """

    def __init__(self, face: Face, width: int, height: int, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._blinks = [float(self._random.uniform(*_PAUSES))]
        self._unit = max(face.interocular, 1.0)
        self._lids = _lids(face, width, height)
        weight = _head_weight(face, width, height)
        self._window = _window(weight)
        self._weight = np.ascontiguousarray(weight[self._window])
        rows, columns = np.mgrid[self._window].astype(np.float32)
        pivot = face.chin + (face.chin - face.mouth)
        self._turn_x = -self._weight * (rows - pivot[1])
        self._turn_y = self._weight * (columns - pivot[0])
        self._columns = columns - columns[0, 0]
        self._rows = rows - rows[0, 0]
        self._pose: tuple[int, tuple[FloatArray, FloatArray]] | None = None

    def apply(self, frame: Frame, time: float) -> Frame:
        """The frame as it looks at ``time`` seconds; the given one is not changed."""
        pixels = frame.pixels.copy()
        shut = self.lid(time)
        if shut > 0:
            for lid in self._lids:
                lid.close(pixels, shut)
        x, y = self._pose_at(time)
        window = np.ascontiguousarray(pixels[self._window])
        pixels[self._window] = cv2.remap(
            window, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return Frame(pixels, frame.time)

    def _pose_at(self, time: float) -> tuple[FloatArray, FloatArray]:
        """Return the source position of each pixel of the window."""
        number = int(time * _POSES)
        if self._pose is None or self._pose[0] != number:
            dx, dy, roll = self.sway(number / _POSES)
            x = cv2.scaleAdd(self._turn_x, -roll, cv2.scaleAdd(self._weight, -dx, self._columns))
            y = cv2.scaleAdd(self._turn_y, -roll, cv2.scaleAdd(self._weight, -dy, self._rows))
            self._pose = (number, (np.asarray(x, np.float32), np.asarray(y, np.float32)))
        return self._pose[1]

    def sway(self, time: float) -> tuple[float, float, float]:
        """Pixels to the right, pixels down, and radians clockwise at a time."""
        slow = [math.sin(2 * math.pi * time / period) for period in _PERIODS]
        shift = _SHIFT * self._unit
        return shift * slow[0], 0.6 * shift * slow[1], _ROLL * slow[2]

    def lid(self, time: float) -> float:
        """Return the closure of the eyelids at a time, 0 to 1."""
        while self._blinks[-1] <= time:
            self._blinks.append(self._blinks[-1] + float(self._random.uniform(*_PAUSES)))
            self._blinks = self._blinks[-8:]
        for begin in self._blinks:
            since = time - begin
            if 0 <= since < _FALL:
                return since / _FALL
            if 0 <= since - _FALL < _SHUT:
                return 1.0
            if 0 <= since - _FALL - _SHUT < _RISE:
                return 1.0 - (since - _FALL - _SHUT) / _RISE
        return 0.0


def _lids(face: Face, width: int, height: int) -> list[_Lid]:
    across = np.array([math.cos(face.roll), math.sin(face.roll)], np.float32)
    down = np.array([-across[1], across[0]], np.float32)
    found = []
    for upper_ids, lower_ids in zip(_UPPER_LIDS, _LOWER_LIDS, strict=True):
        upper, lower = face.mesh[list(upper_ids), :2], face.mesh[list(lower_ids), :2]
        centre = (upper.mean(axis=0) + lower.mean(axis=0)) / 2
        eye = float(np.ptp(upper @ across))
        gap = float(((lower - upper) @ down).max())
        if eye < _NARROWEST_EYE or gap < _SHUT_ALREADY * eye:
            continue
        margin = eye * 0.75
        x0, x1 = max(int(centre[0] - margin), 0), min(int(centre[0] + margin) + 1, width)
        y0, y1 = max(int(centre[1] - margin), 0), min(int(centre[1] + margin) + 1, height)
        if x0 < x1 and y0 < y1:
            found.append(_lid((x0, y0, x1, y1), upper, lower, across, down))
    return found


def _lid(
    box: tuple[int, int, int, int],
    upper: FloatArray,
    lower: FloatArray,
    across: FloatArray,
    down: FloatArray,
) -> _Lid:
    x0, y0, x1, y1 = box
    columns, rows = np.meshgrid(
        np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
    )
    side, below = columns * across[0] + rows * across[1], columns * down[0] + rows * down[1]

    def curve(points: FloatArray) -> FloatArray:
        """Sample the curve through (N, 2) lid landmarks at every column."""
        order = np.argsort(points @ across)
        level = np.interp(side, (points @ across)[order], (points @ down)[order])
        return level.astype(np.float32)

    eye = float(np.ptp(upper @ across))
    edge = curve(upper)
    outside = (side < (upper @ across).min()) | (side > (upper @ across).max())
    opening = np.where(outside, 0, np.maximum(curve(lower) - edge, 0)).astype(np.float32)
    return _Lid(slice(y0, y1), slice(x0, x1), below - edge, opening, eye, down)


def _window(weight: FloatArray) -> tuple[slice, slice]:
    """The rows and columns in which anything moves."""
    rows, columns = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _head_weight(face: Face, width: int, height: int) -> FloatArray:
    """(H, W) 1 on the head, falling smoothly to 0 at the picture's border."""
    x0, y0, x1, y1 = face.box
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    size = max(x1 - x0, y1 - y0, 1.0)
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    away = np.hypot((columns - centre[0]) / size, (rows - centre[1]) / size) / 1.6
    near = np.clip(1 - away, 0, 1)
    border = np.minimum.reduce([columns, rows, width - 1 - columns, height - 1 - rows])
    inner = np.clip(border / max(0.12 * min(width, height), 1.0), 0, 1)
    smooth = near * near * (3 - 2 * near)
    return np.asarray(np.minimum(smooth * 1.6, 1.0) * inner * inner * (3 - 2 * inner), np.float32)
