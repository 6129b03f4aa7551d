"""Recorded movement: a face capture file, read as movements by time."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from masktalk.behaviour.movement import ARKIT_CHANNELS, HeadPose, Movement
from masktalk.errors import InputError, OptionError
from masktalk.types import CHANNELS, Articulation, FloatArray

#: Parts of a head that a driving video or a capture may move.
PARTS = ("mouth", "eyes", "head")
_STEP_RATE = 100  # of a capture's mouth as articulation, steps a second
_CAPTURE_RATE = 60.0  # frames a second of Live Link Face's timecode
_MAX_SECONDS = 4 * 3600
#: Larger turns would show what the image does not.
MAX_TURN_RAD = math.radians(10)


def parse_parts(text: str) -> frozenset[str]:
    """Return the parts of ``mouth,eyes,head``.

    Raises:
        OptionError: Another part, or none.
    """
    parts = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not parts or not parts <= set(PARTS):
        raise OptionError(
            f"`driver.parts` {text}", "is not a list of parts", f"use {','.join(PARTS)}"
        )
    return parts


class MovementSource(Protocol):
    """Movement that comes from outside instead of being generated."""

    @property
    def parts(self) -> Collection[str]:
        """Parts of the head that it moves; the others are generated."""
        ...

    def at(self, time: Fraction) -> Movement:
        """Return the movement at a time; times never fall from call to call."""
        ...


@dataclass(frozen=True, eq=False)
class Capture:
    """A recorded performance.

    Attributes:
        times: (N,) seconds from its beginning, ascending; N is at least 1.
        weights: (N, 52) float32 ARKit weights in 0..1.
        turns: (N, 3) float32 yaw, pitch and roll in radians.
        parts: Parts of the head that it moves.
    """

    times: FloatArray
    weights: FloatArray
    turns: FloatArray
    parts: Collection[str] = PARTS

    def at(self, time: Fraction) -> Movement:
        """Return eyes and head at a time; after the end the last frame holds."""
        weights, turn = self._between(float(time))
        eyes = {
            name: float(weight)
            for name, weight in zip(ARKIT_CHANNELS, weights, strict=True)
            if weight > 0 and name.startswith(("eye", "brow", "cheek"))
        }
        yaw, pitch, roll = np.clip(turn, -MAX_TURN_RAD, MAX_TURN_RAD).tolist()
        return Movement(eyes, HeadPose(yaw, pitch, roll))

    def articulation(self) -> Articulation:
        """Return the mouth, evenly sampled."""
        columns = [ARKIT_CHANNELS.index(name) for name in CHANNELS]
        steps = np.arange(int(self.times[-1] * _STEP_RATE) + 1) / _STEP_RATE
        values = [np.interp(steps, self.times, self.weights[:, column]) for column in columns]
        voice = np.ones(len(steps), np.float32)
        return Articulation(np.stack(values, 1).astype(np.float32), _STEP_RATE, voice=voice)

    def _between(self, time: float) -> tuple[FloatArray, FloatArray]:
        after = int(np.searchsorted(self.times, time))
        if after <= 0 or after >= len(self.times):
            index = min(after, len(self.times) - 1)
            return self.weights[index], self.turns[index]
        begin, end = float(self.times[after - 1]), float(self.times[after])
        share = np.float32((time - begin) / max(end - begin, 1e-6))
        weights, turns = (
            part[after - 1] + share * (part[after] - part[after - 1])
            for part in (self.weights, self.turns)
        )
        return weights, turns


def read_capture(path: Path, parts: Collection[str] = PARTS) -> Capture:
    """Read a CSV file as Live Link Face and ``masktalk articulate`` write it.

    Channels are found by their names; those that are missing stay at 0. Head turns are
    right-handed about ARKit's axes (x to the face's left, y up, z to the viewer), in radians,
    and count from the first frame.

    Raises:
        InputError: The file cannot be read, has no rows, or a cell is not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, "cannot be read as CSV", "give a Live Link Face CSV") from error
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise InputError(path, "has no rows", "give a Live Link Face CSV")
    header = [name.strip().lower() for name in rows[0]]
    named = {name: header.index(name.lower()) for name in ARKIT_CHANNELS if name.lower() in header}
    clock = next((header.index(name) for name in ("timecode", "time") if name in header), None)
    if clock is None or not named:
        raise InputError(
            path, "has no time or no ARKit channels in its header", "give a Live Link Face CSV"
        )
    weights = np.zeros((len(rows) - 1, len(ARKIT_CHANNELS)), np.float32)
    turns, times = np.zeros((len(rows) - 1, 3), np.float32), np.zeros(len(rows) - 1)
    heads = [header.index(name) if name in header else None
             for name in ("headyaw", "headpitch", "headroll")]  # fmt: skip
    for number, row in enumerate(rows[1:]):
        try:
            times[number] = _seconds(row[clock])
            for name, column in named.items():
                weights[number, ARKIT_CHANNELS.index(name)] = float(row[column])
            turns[number] = [0.0 if column is None else float(row[column]) for column in heads]
        except (ValueError, IndexError) as error:
            raise InputError(path, f"row {number + 2} is not numbers", "mend the row") from error
    return Capture(*_checked(path, times, weights, turns), parts)


def _checked(
    path: Path, times: FloatArray, weights: FloatArray, turns: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    times = times - times[0]
    if not (np.isfinite(times).all() and np.isfinite(weights).all() and np.isfinite(turns).all()):
        raise InputError(path, "has cells that are not finite", "mend the file")
    if (np.diff(times) < 0).any() or times[-1] > _MAX_SECONDS:
        raise InputError(path, "has times that fall or exceed four hours", "mend the file")
    # In the image a positive roll is clockwise; ARKit's is seen from the face's front.
    signs = np.array([1, 1, -1], np.float32)
    return times, np.clip(weights, 0, 1), (turns - turns[0]) * signs


def _seconds(text: str) -> float:
    """Return the seconds of ``HH:MM:SS:FF.FFF`` at 60 frames a second, or of a plain number."""
    if ":" not in text:
        return float(text)
    hours, minutes, seconds, frames = (float(part) for part in text.split(":"))
    return hours * 3600 + minutes * 60 + seconds + frames / _CAPTURE_RATE
