"""Asks the locators in order, chooses among faces, and decides what the mouth is."""

from __future__ import annotations

import numpy as np

from masktalk.faces.canonical import fit_mesh
from masktalk.faces.closing import Closing
from masktalk.faces.covered import lips_state
from masktalk.faces.locators import LOCATORS, Effort, Locator, Sighting, make_locator
from masktalk.faces.locators.drawn import DrawnLocator
from masktalk.faces.locators.mesh import MeshLocator
from masktalk.faces.options import FaceChoice, LocateOptions
from masktalk.faces.settling import settle
from masktalk.types import Face, Frame


class Finder(Closing):
    """Finds faces; holds its networks until it is closed."""

    def __init__(self, options: LocateOptions | None = None) -> None:
        self.options = options or LocateOptions()
        self._locators: dict[str, Locator] = {}

    def locate_all(self, frame: Frame) -> list[Face]:
        """Every face, from the picture's left to its right."""
        if self.options.points is not None:
            return [self.given(frame)]
        seen = self.sightings(opaque(frame), "every")
        return [self.face(frame, sighting) for sighting in seen]

    def locate(self, frame: Frame) -> Face | None:
        """Return the chosen face, or None."""
        if self.options.points is not None:
            return self.given(frame)
        seen = self.sightings(opaque(frame), self.effort)
        return choose([self.face(frame, sighting) for sighting in seen], self.options.face)

    @property
    def effort(self) -> Effort:
        """Return the search effort at which the chosen face is among those found."""
        return "usual" if self.options.face == "largest" else "every"

    def sightings(self, frame: Frame, effort: Effort) -> list[Sighting]:
        """Return the faces of the first locator that finds any, from left to right.

        A quick search asks the first locator alone.
        """
        names = list(self.options.locators or LOCATORS)
        for name in names[:1] if effort == "quick" else names:
            both = name == "mesh" and "drawn" in names and effort != "quick"
            found = self._settled(frame, effort) if both else self.locator(name).find(frame, effort)
            if found:
                return sorted(found, key=lambda s: float(s.mesh[:, 0].mean()))
        return []

    def _settled(self, frame: Frame, effort: Effort) -> list[Sighting]:
        mesh, drawn = self.locator("mesh"), self.locator("drawn")
        assert isinstance(mesh, MeshLocator)
        assert isinstance(drawn, DrawnLocator)
        return settle(mesh, drawn, frame, effort)

    def face(self, frame: Frame, sighting: Sighting) -> Face:
        """Return a face from what a locator saw."""
        # A face that only coarse locators find hides most of itself.
        state = self.options.mouth_state or sighting.mouth_state or "occluded"
        return Face(
            sighting.mesh,
            sighting.located_by,
            sighting.confidence,
            state,
            frame.time,
            sighting.evidence,
        )

    def locator(self, name: str) -> Locator:
        """Return the locator of that name, made when first asked for."""
        if name not in self._locators:
            self._locators[name] = make_locator(name)
        return self._locators[name]

    def given(self, frame: Frame) -> Face:
        """Return the face that the rig points of the options say."""
        points = self.options.points
        assert points is not None
        points.check(frame.width, frame.height)
        rig = points.at(float(frame.time))
        mesh = fit_mesh(rig.indexed())
        state = self.options.mouth_state or rig.mouth or lips_state(mesh)
        return Face(mesh, "points", 1.0, state, frame.time)

    def close(self) -> None:
        """Free the networks."""
        for locator in self._locators.values():
            locator.close()
        self._locators.clear()


def opaque(frame: Frame) -> Frame:
    """Return the frame without alpha, its transparent parts laid on mid grey."""
    if not frame.has_alpha:
        return Frame(np.ascontiguousarray(frame.pixels), frame.time)
    alpha = frame.pixels[..., 3:].astype(np.uint16)
    mixed = (frame.pixels[..., :3] * alpha + 128 * (255 - alpha) + 127) // 255
    return Frame(mixed.astype(np.uint8), frame.time)


def choose(faces: list[Face], choice: FaceChoice) -> Face | None:
    """One of several faces, given from left to right; None when there is no such face."""
    if not faces:
        return None
    if choice == "left":
        return faces[0]
    if choice == "right":
        return faces[-1]
    if isinstance(choice, tuple):
        return min(faces, key=lambda face: _distance(face, choice))
    if isinstance(choice, int):
        return faces[choice] if choice < len(faces) else None
    return max(faces, key=lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def _distance(face: Face, place: tuple[float, float]) -> float:
    x0, y0, x1, y1 = face.box
    return float(np.hypot((x0 + x1) / 2 - place[0], (y0 + y1) / 2 - place[1]))


def locate(frame: Frame, options: LocateOptions | None = None) -> Face | None:
    """Find the chosen face in one picture.

    For many pictures make one ``Finder``; for a video use ``track``.

    Raises:
        PointsError: Rig points lie outside the picture.
        OptionError: An unknown locator was asked for.
    """
    with Finder(options) as finder:
        return finder.locate(frame)


def locate_all(frame: Frame, options: LocateOptions | None = None) -> list[Face]:
    """Find every face in one picture, from left to right."""
    with Finder(options) as finder:
        return finder.locate_all(frame)
