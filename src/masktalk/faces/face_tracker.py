"""Follows one person from frame to frame: cheap while it goes well, a search when not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from masktalk.faces.covered import (
    guess_strength,
    hidden_mouth,
    is_guess,
    is_guessed,
    lay_mouth,
    lips_state,
)
from masktalk.faces.finder import Finder, choose, opaque
from masktalk.faces.locators import Sighting
from masktalk.faces.locators.mesh import MeshLocator
from masktalk.faces.multi_crop import MultiCropEstimate, mesh_roi
from masktalk.faces.options import LocateOptions
from masktalk.faces.roi import overlap
from masktalk.faces.smoothing import Link, fill_gaps, smooth
from masktalk.types import Face, FloatArray, Frame, MouthState, UInt8Array

_PRESENT = 0.5
_STEADY = 0.12
# How much of a face must stay where it was from one frame to the next.
_STAYS = 0.4
_THUMB = 32
# Mean grey levels by which two frames differ across a cut.
_CUT = 35.0
# Seconds between close looks, and between hard searches where there is no face.
_PERIOD = Fraction(1, 2)
# Seconds for which a lost person is expected back in the same place.
_MEMORY = Fraction(1)


@dataclass(frozen=True, eq=False)
class Seen:
    """Observation of the tracked person in one frame.

    Attributes:
        time: Seconds.
        mesh: (478, 3) in pixels, or None.
        located_by: Name of the locator.
        confidence: 0 to 1.
        guess: How much the mouth looks like a guess; None where nobody looked closely.
        bias: (2,) what the detectors add to the mesh's idea of a hidden mouth.
        state: What a locator that does not look at the mouth says of it.
        cut: Whether a new scene begins here.
        evidence: What the state rests on, in words.
    """

    time: Fraction
    mesh: FloatArray | None = None
    located_by: str = ""
    confidence: float = 0.0
    guess: float | None = None
    bias: FloatArray | None = None
    state: MouthState | None = None
    cut: bool = False
    evidence: str = ""


class Follower:
    """Keeps what it needs to recognise the person in the next frame."""

    def __init__(self, finder: Finder, rate: Fraction) -> None:
        self._finder = finder
        self._period = max(1, round(_PERIOD * rate))
        self._memory = round(_MEMORY * rate)
        self._count = -1
        self._last: Sighting | None = None
        self._last_count = 0
        self._looked = 0
        self._searched = -self._period
        self._pause = self._period
        self._thumb: UInt8Array | None = None

    def see(self, frame: Frame) -> Seen:
        """Return the person in the next frame."""
        frame = opaque(frame)
        self._count += 1
        cut = self._is_cut(frame.pixels)
        if cut:
            self._last = None
            self._searched, self._pause = self._count - self._period, self._period
        seen = self._follow(frame) or self._search(frame)
        if seen is None:
            return Seen(frame.time, cut=cut)
        sighting, guess, bias = seen
        self._last, self._last_count = sighting, self._count
        self._pause = self._period
        return Seen(
            frame.time,
            sighting.mesh,
            sighting.located_by,
            sighting.confidence,
            guess,
            bias,
            sighting.mouth_state,
            cut,
            sighting.evidence,
        )

    def _follow(self, frame: Frame) -> _Answer | None:
        last = self._last
        if last is None or self._last_count != self._count - 1:
            return None
        locator = self._finder.locator(last.located_by)
        if isinstance(locator, MeshLocator):
            return self._glance(frame, locator, last)
        near = [s for s in locator.find(frame, "quick") if overlap(s.mesh, last.mesh) > _STAYS]
        best = max(near, key=lambda s: overlap(s.mesh, last.mesh), default=None)
        return None if best is None else (best, None, None)

    def _glance(self, frame: Frame, locator: MeshLocator, last: Sighting) -> _Answer | None:
        if self._count - self._looked >= self._period:
            return self._close_look(frame, locator, last.mesh)
        mesh, score = locator.examiner.glance(frame.pixels, mesh_roi(last.mesh))
        if score < _PRESENT or overlap(mesh, last.mesh) < _STAYS:
            return None
        return Sighting(mesh, min(score, last.confidence), locator.name), None, None

    def _close_look(self, frame: Frame, locator: MeshLocator, about: FloatArray) -> _Answer | None:
        look = locator.examiner.look(frame.pixels, mesh_roi(about))
        if look.presence < _PRESENT or look.eye_scatter > _STEADY:
            return None
        if overlap(look.mesh, about) < _STAYS:
            return None
        self._looked = self._count
        keypoints = {}
        if is_guessed(look):
            keypoints = locator.examiner.support(frame.pixels, look.mesh).keypoints
        confidence = look.presence * max(0.05, 1 - 2 * look.eye_scatter)
        return _looked(look, keypoints, confidence)

    def _search(self, frame: Frame) -> _Answer | None:
        hard = self._count - self._searched >= self._pause
        if hard:
            # Where there is no face for long, hard searches become rare.
            self._searched, self._pause = self._count, min(2 * self._pause, 8 * self._period)
        seen = self._finder.sightings(frame, self._finder.effort if hard else "quick")
        sighting = self._same_person(frame, seen)
        if sighting is None:
            return None
        if sighting.look is None:
            return sighting, None, None
        self._looked = self._count
        return _looked(sighting.look, sighting.keypoints, sighting.confidence)

    def _same_person(self, frame: Frame, seen: list[Sighting]) -> Sighting | None:
        last = self._last
        if last is not None and self._count - self._last_count <= self._memory:
            near = [s for s in seen if overlap(s.mesh, last.mesh) > 0]
            return max(near, key=lambda s: overlap(s.mesh, last.mesh), default=None)
        faces = [self._finder.face(frame, sighting) for sighting in seen]
        chosen = choose(faces, self._finder.options.face)
        return None if chosen is None else seen[faces.index(chosen)]

    def _is_cut(self, pixels: UInt8Array) -> bool:
        thumb = cv2.resize(pixels, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
        before, self._thumb = self._thumb, np.asarray(thumb, np.uint8)
        if before is None:
            return False
        return bool(cv2.absdiff(before, self._thumb).mean() > _CUT)


#: What was sighted, how much its mouth looks like a guess, and the bias of a hidden mouth.
_Answer = tuple[Sighting, "float | None", "FloatArray | None"]


def _looked(
    look: MultiCropEstimate, keypoints: Mapping[str, FloatArray], confidence: float
) -> _Answer:
    """Estimate from several crops: the mesh as seen, and what is needed to judge its mouth."""
    sighting = Sighting(look.mesh, confidence, MeshLocator.name)
    bias = None
    if is_guessed(look):
        bias = hidden_mouth(look.mesh, keypoints) - hidden_mouth(look.mesh, {})
    return sighting, guess_strength(look), bias


_GAP = Fraction(1, 2)
# Seconds of close looks, before and after a frame, that decide whether its mouth is covered.
_VERDICT = Fraction(3, 4)
# Seconds on each side over which the guess at a hidden mouth is averaged.
_CALM = Fraction(1, 5)


def track(
    frames: Iterable[Frame], rate: Fraction, options: LocateOptions | None = None
) -> Iterator[Face | None]:
    """Yield the chosen person's face for every frame, or None where it is not seen.

    Smoothed without lag, gaps of up to half a second filled in; neither reaches across a
    cut. Lazy: reads at most two seconds of frames ahead and keeps none of them.

    Args:
        frames: In order of time.
        rate: Frames per second.
        options: Which face, rig points, locators.

    Raises:
        PointsError: Rig points lie outside the picture.
        OptionError: An unknown locator was asked for.
    """
    with Finder(options) as finder:
        if finder.options.points is not None:
            for frame in frames:
                yield finder.given(frame)
            return
        follower = Follower(finder, rate)
        seen = (follower.see(frame) for frame in frames)
        links = judged(seen, rate, finder.options.mouth_state)
        yield from smooth(fill_gaps(links, rate, _GAP), rate)


def judged(seen: Iterable[Seen], rate: Fraction, forced: MouthState | None) -> Iterator[Link]:
    """Turn what was seen into faces: decide about the mouth, and lay it where it is hidden.

    Close looks are rare, so each frame takes the median of those around it.
    """
    reach = max(1, round(_VERDICT * rate))
    window: deque[Seen] = deque()
    here = 0
    for record in seen:
        if record.cut:
            while here < len(window):
                yield _verdict(window, here, rate, forced)
                here += 1
            window.clear()
            here = 0
        window.append(record)
        if len(window) - here > reach:
            yield _verdict(window, here, rate, forced)
            here += 1
        if here > reach:
            window.popleft()
            here -= 1
    while here < len(window):
        yield _verdict(window, here, rate, forced)
        here += 1


def _verdict(window: deque[Seen], here: int, rate: Fraction, forced: MouthState | None) -> Link:
    record = window[here]
    if record.mesh is None:
        return None, record.cut
    reach = max(1, round(_VERDICT * rate))
    around = _around(window, here, reach, reach)
    guesses = [other.guess for other in around if other.guess is not None]
    mesh, state = record.mesh, record.state
    if guesses and is_guess(float(np.median(guesses))):
        # As many frames before as after: a head that turns is not followed late.
        calm = min(round(_CALM * rate), here, len(window) - 1 - here)
        near = _around(window, here, calm, calm)
        places = [hidden_mouth(other.mesh, {}) for other in near if other.mesh is not None]
        mesh = lay_mouth(mesh, np.mean(places, axis=0) + _bias(around))
        state = "occluded"
    elif state is None:
        state = lips_state(mesh) if guesses or record.located_by == "mesh" else "occluded"
    said = record.evidence
    face = Face(mesh, record.located_by, record.confidence, forced or state, record.time, said)
    return face, record.cut


def _around(window: deque[Seen], here: int, before: int, after: int) -> list[Seen]:
    return [window[i] for i in range(max(0, here - before), min(len(window), here + after + 1))]


def _bias(around: list[Seen]) -> FloatArray:
    known = [other.bias for other in around if other.bias is not None]
    return np.asarray(np.median(known, axis=0) if known else np.zeros(2), np.float32)
