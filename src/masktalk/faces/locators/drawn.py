"""Drawn faces, by networks trained on pictures that code draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from masktalk.faces.drawn.points_network import DrawnNetwork
from masktalk.faces.drawn.reading import Reading, centred, mesh_head_roi, read_head
from masktalk.faces.locators.locator import Effort, Locator, Sighting
from masktalk.faces.roi import Roi, overlap
from masktalk.types import FloatArray, Frame, MouthState

# Sides of the views a search begins with, in longer sides of the picture; how often each
# is centred on the head it may show; and how many places are looked at closely.
_SCALES = (1.1, 0.72, 0.45, 0.28)
_STEPS, _MOST = 3, 6
# Views that must end up in one place for a head to be there.
_VOTES = 2
# Probability from which a head is one, and confidence from which a face is.
_HEAD, _CONFIDENT = 0.5, 0.5
#: Probability from which a mouth is covered, and from which it may be.
COVERED, PERHAPS = 0.6, 0.25


class DrawnLocator(Locator):
    """Finds drawn heads, and reads the heads that others see."""

    name = "drawn"

    def __init__(self) -> None:
        self.network = DrawnNetwork()

    def find(self, frame: Frame, effort: Effort = "usual") -> list[Sighting]:
        """Find faces in a frame; see ``Locator.find``."""
        views = list(_views(frame.width, frame.height, _SCALES[: 2 if effort == "quick" else None]))
        regions = views
        for _ in range(_STEPS):
            regions = centred(self.network, frame.pixels, regions)
        seen: list[Sighting] = []
        for roi in _gathered(regions, views):
            reading = read_head(self.network, frame.pixels, roi)
            if reading.head >= _HEAD and reading.confidence >= _CONFIDENT:
                seen = _merged(seen, self.sighting(reading))
        return seen

    def read(self, frame: Frame, mesh: FloatArray) -> Reading:
        """Return what is drawn where a (478, 3) mesh lies."""
        return read_head(self.network, frame.pixels, mesh_head_roi(mesh))

    def sighting(self, reading: Reading) -> Sighting:
        """Return a reading as a face."""
        state: MouthState = "occluded" if reading.covered >= COVERED else reading.bare_state
        return Sighting(
            reading.mesh(), reading.confidence, self.name, state, evidence=evidence(reading)
        )

    def close(self) -> None:
        """Free the network."""
        self.network.close()


def evidence(reading: Reading) -> str:
    """Return in words what a verdict on the mouth rests on."""
    said = f"mouth covered with probability {reading.covered:.2f}"
    if PERHAPS <= reading.covered < COVERED:
        said += ", taken as bare; mouth='cloth' treats it as covered"
    return said


def _merged(seen: list[Sighting], new: Sighting) -> list[Sighting]:
    """With a new sighting; of those of one face the surest stays."""
    same = [old for old in seen if overlap(old.mesh, new.mesh) > 0.25]
    if any(old.confidence >= new.confidence for old in same):
        return seen
    return [*(old for old in seen if old not in same), new]


def _views(width: int, height: int, scales: tuple[float, ...]) -> Iterator[Roi]:
    """Overlapping squares of several sizes that cover a picture."""
    longer = float(max(width, height))
    for scale in scales:
        side = longer * scale
        rows, columns = _steps(height, side), _steps(width, side)
        for row in rows:
            for column in columns:
                yield Roi(column, row, side)


def _steps(length: int, side: float) -> list[float]:
    count = max(1, round((length - 0.6 * side) / (0.5 * side)) + 1) if length > side else 1
    if count == 1:
        return [length / 2]
    return [float(v) for v in np.linspace(0.45 * side, length - 0.45 * side, count)]


def _gathered(regions: list[Roi], views: list[Roi]) -> list[Roi]:
    """Return where most views converge, most first: a head attracts all views around it."""
    groups: list[list[Roi]] = []
    for roi, view in zip(regions, views, strict=True):
        if not 0.3 < roi.size / view.size < 1.6:
            continue
        for group in groups:
            first = group[0]
            near = np.hypot(roi.x - first.x, roi.y - first.y) < 0.2 * first.size
            if near and 0.65 < roi.size / first.size < 1.5:
                group.append(roi)
                break
        else:
            groups.append([roi])
    groups.sort(key=len, reverse=True)
    return [_median(group) for group in groups[:_MOST] if len(group) >= _VOTES]


def _median(group: list[Roi]) -> Roi:
    x, y, size = (
        float(np.median([getattr(r, name) for r in group])) for name in ("x", "y", "size")
    )
    return Roi(x, y, size, float(np.median([r.angle for r in group])))
