"""Gaze: fixations, saccades, and glances away while speaking.

Saccades last 2.2 ms a degree and 21 ms more (Bahill, Clark and Stark, "The main sequence",
Mathematical Biosciences, 1975). Glances: Lee, Badler and Badler, "Eyes Alive" (ACM
Transactions on Graphics, 2002), who measured how large they are, where they go and how long
people look at and away from each other, talking and listening.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from masktalk.errors import OptionError

#: At the viewer, wandering, or degrees to the image's right and up.
Gaze: TypeAlias = "Literal['viewer', 'wander'] | tuple[float, float]"


@dataclass(frozen=True)
class _Figures:
    """Figures of human gaze; times in seconds, angles in degrees."""

    saccade_s: float = 0.021
    saccade_s_per_deg: float = 0.0022
    #: Fixations on a face that one looks at: their deviation around its middle.
    on_face_deg: float = 0.7
    fixation_s: tuple[float, float] = (0.35, 1.6)
    #: Mean seconds of mutual gaze and of glances away, talking and listening.
    mutual_s: tuple[float, float] = (3.1, 7.9)
    away_s: tuple[float, float] = (0.93, 0.43)
    #: A = -6.9 ln(P / 15.7): the magnitude of saccades, P in percent.
    scale_deg: float = 6.9
    percent: float = 15.7
    #: Farther than this a head would turn too.
    most_deg: float = 11.0
    most_down_deg: float = 7.0
    #: Eighths of the compass from the right counter-clockwise, in percent.
    directions: tuple[float, ...] = (15.54, 6.46, 17.69, 7.44, 16.80, 7.89, 20.38, 7.79)


_FIGURES: Final = _Figures()
_VOICED = 0.5  # probability of speech
#: The widest gaze that may be asked for, in degrees.
MAX_GAZE_DEG = 25.0


def parse_gaze(text: str) -> Gaze:
    """Return the gaze of ``viewer``, ``wander`` or ``X,Y``, degrees to the right and up.

    Raises:
        OptionError: Neither, or more than ``MAX_GAZE_DEG`` away.
    """
    if text == "viewer":
        return "viewer"
    if text == "wander":
        return "wander"
    try:
        right, up = (float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(
            f"`gaze` {text}", "is not a direction", "use viewer, wander or X,Y in degrees"
        ) from error
    if not max(abs(right), abs(up)) <= MAX_GAZE_DEG:
        raise OptionError(f"`gaze` {text}", f"must lie within {MAX_GAZE_DEG:g} degrees")
    return (right, up)


class GazeMotion:
    """The direction of both eyes over time.

    Args:
        gaze: Where they look.
        seed: Of fixations and glances.
        energy: Scale of how often glances leave the viewer.
    """

    def __init__(self, gaze: Gaze, seed: int, energy: float = 1.0) -> None:
        self._random = random.Random(f"gaze {seed}")
        self._wanders, self._energy = gaze == "wander", energy
        self._home = (0.0, 0.0) if isinstance(gaze, str) else (gaze[0], -gaze[1])
        self._glances = isinstance(gaze, str)
        self._from = self._to = self._home
        self._saccade_begin = -1.0
        self._fixed_until = self._random.uniform(*_FIGURES.fixation_s)
        self._away = False
        self._mode_left = self._draw_mode(speaking=False)

    def step(self, time: float, seconds: float, voice: float) -> tuple[float, float]:
        """Return degrees to the image's right and down.

        Args:
            time: Seconds; grows from call to call.
            seconds: Since the last call.
            voice: Probability of speech, 0 to 1.
        """
        speaking = voice > _VOICED
        self._mode_left -= seconds * (self._energy if not self._away else 1.0)
        if self._glances and self._mode_left <= 0:
            self._away = not self._away
            self._mode_left = self._draw_mode(speaking)
            self._look(time, self._glance() if self._away else self._near(self._home))
        elif time >= self._fixed_until and self._energy > 0:
            self._look(time, self._near(self._to if self._away else self._home))
        return self._at(time)

    @property
    def shift_deg(self) -> float:
        """Magnitude of the latest saccade in degrees."""
        return math.dist(self._from, self._to)

    def is_shifting(self, time: float) -> bool:
        """Return True when a saccade began at this very time."""
        return time == self._saccade_begin

    def _draw_mode(self, speaking: bool) -> float:
        mean = (_FIGURES.away_s if self._away else _FIGURES.mutual_s)[0 if speaking else 1]
        if self._wanders:
            mean = _FIGURES.mutual_s[0] / 2
        return max(self._random.expovariate(1 / mean), 0.3)

    def _near(self, place: tuple[float, float]) -> tuple[float, float]:
        spread = _FIGURES.on_face_deg
        return (
            place[0] + self._random.gauss(0, spread),
            place[1] + self._random.gauss(0, 0.7 * spread),
        )

    def _glance(self) -> tuple[float, float]:
        f = _FIGURES
        percent = self._random.uniform(0.5, f.percent)
        size = min(-f.scale_deg * math.log(percent / f.percent), f.most_deg)
        eighth = self._random.choices(range(8), f.directions)[0]
        angle = math.radians(45 * eighth)
        right, down = size * math.cos(angle), -size * math.sin(angle)
        return (right, min(max(down, -f.most_down_deg), f.most_down_deg))

    def _look(self, time: float, target: tuple[float, float]) -> None:
        self._from, self._to = self._at(time), target
        self._saccade_begin = time
        self._fixed_until = time + self._random.uniform(*_FIGURES.fixation_s)

    def _at(self, time: float) -> tuple[float, float]:
        lasts = _FIGURES.saccade_s + _FIGURES.saccade_s_per_deg * self.shift_deg
        part = min(max((time - self._saccade_begin) / lasts, 0.0), 1.0)
        # The path of least jerk (Flash and Hogan, 1985).
        eased = part**3 * (10 - 15 * part + 6 * part**2)
        return (
            self._from[0] + eased * (self._to[0] - self._from[0]),
            self._from[1] + eased * (self._to[1] - self._from[1]),
        )
