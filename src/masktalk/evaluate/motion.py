"""How an avatar moves when it speaks: with the articulation, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from masktalk.avatar import Avatar
from masktalk.engines.base import Speech, make_engine
from masktalk.evaluate.mouth import correlation
from masktalk.evaluate.pictures import downward_flow, edge_ring, slope_along
from masktalk.faces.follow import MeshTracker
from masktalk.faces.measures import measure_mesh
from masktalk.masking import masked_engine
from masktalk.rendering import RenderOptions, compose_one
from masktalk.speech import articulate, measures
from masktalk.types import Audio, Face, Frame, Patch

# The face region ends this far from the mesh, in eye distances.
_MARGIN = 0.6


@dataclass(frozen=True)
class Motion:
    """What one avatar did over some speech.

    Attributes:
        name: Of the avatar's source.
        flow_r: Correlation of how far the lower face moved down with jawOpen.
        aperture_r: Correlation of the tracked opening with the articulation's; NaN where
            no mouth can be tracked.
        seam: Gradient along the patches' edge over that of the source at the same place;
            1 is no seam.
        worst_seam: The same of the frame where it is furthest from 1.
        changed_outside: Largest change in grey levels outside the face region.
    """

    name: str
    flow_r: float
    aperture_r: float
    seam: float
    worst_seam: float
    changed_outside: int


@dataclass(frozen=True)
class _Moment:
    """One frame's measures."""

    flow: float
    aperture: float
    seam: float
    outside: int


def measure_motion(avatar: Avatar, speech: Audio, options: RenderOptions | None = None) -> Motion:
    """Let an avatar speak and measure how it moves."""
    options = options or RenderOptions()
    rate = options.rate_for(avatar)
    said = articulate(speech)
    meant = measures(said)
    found = list(_moments(avatar, speech, options))
    times = np.arange(len(found)) / float(rate)
    steps = np.arange(len(said)) / said.frame_rate
    jaw = np.interp(times, steps, said.channel("jawOpen"))
    opening = np.interp(times, steps, meant.aperture)
    seams = np.array([moment.seam for moment in found])
    return Motion(
        name=avatar.manifest.source.name,
        flow_r=correlation(np.array([moment.flow for moment in found]), jaw),
        aperture_r=correlation(np.array([moment.aperture for moment in found]), opening),
        seam=float(np.nanmean(seams)),
        worst_seam=float(seams[np.nanargmax(np.abs(seams - 1))]),
        changed_outside=max(moment.outside for moment in found),
    )


def _moments(avatar: Avatar, speech: Audio, options: RenderOptions) -> Iterator[_Moment]:
    engine = make_engine(options.engine, dict(options.engine_options))
    engine = masked_engine(engine, avatar)
    engine.prepare(avatar)
    rate = options.rate_for(avatar)
    said = Speech([speech], rate, articulator=options.articulator)
    with MeshTracker() as tracker:
        for step, patch in enumerate(engine.speak(avatar, said)):
            time = step / rate
            index = avatar.index_at(time)
            face = avatar.faces[index]
            if face is None:
                continue
            made = compose_one(avatar, patch, Fraction(0), time)
            mesh = tracker.mesh(made)
            yield _Moment(
                flow=_flow(avatar.frame(index), made, face),
                aperture=float("nan") if mesh is None else measure_mesh(mesh).aperture,
                seam=_seam(avatar.frame(index), made, patch),
                outside=_change_outside(avatar.frame(index), made, face),
            )


def _flow(before: Frame, after: Frame, face: Face) -> float:
    """Mean way down of mouth and chin, in eye distances."""
    unit = face.interocular
    middle = (face.mouth + face.chin) / 2
    x0, y0 = np.maximum(middle - 0.9 * unit, 0).astype(int)
    x1, y1 = (middle + 0.9 * unit).astype(int)
    crops = [np.ascontiguousarray(f.pixels[y0:y1, x0:x1, :3]) for f in (before, after)]
    if min(crops[0].shape[:2]) < 24:
        return float("nan")
    flow = downward_flow(crops[0], crops[1])
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]]
    away = np.hypot(columns + x0 - middle[0], rows + y0 - middle[1])
    return float(flow[away < 0.4 * unit].mean() / unit)


def _seam(before: Frame, after: Frame, patch: Patch | None) -> float:
    if patch is None:
        return float("nan")
    height, width = patch.pixels.shape[:2]
    left, top = max(patch.x, 0), max(patch.y, 0)
    right, bottom = min(patch.x + width, after.width), min(patch.y + height, after.height)
    alpha = patch.pixels[top - patch.y : bottom - patch.y, left - patch.x : right - patch.x, 3]
    ring = edge_ring(np.ascontiguousarray(alpha))
    source = slope_along(before.pixels[top:bottom, left:right], ring)
    if source < 0.05:
        return float("nan")
    return slope_along(after.pixels[top:bottom, left:right], ring) / source


def _change_outside(before: Frame, after: Frame, face: Face) -> int:
    """Largest change further from the face than its region reaches."""
    x0, y0, x1, y1 = face.box
    reach = _MARGIN * face.interocular
    change = np.abs(after.pixels.astype(np.int16) - before.pixels).max(axis=2)
    top, left = max(int(y0 - reach), 0), max(int(x0 - reach), 0)
    change[top : max(int(y1 + reach), 0), left : max(int(x1 + reach), 0)] = 0
    return int(change.max())
