"""Tracking of cloth on a head, frame by frame.

What lies under cloth is guessed anew in every frame, and folds that are laid on a guess
swim. The part of the face above it is seen: the head that moves as that does carries them,
at the depth of the mouth, and a little time makes its path even.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.lips import trimmed
from masktalk.landmarks import CHIN, MOUTH_CORNERS, NOSE_BASE
from masktalk.types import Face, FloatArray

_SEEN = 0.45  # eye distances below the eyes down to which a face tells of its head
_EVEN = 0.06  # seconds, the deviation of the weights in time
_REACH = 2.5  # deviations that they reach
_JUMP = 0.5  # eye distances between frames that are another shot


class ClothTracker:
    """Maps from the plane of one frame's face to pixels of any frame.

    Args:
        faces: Of all frames.
        rate: Frames per second.
        home: The frame whose plane it is; it has a face.
    """

    def __init__(self, faces: Sequence[Face | None], rate: float, home: int) -> None:
        face = faces[home]
        if face is None:
            raise ValueError(f"frame {home} has no face")
        self._faces = faces
        pose = fit_pose(trimmed(face.mesh))
        self._unit = pose.unit
        self._seen = np.flatnonzero(pose.frontal[:, 1] < _SEEN)
        known = np.column_stack([pose.frontal[self._seen], np.ones(len(self._seen))])
        self._solver = np.linalg.pinv(known)
        self._depth = float(pose.frontal[[NOSE_BASE, *MOUTH_CORNERS[:2], CHIN], 2].mean())
        self._even = _EVEN * rate
        plane = np.column_stack([pose.axes[:, :2], pose.origin])
        self._home = np.linalg.inv(_square(self._at_depth(home))) @ _square(plane)

    def at(self, index: int) -> FloatArray:
        """(2, 3) from places (x, y, 1) on the home frame's plane to pixels of a frame."""
        return np.asarray(self._at_depth(index) @ self._home, np.float32)

    def _at_depth(self, index: int) -> npt.NDArray[np.float64]:
        """(2, 3) from the head's x and y at the cloth's depth to pixels, even in time."""
        here = self._head(index)
        total, weight = np.zeros((2, 4)), 0.0
        # As far back as ahead: a mean of one side would lag behind.
        reach = min(int(_REACH * self._even), index, len(self._faces) - 1 - index)
        for step in range(index - reach, index + reach + 1):
            head = here if step == index else self._head(step)
            if np.isnan(head).any() or self._jumps(head, here):
                continue
            share = float(np.exp(-(((step - index) / self._even) ** 2) / 2))
            total, weight = total + share * head, weight + share
        total /= max(weight, 1e-9)
        return np.column_stack([total[:, :2], total[:, 3] + self._depth * total[:, 2]])

    def _head(self, index: int) -> npt.NDArray[np.float64]:
        """(2, 4) from points in face axes to pixels of a frame; NaN where there is no face."""
        face = self._faces[index]
        if face is None:
            return np.full((2, 4), np.nan)
        return np.asarray((self._solver @ face.mesh[self._seen, :2]).T, np.float64)

    def _jumps(self, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
        return bool(np.abs(a - b)[:, 3].max() > _JUMP * self._unit)


def _square(affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.vstack([affine, [0.0, 0.0, 1.0]])
