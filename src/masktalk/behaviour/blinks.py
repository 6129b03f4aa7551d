"""Spontaneous blinks: when they come and how the lids move.

Rates: Bentivoglio et al., "Analysis of blink rate patterns in normal subjects" (Movement
Disorders, 1997): 17 a minute at rest, 26 in conversation. Intervals are skewed to the right,
here log-normal (Ponder and Kennedy, "On the act of blinking", 1927, show the skew). Blinks
gather where phrases end (Nakano and Kitazawa, "Eyeblink entrainment at breakpoints of
speech", Experimental Brain Research, 2010). Durations: VanderWerf et al., "Eyelid movements:
behavioral studies of blinking in humans under different stimulus conditions" (Journal of
Neurophysiology, 2003): 334 ms with a deviation of 67 ms, closing about twice as fast as
opening.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from masktalk.numerics import smoothstep


@dataclass(frozen=True)
class _Figures:
    """Figures of human blinking; times in seconds, rates in blinks a minute."""

    rest_rate: float = 17.0
    speech_rate: float = 26.0
    #: Deviation of an interval's logarithm.
    log_deviation: float = 0.55
    least_interval: float = 0.55
    close_s: float = 0.092
    #: Long enough that a frame at 25 a second shows closed lids.
    hold_s: float = 0.042
    open_s: float = 0.200
    #: Deviation of a blink's duration as a part of it, and how far it may depart.
    duration_deviation: float = 0.20
    duration_range: tuple[float, float] = (0.75, 1.4)
    #: Speech of this length is a phrase; after its end a blink may be brought forward.
    phrase_s: float = 0.6
    at_phrase_end: float = 0.45
    phrase_end_delay_s: tuple[float, float] = (0.05, 0.25)
    #: What of the waiting is done by time alone in speech; phrase ends do the rest.
    speech_share: float = 0.86


_FIGURES: Final = _Figures()
_VOICED = 0.5  # probability of speech


class Blinks:
    """Eyelids over time; a function of the seed and of when there is speech.

    Args:
        seed: Of the intervals and durations.
        energy: Scale of the rate; 1 as people do.
    """

    def __init__(self, seed: int, energy: float = 1.0) -> None:
        self._random = random.Random(f"blinks {seed}")
        self._energy = energy
        self._waited = 0.0
        self._needed = self._draw_interval()
        self._begin: float | None = None
        self._stretch = 1.0
        self._voiced_s = 0.0
        self._due: float | None = None

    def trigger(self, time: float) -> None:
        """Blink at a time in seconds, as with a large shift of gaze."""
        if self._begin is None and self._energy > 0:
            self._due = time

    def step(self, time: float, seconds: float, voice: float) -> float:
        """Return how far the lids are closed, 0 to 1.

        Args:
            time: Seconds; grows from call to call.
            seconds: Since the last call.
            voice: Probability of speech, 0 to 1.
        """
        self._watch_phrases(time, seconds, voice)
        speaking = voice > _VOICED
        rate = _FIGURES.speech_share * _FIGURES.speech_rate if speaking else _FIGURES.rest_rate
        self._waited += seconds * rate * self._energy / 60
        if self._begin is None and (self._waited >= self._needed or self._is_due(time)):
            self._start(time)
        return self._closure(time)

    def _watch_phrases(self, time: float, seconds: float, voice: float) -> None:
        if voice > _VOICED:
            self._voiced_s += seconds
            return
        if self._voiced_s > _FIGURES.phrase_s and self._energy > 0:
            wanted = self._random.random() < _FIGURES.at_phrase_end
            delay = self._random.uniform(*_FIGURES.phrase_end_delay_s)
            if wanted and self._since_last() > 2 * _FIGURES.least_interval:
                self._due = time + delay
        self._voiced_s = 0.0

    def _since_last(self) -> float:
        """Return about how many seconds of waiting lie behind."""
        return self._waited * 60 / (_FIGURES.rest_rate * max(self._energy, 1e-6))

    def _is_due(self, time: float) -> bool:
        return self._due is not None and time >= self._due

    def _start(self, time: float) -> None:
        self._begin, self._due = time, None
        low, high = _FIGURES.duration_range
        self._stretch = min(max(self._random.gauss(1.0, _FIGURES.duration_deviation), low), high)
        self._waited, self._needed = 0.0, self._draw_interval()

    def _draw_interval(self) -> float:
        """Return the waiting that a blink takes, 1 on average."""
        deviation = _FIGURES.log_deviation
        drawn = self._random.lognormvariate(-(deviation**2) / 2, deviation)
        return max(drawn, _FIGURES.least_interval * _FIGURES.rest_rate / 60)

    def _closure(self, time: float) -> float:
        if self._begin is None:
            return 0.0
        since = (time - self._begin) / self._stretch
        closure = lid_closure(since)
        if since >= BLINK_S:
            self._begin = None
        return closure


#: Seconds of an average blink.
BLINK_S = _FIGURES.close_s + _FIGURES.hold_s + _FIGURES.open_s


def lid_closure(since: float) -> float:
    """Return how far lids are closed, 0 to 1, ``since`` seconds after a blink's begin."""
    f = _FIGURES
    if since < 0 or since >= BLINK_S:
        return 0.0
    if since < f.close_s:
        return float(smoothstep(since, 0.0, f.close_s))
    if since < f.close_s + f.hold_s:
        return 1.0
    # Lids open fast at first and slow down: the velocity of the up phase peaks early.
    part = (since - f.close_s - f.hold_s) / f.open_s
    return (1 - part) ** 2 * (1 + 2 * part)
