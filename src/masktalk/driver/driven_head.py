"""Eyes and head of a driving video as movements."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from masktalk.behaviour.capture import MAX_TURN_RAD
from masktalk.behaviour.movement import STILL, HeadPose, Movement, look_weights
from masktalk.faces.measures import upper_face_rotation
from masktalk.landmarks import (
    BROWS,
    IRISES,
    LEFT_EYE_CORNERS,
    LOWER_LIDS,
    OUTER_EYE_CORNERS,
    RIGHT_EYE_CORNERS,
    UPPER_LIDS,
)
from masktalk.types import FloatArray


@dataclass(frozen=True)
class _Figures:
    """Lengths in inter-ocular distances unless they say otherwise."""

    #: Seconds of the driver that its resting eyes and pose are taken from.
    reference_s: Fraction = Fraction(2)
    #: Opening against that of open eyes at which lids begin to close, and are closed.
    closing: float = 0.85
    closed: float = 0.30
    #: An eye's radius: 12 mm against 90 mm.
    eyeball: float = 0.133
    max_gaze_deg: float = 25.0
    #: By which a brow channel at 1 raises a brow, and movements that are the tracker's noise.
    brow_up: float = 0.085
    brow_noise: float = 0.012
    #: Part of the driver's shifts that the avatar follows, and the most of it.
    shift_share: float = 0.5
    max_shift: float = 0.06


_FIGURES: Final = _Figures()


@dataclass(frozen=True, eq=False)
class HeadMeasures:
    """Eyes and head of one frame.

    Attributes:
        time: Seconds since the start of the video.
        lids: (2,) opening against width, image's left eye first.
        gaze: (2,) iris away from the middle between the corners, in inter-ocular distances.
        brows: (2, 2) height of the inner and outer brow above the eyes, image's left first.
        turn: (3,) yaw, pitch, roll in radians.
        place: (2,) middle between the eyes, in inter-ocular distances.
    """

    time: Fraction
    lids: FloatArray
    gaze: FloatArray
    brows: FloatArray
    turn: FloatArray
    place: FloatArray


def measure_head(mesh: FloatArray, time: Fraction) -> HeadMeasures:
    """Return the measures of a (478, 3) mesh in pixels.

    Args:
        mesh: (478, 3) in pixels.
        time: Seconds.
    """
    turned, frontal, unit = upper_face_rotation(mesh)
    corners = (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)
    lids, gaze, brows = [], [], []
    for side, ends in enumerate(corners):
        width = float(np.linalg.norm(frontal[ends[1], :2] - frontal[ends[0], :2]))
        gaps = frontal[list(LOWER_LIDS[side]), 1] - frontal[list(UPPER_LIDS[side]), 1]
        lids.append(float(gaps[2:5].mean()) / max(width, 1e-6))
        middle = frontal[list(ends), :2].mean(axis=0)
        gaze.append(frontal[IRISES[side], :2] - middle)
        brow = list(BROWS[side])
        outer, inner = float(frontal[brow[:2], 1].mean()), float(frontal[brow[3:], 1].mean())
        brows.append((middle[1] - inner, middle[1] - outer))
    place = mesh[list(OUTER_EYE_CORNERS), :2].mean(axis=0) / max(unit, 1e-6)
    return HeadMeasures(time, np.array(lids), np.mean(gaze, axis=0), np.array(brows), turned, place)


class DrivenHead:
    """A ``MovementSource`` that follows the eyes and the head of a driving video.

    Args:
        measures: Frame by frame, None where there is no face; asked for as they are needed.
        parts: Parts of the head to follow.
    """

    def __init__(self, measures: Iterator[HeadMeasures | None], parts: Collection[str]) -> None:
        self.parts = parts
        self._measures = measures
        self._waiting: deque[HeadMeasures] = deque()
        self._reference: HeadMeasures | None = None
        self._shown = STILL

    def at(self, time: Fraction) -> Movement:
        """Return the movement at a time; what is lost holds."""
        if self._reference is None:
            self._learn()
        while self._fill() and self._waiting[0].time <= time:
            self._shown = self._movement(self._waiting.popleft())
        return self._shown

    def _fill(self) -> bool:
        """Have the next frame with a face at hand; False at the video's end."""
        while not self._waiting:
            try:
                found = next(self._measures)
            except StopIteration:
                return False
            if found is not None:
                self._waiting.append(found)
        return True

    def _learn(self) -> None:
        """Take the resting eyes and pose from the beginning."""
        for measures in self._measures:
            if measures is None:
                continue
            self._waiting.append(measures)
            if measures.time >= _FIGURES.reference_s:
                break
        known = list(self._waiting)
        if known:
            self._reference = HeadMeasures(
                known[0].time,
                np.percentile([one.lids for one in known], 75, axis=0),
                *(np.median([getattr(one, name) for one in known], axis=0)
                  for name in ("gaze", "brows", "turn", "place")),
            )  # fmt: skip

    def _movement(self, now: HeadMeasures) -> Movement:
        f, rest = _FIGURES, self._reference
        assert rest is not None  # there is something to show only after learning
        opening = now.lids / np.maximum(rest.lids, 1e-3)
        closed = np.clip((f.closing - opening) / (f.closing - f.closed), 0, 1)
        look = np.arcsin(np.clip((now.gaze - rest.gaze) / f.eyeball, -0.9, 0.9))
        right, down = np.clip(np.rad2deg(look), -f.max_gaze_deg, f.max_gaze_deg).tolist()
        raised = (now.brows - rest.brows) / f.brow_up
        raised = np.sign(raised) * np.maximum(np.abs(raised) - f.brow_noise / f.brow_up, 0)
        weights = look_weights(right, down) if closed.max() < 0.5 else {}
        weights |= {"eyeBlinkRight": float(closed[0]), "eyeBlinkLeft": float(closed[1])}
        weights["browInnerUp"] = float(np.clip(raised[:, 0].mean(), 0, 1))
        for side, name in enumerate(("Right", "Left")):
            weights[f"browOuterUp{name}"] = float(np.clip(raised[side, 1], 0, 1))
            weights[f"browDown{name}"] = float(np.clip(-raised[side].mean(), 0, 1))
        turn = np.clip(now.turn - rest.turn, -MAX_TURN_RAD, MAX_TURN_RAD)
        shift = f.shift_share * (now.place - rest.place)
        x, y = np.clip(shift, -f.max_shift, f.max_shift).tolist()
        yaw, pitch, roll = turn.tolist()
        return Movement(
            {k: v for k, v in weights.items() if v > 0}, HeadPose(yaw, pitch, roll, x, y)
        )
