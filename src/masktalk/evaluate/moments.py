"""The moments of a talking video that say most, and pictures of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from masktalk.evaluate.mouth import Curve, Mask, runs
from masktalk.evaluate.observation import Observation
from masktalk.evaluate.pictures import mouth_crop
from masktalk.media import open_source
from masktalk.types import Frame, UInt8Array

Kind: TypeAlias = Literal["loud", "closure", "silence", "wide", "shut"]

TITLES: dict[Kind, tuple[str, str]] = {
    "loud": ("At the loudest moments", "The mouth should be open here."),
    "closure": ("At closures", "The sound has p, b or m here: the lips should meet."),
    "silence": ("In silence", "The mouth should rest here, the same in every picture."),
    "wide": ("Widest open", "Where the tracked mouth opens most."),
    "shut": ("Most closed", "Where the tracked mouth is most closed."),
}
_EACH = 4
_APART = 0.35
_THUMBNAIL = 360
_CLOSE_UP = 224


@dataclass(frozen=True)
class Moment:
    """A time to look at, and why.

    Attributes:
        kind: Which group it belongs to.
        time: Seconds.
    """

    kind: Kind
    time: float


@dataclass(frozen=True, eq=False)
class Shot:
    """Pictures of a moment.

    Attributes:
        time: Of the frame, in seconds.
        picture: (h, w, 3) the whole frame, made small.
        mouth: (224, 224, 3) the mouth from near; None without a face.
        opening: Tracked, in eye distances; NaN without a face.
    """

    time: float
    picture: UInt8Array
    mouth: UInt8Array | None
    opening: float


def choose_moments(seen: Observation) -> list[Moment]:
    """Up to four of each kind, in order of time."""
    sound = seen.sound
    if sound is None:
        aperture = seen.track.aperture
        if not np.isfinite(aperture).any():
            step = max(len(aperture) // _EACH, 1)
            return [Moment("wide", float(t)) for t in seen.track.t[::step][:_EACH]]
        wide = _peaks(seen.track.t, aperture)
        return _moments("wide", wide) + _moments("shut", _peaks(seen.track.t, -aperture))
    end = float(seen.track.t[-1]) if len(seen.track) else 0.0
    inside = sound.time <= end
    loud = _peaks(sound.time, np.where(inside & sound.speaking, sound.loudness, np.nan))
    closing = np.where(inside & (sound.closure > 0.5) & sound.speaking, sound.closure, np.nan)
    quiet = [(a, b) for a, b in sound.pauses() if a < end]
    middles = sorted(((b - a, (a + min(b, end)) / 2) for a, b in quiet), reverse=True)
    shut = [] if seen.covered else _run_middles(sound.time, np.isfinite(closing))
    return (
        _moments("loud", loud)
        + _moments("closure", shut)
        + _moments("silence", [middle for _, middle in middles[:_EACH]])
    )


def _moments(kind: Kind, times: list[float]) -> list[Moment]:
    return [Moment(kind, time) for time in sorted(times)]


def _peaks(time: Curve, value: Curve) -> list[float]:
    """The largest values that are some way apart."""
    left = value.copy()
    found: list[float] = []
    while len(found) < _EACH and np.isfinite(left).any():
        best = int(np.nanargmax(left))
        found.append(float(time[best]))
        left[np.abs(time - time[best]) < _APART] = np.nan
    return found


def _run_middles(time: Curve, mask: Mask) -> list[float]:
    """Middles of the longest runs."""
    longest = sorted(runs(mask), key=lambda run: run[0] - run[1])[: 3 * _EACH]
    found: list[float] = []
    for first, last in longest:
        middle = float(time[first] + time[last]) / 2
        if len(found) < _EACH and all(abs(middle - other) > _APART / 2 for other in found):
            found.append(middle)
    return found


def take_shots(seen: Observation, moments: list[Moment]) -> list[Shot | None]:
    """Pictures of each moment, from one more pass over the video."""
    count = len(seen.meshes)
    wanted = [round(moment.time * float(seen.rate)) for moment in moments]
    if count == 1:
        wanted = [0] * len(moments)
    needed, taken = {index for index in wanted if index < count}, {}
    for index, frame in enumerate(open_source(seen.path).frames()):
        if index in needed:
            taken[index] = _shot(seen, index, frame)
        if len(taken) == len(needed):
            break
    return [taken.get(index) for index in wanted]


def _shot(seen: Observation, index: int, frame: Frame) -> Shot:
    mesh = seen.meshes[index]
    return Shot(
        time=float(seen.track.t[index]),
        picture=_small(frame),
        mouth=None if mesh is None else mouth_crop(frame, mesh, _CLOSE_UP),
        opening=float(seen.track.aperture[index]),
    )


def _small(frame: Frame) -> UInt8Array:
    pixels = np.ascontiguousarray(frame.pixels[..., :3])
    scale = _THUMBNAIL / max(frame.width, frame.height)
    if scale >= 1:
        return pixels
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
