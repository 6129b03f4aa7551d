"""Natural behaviour of a head: blinks, gaze, brows, posture and expression over time."""

from masktalk.behaviour.expression import EXPRESSIONS, parse_expression
from masktalk.behaviour.generator import Behaviour, BehaviourOptions
from masktalk.behaviour.movement import ARKIT_CHANNELS, STILL, HeadPose, Movement

__all__ = [
    "ARKIT_CHANNELS",
    "EXPRESSIONS",
    "STILL",
    "Behaviour",
    "BehaviourOptions",
    "HeadPose",
    "Movement",
    "parse_expression",
]
