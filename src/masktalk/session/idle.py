"""Behaviour of an image for engines that move its mouth only: it blinks, and its head sways."""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.behaviour import Behaviour, BehaviourOptions, HeadPose
from masktalk.engines.warp.eyes import Eyes
from masktalk.numerics import smoothstep
from masktalk.types import Face, FloatArray, Frame

#: Poses of the head a second: it moves so slowly that more would only cost.
_POSES_PER_S = 12.5


class IdleMotion:
    """Blinks and sway for an image of one face.

    The same seed and times give the same motion.

    Args:
        face: Where the face is.
        width: Of the image, pixels.
        height: Of the image, pixels.
        seed: Of all that is drawn by chance.
    """

    def __init__(self, face: Face, width: int, height: int, seed: int = 0) -> None:
        self._face = face
        self._behaviour = Behaviour(BehaviourOptions(gaze=None, seed=seed))
        self._unit = max(face.interocular, 1.0)
        weight = _head_weight(face, width, height)
        self._window = _window(weight)
        self._weight = np.ascontiguousarray(weight[self._window])
        rows, columns = np.mgrid[self._window].astype(np.float32)
        pivot = face.chin + (face.chin - face.mouth)
        self._turn_x = -self._weight * (rows - pivot[1])
        self._turn_y = self._weight * (columns - pivot[0])
        self._columns = columns - columns[0, 0]
        self._rows = rows - rows[0, 0]
        self._kept: tuple[int, tuple[FloatArray, FloatArray]] | None = None

    def apply(self, frame: Frame, time: float) -> Frame:
        """Return the frame as it looks at ``time`` seconds; the given one is not changed.

        Times grow from call to call.
        """
        movement = self._behaviour.step(time, jaw=0.0, voice=0.0)
        if movement.weights:
            for edit in Eyes(frame, self._face).edits(movement.weights):
                frame = edit.on(frame)
        pixels = frame.pixels.copy()
        x, y = self._sources(time, movement.pose)
        window = np.ascontiguousarray(pixels[self._window])
        pixels[self._window] = cv2.remap(
            window, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return Frame(pixels, frame.time)

    def _sources(self, time: float, pose: HeadPose) -> tuple[FloatArray, FloatArray]:
        """Return the columns and rows in the window that its pixels come from, (h, w) each."""
        number = int(time * _POSES_PER_S)
        if self._kept is None or self._kept[0] != number:
            dx, dy = pose.x * self._unit, pose.y * self._unit
            x = cv2.scaleAdd(
                self._turn_x, -pose.roll, cv2.scaleAdd(self._weight, -dx, self._columns)
            )
            y = cv2.scaleAdd(self._turn_y, -pose.roll, cv2.scaleAdd(self._weight, -dy, self._rows))
            self._kept = (number, (np.asarray(x, np.float32), np.asarray(y, np.float32)))
        return self._kept[1]


def _window(weight: FloatArray) -> tuple[slice, slice]:
    """Return the rows and columns in which anything moves."""
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
    return np.asarray(np.minimum(smoothstep(near) * 1.6, 1.0) * smoothstep(inner), np.float32)
