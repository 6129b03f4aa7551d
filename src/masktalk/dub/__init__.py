"""Dubbing by a plan: several people in a video speak other words, each when it is their turn."""

from masktalk.dub.options import DubOptions
from masktalk.dub.people import Person, find_people
from masktalk.dub.plan import Plan, Segment, read_plan
from masktalk.dub.run import Dubbed, dub, plan_dub

__all__ = [
    "DubOptions",
    "Dubbed",
    "Person",
    "Plan",
    "Segment",
    "dub",
    "find_people",
    "plan_dub",
    "read_plan",
]
