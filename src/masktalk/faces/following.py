"""Follows one person from frame to frame: cheap while it goes well, a search when not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from masktalk.faces.covered import guess_strength, hidden_mouth, is_guessed
from masktalk.faces.examiner import Look, mesh_roi
from masktalk.faces.finder import Finder, choose, opaque
from masktalk.faces.locators import Sighting
from masktalk.faces.locators.mesh import MeshLocator
from masktalk.faces.roi import overlap
from masktalk.types import FloatArray, Frame, MouthState, UInt8Array

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
        """The person in the next frame."""
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


def _looked(look: Look, keypoints: Mapping[str, FloatArray], confidence: float) -> _Answer:
    """The answer of a close look: the mesh as seen, and what is needed to judge its mouth."""
    sighting = Sighting(look.mesh, confidence, MeshLocator.name)
    bias = None
    if is_guessed(look):
        bias = hidden_mouth(look.mesh, keypoints) - hidden_mouth(look.mesh, {})
    return sighting, guess_strength(look), bias
