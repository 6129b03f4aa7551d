"""The moments of a talking video that say most, and pictures of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from masktalk.evaluate.image_quality import mouth_crop
from masktalk.evaluate.mouth_synchrony import Curve, Mask, runs
from masktalk.evaluate.review.observation import Observation
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
_PER_KIND = 4
_MIN_GAP_S = 0.35
_THUMBNAIL_PX = 360
_CLOSE_UP_PX = 224


@dataclass(frozen=True)
class Highlight:
    """A time to look at, and why.

    Attributes:
        kind: Which group it belongs to.
        time: Seconds.
    """

    kind: Kind
    time: float


@dataclass(frozen=True, eq=False)
class Shot:
    """Pictures of a highlight.

    Attributes:
        time: Of the frame, in seconds.
        picture: (h, w, 3) the whole frame, made small.
        mouth: (224, 224, 3) the mouth from near; None without a face.
        opening: Tracked, in inter-ocular distances; NaN without a face.
    """

    time: float
    picture: UInt8Array
    mouth: UInt8Array | None
    opening: float


def choose_highlights(seen: Observation) -> list[Highlight]:
    """Choose up to four times of each kind, in order of time."""
    sound = seen.sound
    if sound is None:
        aperture = seen.track.aperture
        if not np.isfinite(aperture).any():
            step = max(len(aperture) // _PER_KIND, 1)
            return [Highlight("wide", float(t)) for t in seen.track.t[::step][:_PER_KIND]]
        wide = _peaks(seen.track.t, aperture)
        return _highlights("wide", wide) + _highlights("shut", _peaks(seen.track.t, -aperture))
    end = float(seen.track.t[-1]) if len(seen.track) else 0.0
    inside = sound.time <= end
    loud = _peaks(sound.time, np.where(inside & sound.speaking, sound.loudness, np.nan))
    closing = np.where(inside & (sound.closure > 0.5) & sound.speaking, sound.closure, np.nan)
    quiet = [(a, b) for a, b in sound.pauses() if a < end]
    middles = sorted(((b - a, (a + min(b, end)) / 2) for a, b in quiet), reverse=True)
    shut = [] if seen.occluded else _run_middles(sound.time, np.isfinite(closing))
    return (
        _highlights("loud", loud)
        + _highlights("closure", shut)
        + _highlights("silence", [middle for _, middle in middles[:_PER_KIND]])
    )


def _highlights(kind: Kind, times: list[float]) -> list[Highlight]:
    return [Highlight(kind, time) for time in sorted(times)]


def _peaks(time: Curve, value: Curve) -> list[float]:
    """Return the times of the largest values that are some way apart."""
    left = value.copy()
    found: list[float] = []
    while len(found) < _PER_KIND and np.isfinite(left).any():
        best = int(np.nanargmax(left))
        found.append(float(time[best]))
        left[np.abs(time - time[best]) < _MIN_GAP_S] = np.nan
    return found


def _run_middles(time: Curve, mask: Mask) -> list[float]:
    """Return the middles of the longest runs."""
    longest = sorted(runs(mask), key=lambda run: run[0] - run[1])[: 3 * _PER_KIND]
    found: list[float] = []
    for first, last in longest:
        middle = float(time[first] + time[last]) / 2
        if len(found) < _PER_KIND and all(abs(middle - other) > _MIN_GAP_S / 2 for other in found):
            found.append(middle)
    return found


def take_shots(seen: Observation, highlights: list[Highlight]) -> list[Shot | None]:
    """Take the images of each highlight in one more pass over the video."""
    count = len(seen.meshes)
    wanted = [round(highlight.time * float(seen.rate)) for highlight in highlights]
    if count == 1:
        wanted = [0] * len(highlights)
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
        mouth=None if mesh is None else mouth_crop(frame, mesh, _CLOSE_UP_PX),
        opening=float(seen.track.aperture[index]),
    )


def _small(frame: Frame) -> UInt8Array:
    pixels = np.ascontiguousarray(frame.pixels[..., :3])
    scale = _THUMBNAIL_PX / max(frame.width, frame.height)
    if scale >= 1:
        return pixels
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
