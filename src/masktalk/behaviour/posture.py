"""Movements of head and brows: stress, phrasing, sway and breath.

Nods and brows go with accents and phrases, as Graf, Cosatto, Strom and Huang describe in
"Visual prosody: facial movements accompanying speech" (Face and Gesture, 2002): accents move
the head by a few degrees, and pauses bring a new posture. The jaw's opening stands for the
loudness of syllables.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from masktalk.behaviour.movement import HeadPose


@dataclass(frozen=True)
class _Figures:
    """Times in seconds, angles in radians, lengths in inter-ocular distances."""

    #: Over which the jaw's movement is averaged, from syllable to phrase.
    syllable_s: float = 0.10
    word_s: float = 0.45
    phrase_s: float = 1.6
    #: By which movements lag behind what asks for them, so that none begins with a jerk.
    lag_s: float = 0.13
    brow_lag_s: float = 0.14
    #: For a jaw that is all open above what the phrase has on average.
    nod: float = 0.125
    turn: float = 0.16
    tilt: float = 0.05
    drop: float = 0.01
    brow: float = 1.2
    brow_from: float = 0.03
    #: Deviation of the posture that a phrase brings, and the time that taking it takes.
    posture_yaw: float = 0.026
    posture_pitch: float = 0.013
    posture_roll: float = 0.008
    posture_s: float = 0.32
    #: Amplitudes of the sway.
    sway_yaw: float = 0.013
    sway_pitch: float = 0.007
    sway_roll: float = 0.006
    sway_x: float = 0.012
    breath: float = 0.007
    breaths_per_minute: float = 15.0


_FIGURES: Final = _Figures()
#: Periods of the sway in seconds; they have no common multiple anyone would notice.
_PERIODS_S = (7.3, 5.1, 9.7, 11.9)
_VOICED = 0.5  # probability of speech
_PAUSE_S = 0.25  # silence that divides phrases


class _Damped:
    """A critically damped follower: no jump in place or speed."""

    def __init__(self, lag_s: float) -> None:
        self._lag_s = lag_s
        self._place, self._speed = 0.0, 0.0

    def step(self, wanted: float, seconds: float) -> float:
        """Return the place ``seconds`` later, on the way to what is wanted."""
        # Exact for a constant goal: x'' = (goal - x) / lag^2 - 2 x' / lag.
        decay = math.exp(-seconds / self._lag_s)
        away = self._place - wanted
        slope = self._speed + away / self._lag_s
        self._place = wanted + (away + slope * seconds) * decay
        self._speed = (self._speed - slope * seconds / self._lag_s) * decay
        return self._place


class PostureMotion:
    """Head pose and brows over time.

    Args:
        seed: Of postures and the sway's phases.
        energy: Scale of all movements; 0 keeps head and brows still.
    """

    def __init__(self, seed: int, energy: float = 1.0) -> None:
        drawn = random.Random(f"posture {seed}")
        self._random, self._energy = drawn, energy
        self._phases = [drawn.uniform(0, 2 * math.pi) for _ in range(len(_PERIODS_S) + 1)]
        self._levels: list[float] | None = None
        f = _FIGURES
        self._followers = {
            **{name: _Damped(f.lag_s) for name in ("nod", "turn")},
            "brow": _Damped(f.brow_lag_s),
            **{name: _Damped(f.posture_s) for name in ("yaw", "pitch", "roll")},
        }
        self._posture = (0.0, 0.0, 0.0)
        self._silence_s, self._side = 1.0, 1.0

    def step(self, time: float, seconds: float, jaw: float, voice: float) -> tuple[HeadPose, float]:
        """Return the head's pose and how far the brows are raised, 0 to 1.

        Args:
            time: Seconds; grows from call to call.
            seconds: Since the last call.
            jaw: Weight of jawOpen, 0 to 1.
            voice: Probability of speech, 0 to 1.
        """
        f = _FIGURES
        syllable, word, phrase = self._listen(jaw, seconds)
        self._watch_phrases(seconds, voice)
        nod = self._followers["nod"].step(syllable - phrase, seconds)
        turn = self._followers["turn"].step(self._side * (word - phrase), seconds)
        brow = self._followers["brow"].step(max(syllable - phrase - f.brow_from, 0.0), seconds)
        yaw, pitch, roll = (
            self._followers[name].step(wanted, seconds)
            for name, wanted in zip(("yaw", "pitch", "roll"), self._posture, strict=True)
        )
        stress = HeadPose(
            yaw=yaw + f.turn * turn,
            pitch=pitch + f.nod * nod,
            roll=roll + f.tilt * turn,
            y=f.drop * nod,
        )
        pose = (stress + self._sway(time)).scaled(self._energy)
        return pose, min(max(f.brow * brow * self._energy, 0.0), 1.0)

    def _listen(self, jaw: float, seconds: float) -> list[float]:
        f = _FIGURES
        if self._levels is None:
            self._levels = [jaw] * 3
        keep = [math.exp(-seconds / tau) for tau in (f.syllable_s, f.word_s, f.phrase_s)]
        self._levels = [
            part * level + (1 - part) * jaw for part, level in zip(keep, self._levels, strict=True)
        ]
        return self._levels

    def _watch_phrases(self, seconds: float, voice: float) -> None:
        f, drawn = _FIGURES, self._random
        if voice <= _VOICED:
            self._silence_s += seconds
            return
        if self._silence_s >= _PAUSE_S:
            self._side = drawn.choice((-1.0, 1.0))
            self._posture = (
                drawn.gauss(0, f.posture_yaw),
                drawn.gauss(0, f.posture_pitch),
                drawn.gauss(0, f.posture_roll),
            )
        self._silence_s = 0.0

    def _sway(self, time: float) -> HeadPose:
        f = _FIGURES
        yaw, pitch, roll, x = (
            math.sin(2 * math.pi * time / period + phase)
            for period, phase in zip(_PERIODS_S, self._phases[1:], strict=True)
        )
        breath = math.sin(2 * math.pi * time * f.breaths_per_minute / 60 + self._phases[0])
        return HeadPose(
            f.sway_yaw * yaw, f.sway_pitch * pitch, f.sway_roll * roll, f.sway_x * x,
            f.breath * breath,
        )  # fmt: skip
