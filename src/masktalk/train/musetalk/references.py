"""The choice of a reference frame: the same head pose, another mouth.

A reference that shows the mouth to be predicted would be copied; one of another head pose
would not fit (Zhang et al., "MuseTalk", 2024, section 3.3).
"""

from __future__ import annotations

import random
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray

ReferenceMethod: TypeAlias = Literal["pose_and_mouth", "pose", "random"]

#: Share of a clip's frames that count as alike in pose, and as unlike in the mouth.
CANDIDATE_SHARE = 0.51
#: Frames around the target that show nearly the same mouth.
NEAR_FRAMES = 5

_JAW, _INNER_LIPS = slice(0, 17), slice(60, 68)
#: The reference leaves the last point of both out.
_UPSTREAM_JAW, _UPSTREAM_INNER_LIPS = slice(0, 16), slice(60, 67)
_UNIT_SIDE = 256.0

Indices: TypeAlias = npt.NDArray[np.int64]


def unit_landmarks(landmarks: FloatArray, boxes: FloatArray) -> npt.NDArray[np.float64]:
    """Return landmarks in their boxes, both sides of which become 256.

    Args:
        landmarks: (N, 68, 2) iBUG points in pixels of the frames.
        boxes: (N, 4) x0, y0, x1, y1 in pixels.

    Returns:
        (N, 68, 2).
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    moved = landmarks.astype(np.float64) - boxes[:, None, :2]
    return np.asarray(moved / sides[:, None] * _UNIT_SIDE)


class ReferenceChooser:
    """Chooses reference frames within one clip.

    Args:
        points: (N, 68, 2) from ``unit_landmarks``.
        share: Share of the frames in each candidate set.
        upstream: Choose as the reference does, frames outside the clip included.
    """

    def __init__(
        self,
        points: npt.NDArray[np.float64],
        share: float = CANDIDATE_SHARE,
        upstream: bool = False,
    ) -> None:
        self.upstream = upstream
        self._points = points
        self._count = int(share * len(points))

    def alike_poses(self, target: int) -> Indices:
        """Return the frames whose jaw lies nearest to the target's, nearest first."""
        jaw = _UPSTREAM_JAW if self.upstream else _JAW
        order = np.argsort(self._distances(jaw, target), kind="heapsort")
        if self.upstream:  # the first is taken for the target itself, which ties can belie
            return order[1 : self._count + 1]
        return order[order != target][: max(self._count, 1)]

    def unlike_mouths(self, target: int) -> Indices:
        """Return the frames whose inner lips differ most from the target's, farthest first."""
        lips = _UPSTREAM_INNER_LIPS if self.upstream else _INNER_LIPS
        order = np.argsort(-self._distances(lips, target), kind="heapsort")
        return order[: self._count] if self.upstream else order[: max(self._count, 1)]

    def candidates(self, target: int) -> Indices:
        """Return the frames alike in pose and unlike in the mouth, in order."""
        return np.intersect1d(self.alike_poses(target), self.unlike_mouths(target))

    def choose(self, target: int, clip: int, source: random.Random, method: ReferenceMethod) -> int:
        """Return a reference frame for a target.

        Args:
            target: Frame to predict.
            clip: Frames of the sample that the target belongs to.
            source: Random numbers.
            method: Kind of the choice.
        """
        if self.upstream:
            return self._choose_upstream(target, clip, source, method)
        pool = self._pool(target, method)
        far = pool[np.abs(pool - target) >= NEAR_FRAMES]
        if not len(far):
            frames = np.arange(len(self._points))
            far = frames[np.abs(frames - target) >= NEAR_FRAMES]
        if not len(far):  # a clip of a few frames: the one farthest away
            return 0 if target > (len(self._points) - 1) / 2 else len(self._points) - 1
        return int(source.choice(far.tolist()))

    def _pool(self, target: int, method: ReferenceMethod) -> Indices:
        if method == "random":
            reach = NEAR_FRAMES * NEAR_FRAMES
            low, high = max(target - reach, 0), min(target + reach + 1, len(self._points))
            return np.arange(low, high)
        return self.candidates(target) if method == "pose_and_mouth" else self.alike_poses(target)

    def _choose_upstream(
        self, target: int, clip: int, source: random.Random, method: ReferenceMethod
    ) -> int:
        low, high = target - NEAR_FRAMES * clip, target + NEAR_FRAMES * clip
        if method == "random":
            return source.randint(low, high)
        pool = self.alike_poses(target).tolist()
        if method == "pose_and_mouth":  # in the order of CPython's sets of small integers
            pool = list(set(pool) & set(self.unlike_mouths(target).tolist()))
        chosen = source.choice(pool)
        while abs(chosen - target) < NEAR_FRAMES:
            chosen = source.choice(pool) if method == "pose" else source.randint(low, high)
        return int(chosen)

    def _distances(self, part: slice, target: int) -> npt.NDArray[np.float64]:
        points = self._points[:, part]
        distances = np.linalg.norm(points - points[target], axis=-1).mean(axis=1)
        return np.asarray(distances)
