"""Follow the mouth of a talking video, frame by frame as it is seen.

Unlike ``track``, which smooths a face's way and fills gaps for warping, every frame here
is measured by itself and nothing is filled in, so that a closure of one frame stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from masktalk.faces.finder import Finder
from masktalk.faces.measures import MouthMeasures, measure_mesh
from masktalk.faces.networks import MeshSequence
from masktalk.faces.options import LocateOptions
from masktalk.types import FloatArray, Frame


def follow_mouth(
    frames: Iterable[Frame],
) -> Iterator[tuple[Frame, FloatArray | None, MouthMeasures]]:
    """Yield every frame with its (478, 3) mesh in pixels, if any, and its mouth's measures.

    Lazy: a frame is asked for when its measures are.
    """
    with MeshTracker() as tracker:
        for frame in frames:
            mesh = tracker.mesh(frame)
            yield frame, mesh, _measures(mesh, frame.time)


def _measures(mesh: FloatArray | None, time: Fraction) -> MouthMeasures:
    return MouthMeasures(time) if mesh is None else measure_mesh(mesh, time)


class MeshTracker:
    """The face mesh through a video, one face.

    Where its short-range detector sees none, a small or far face is searched for now and
    then and followed inside a window around it.
    """

    def __init__(self) -> None:
        self._sequence = MeshSequence()
        self._window: _Window | None = None
        self._patience, self._wait = 0, _SEARCH_EVERY
        self._finder: Finder | None = None

    def mesh(self, frame: Frame) -> FloatArray | None:
        """(478, 3) in pixels, or None where no face is seen."""
        mesh = self._look(frame, self._window or _Window(0, 0, frame.width, frame.height))
        if mesh is None and self._window is not None:
            # A window that has moved makes the tracker lose its place: let it detect anew.
            mesh = self._look(frame, self._window)
            self._patience = 0 if mesh is None else self._patience
        if mesh is None:
            mesh = self._look_elsewhere(frame)
        elif self._window is not None and not self._window.has_room_around(mesh):
            self._window = _Window.around(mesh, frame)
        return mesh

    def _look(self, frame: Frame, window: _Window) -> FloatArray | None:
        pixels = frame.region(window.left, window.top, window.right, window.bottom)[..., :3]
        mesh = self._sequence.track(np.ascontiguousarray(pixels))
        if mesh is None:
            return None
        self._wait = _SEARCH_EVERY
        return np.asarray(mesh + np.array([window.left, window.top, 0], np.float32), np.float32)

    def _look_elsewhere(self, frame: Frame) -> FloatArray | None:
        self._patience -= 1
        if self._patience >= 0:
            return None
        self._patience, self._wait = self._wait, min(2 * self._wait, _SEARCH_AT_LEAST_EVERY)
        self._finder = self._finder or Finder(LocateOptions(locators=("mesh",)))
        face = self._finder.locate(frame)
        self._window = None if face is None else _Window.around(face.mesh, frame)
        return None if self._window is None else self._look(frame, self._window)

    def close(self) -> None:
        """Free the locators of the search."""
        if self._finder is not None:
            self._finder.close()

    def __enter__(self) -> MeshTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# Frames between two searches for a face that is not seen: at first, and later on.
_SEARCH_EVERY, _SEARCH_AT_LEAST_EVERY = 12, 100


@dataclass(frozen=True)
class _Window:
    """The part of a frame that is looked at, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mesh: FloatArray, frame: Frame) -> _Window:
        """Return a crop twice as wide and high as a (478, 3) mesh."""
        low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
        middle, reach = (low + high) / 2, float((high - low).max())
        left, top = np.maximum(middle - reach, 0).astype(int)
        right, bottom = (middle + reach).astype(int) + 1
        return cls(
            int(left), int(top), min(int(right), frame.width), min(int(bottom), frame.height)
        )

    def has_room_around(self, mesh: FloatArray) -> bool:
        """Return whether a (478, 3) mesh is still centred in the middle half of the crop."""
        x, y = mesh[:, :2].mean(axis=0)
        across = (x - self.left) / max(self.right - self.left, 1)
        down = (y - self.top) / max(self.bottom - self.top, 1)
        return bool(0.25 < across < 0.75 and 0.25 < down < 0.75)
