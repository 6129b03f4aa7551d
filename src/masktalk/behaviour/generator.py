"""The generator of natural behaviour: one movement a frame, from a seed and the speech."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from masktalk.behaviour.blinks import Blinks
from masktalk.behaviour.gaze import Gaze, GazeMotion
from masktalk.behaviour.movement import HeadPose, Movement, look_weights
from masktalk.behaviour.posture import PostureMotion

#: Frames further apart than this are taken as if they followed each other.
_MAX_STEP_S = 0.5
#: Lids follow the eyes down: closure for each degree of gaze below the picture's own.
_LID_PER_DEG = 0.022
#: Degrees of a gaze shift that always brings a blink (Evinger et al., "Not looking while
#: leaping: the linkage of blinking and saccadic gaze shifts", 1994); smaller ones seldom do.
_BLINK_SHIFT_DEG = 33.0


@dataclass(frozen=True)
class BehaviourOptions:
    """Parts of the behaviour and their strength.

    Attributes:
        blink: True lets the lids blink.
        gaze: Where the eyes look; None leaves them as they are.
        head: True moves head and brows.
        head_strength: Scale of their movements.
        energy: Scale of all movements.
        expression: ARKit weights that hold all the time.
        seed: Of everything that is drawn by chance.
    """

    blink: bool = True
    gaze: Gaze | None = "viewer"
    head: bool = True
    head_strength: float = 1.0
    energy: float = 1.0
    expression: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


class Behaviour:
    """Blinks, gaze, brows and head pose of one speaker, frame by frame.

    The same seed, times, jaw and voice give the same movements, offline and live.

    Args:
        options: Parts and strength.
    """

    def __init__(self, options: BehaviourOptions) -> None:
        energy, seed = options.energy, options.seed
        self._options = options
        self._blinks = Blinks(seed, energy) if options.blink and energy > 0 else None
        self._gaze = None if options.gaze is None else GazeMotion(options.gaze, seed, energy)
        strength = energy * options.head_strength if options.head else 0.0
        self._posture = PostureMotion(seed, strength) if strength > 0 else None
        self._time: float | None = None

    def step(self, time: float, jaw: float, voice: float) -> Movement:
        """Return the movement of the next frame.

        Args:
            time: Seconds; grows from call to call.
            jaw: Weight of jawOpen, 0 to 1.
            voice: Probability of speech, 0 to 1.
        """
        seconds = 0.0 if self._time is None else min(max(time - self._time, 0.0), _MAX_STEP_S)
        self._time = time
        weights = dict(self._options.expression)
        pose, raised = HeadPose(), 0.0
        if self._posture is not None:
            pose, raised = self._posture.step(time, seconds, jaw, voice)
        right, down = self._look(time, seconds, voice)
        weights |= look_weights(right, down)
        closed = 0.0
        if self._blinks is not None:
            closed = self._blinks.step(time, seconds, voice)
        _raise(weights, max(closed, min(max(down, 0) * _LID_PER_DEG, 0.4)), "eyeBlink")
        for channel in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
            if raised > 0:
                weights[channel] = min(weights.get(channel, 0.0) + raised, 1.0)
        return Movement(weights, pose)

    def _look(self, time: float, seconds: float, voice: float) -> tuple[float, float]:
        if self._gaze is None:
            return (0.0, 0.0)
        look = self._gaze.step(time, seconds, voice)
        shifted = self._gaze.is_shifting(time)
        if shifted and self._blinks is not None and self._gaze.shift_deg > _BLINK_SHIFT_DEG / 4:
            self._blinks.trigger(time)
        return look


def _raise(weights: dict[str, float], closed: float, channel: str) -> None:
    """Close both lids at least so far."""
    for side in ("Left", "Right"):
        name = f"{channel}{side}"
        if closed > weights.get(name, 0.0):
            weights[name] = closed
