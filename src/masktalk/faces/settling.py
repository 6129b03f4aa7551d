"""Settles between the mesh, which knows people, and the networks that know drawings.

The rule that tells covered mouths from bare ones (``masktalk.faces.covered``) was fitted on
photographs: a mouth whose place depends on the crop is a guess. Drawn mouths are such
guesses, too. So a mouth counts as covered only where a network that has seen drawn masks,
hoods and hands finds it likely as well.
"""

from __future__ import annotations

from dataclasses import replace

from masktalk.faces.covered import lips_state
from masktalk.faces.locators.drawn import DrawnLocator, evidence
from masktalk.faces.locators.locator import Effort, Sighting
from masktalk.faces.locators.mesh import MeshLocator
from masktalk.faces.roi import overlap
from masktalk.types import Frame

# Scatter of the mouth corners, in interocular distances, below which a mesh is right: the
# largest of 30 bare photographs and paintings is 0.016, the median of drawings 0.04.
_STEADY = 0.018
# Confidence from which a drawn reading takes a mesh's place.
_CONFIDENT = 0.6
# Probability of a cover from which a mouth that the mesh guesses at counts as covered.
_COVERED = 0.35
_SAME = 0.1  # overlap from which two sightings are of one face


def settle(mesh: MeshLocator, drawn: DrawnLocator, frame: Frame, effort: Effort) -> list[Sighting]:
    """Return the faces that either sees, each once."""
    seen = [settled(drawn, frame, s) for s in mesh.find(frame, effort)]
    if seen and effort == "usual" and all(s.confidence >= _CONFIDENT for s in seen):
        return seen
    found = [s for s in drawn.find(frame, effort) if s.confidence >= _CONFIDENT]
    for sighting in sorted(found, key=lambda s: -s.confidence):
        same = [other for other in seen if overlap(sighting.mesh, other.mesh) > _SAME]
        if seen and not same and sighting.mouth_state == "occluded":
            continue  # beside other faces, a covered one needs the mesh's word as well
        if all(other.confidence < _CONFIDENT for other in same):
            seen = [*(other for other in seen if other not in same), sighting]
    return seen


def settled(drawn: DrawnLocator, frame: Frame, sighting: Sighting) -> Sighting:
    """Return a sighting of the mesh, or what the drawn networks make of it where it is a guess."""
    look = sighting.look
    guessed = sighting.mouth_state == "occluded"
    if look is None or (not guessed and look.corner_scatter < _STEADY):
        return sighting
    reading = drawn.read(frame, look.mesh)
    sure = reading.head >= 0.5 and reading.confidence >= _CONFIDENT
    if guessed and reading.covered >= _COVERED:
        return replace(sighting, evidence=evidence(reading))
    if sure:
        return drawn.sighting(reading)
    state = lips_state(look.mesh)
    return replace(
        sighting, mesh=look.mesh, mouth_state=state, look=None, evidence=evidence(reading)
    )
