"""Review a talking video: figures, curves and the moments worth a look."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from masktalk.avatar import Avatar, is_avatar
from masktalk.avatar.bundle import ping_pong
from masktalk.evaluate.expert_synchrony import expert_figures
from masktalk.evaluate.image_quality import edge_ring, lip_distance, psnr, slope_along
from masktalk.evaluate.mouth_synchrony import Mask, correlation
from masktalk.evaluate.review.figures import Figure, figures, graded, missing
from masktalk.evaluate.review.highlights import Highlight, Shot, choose_highlights, take_shots
from masktalk.evaluate.review.observation import Observation, observe
from masktalk.evaluate.syncnet import lip_sync_figures
from masktalk.landmarks import LOWER_FACE
from masktalk.media import open_source
from masktalk.types import FloatArray, Frame, Progress, UInt8Array, no_progress


@dataclass(frozen=True, eq=False)
class ReviewedVideo:
    """One video of a review.

    Attributes:
        seen: What was observed.
        figures: Its own, in the order to show them.
        shots: One a moment of the review, None where the video is shorter.
    """

    seen: Observation
    figures: list[Figure]
    shots: list[Shot | None]


@dataclass(frozen=True, eq=False)
class Review:
    """All that the page and the sheet show.

    Attributes:
        video: The video under review.
        against: The one beside it, or None.
        compared: Figures of the two together.
        highlights: What the shots show.
    """

    video: ReviewedVideo
    against: ReviewedVideo | None
    compared: list[Figure]
    highlights: list[Highlight]


@dataclass(frozen=True)
class ReviewOptions:
    """Files to compare with.

    Attributes:
        against: Another video to set beside it: the real one, or another engine's.
        source: What it was made from, a picture, a video or a prepared avatar: then what
            changed outside the mouth, and seams, can be measured.
        syncnet: SyncNet's weights; None looks where weights are kept.
    """

    against: Path | None = None
    source: Path | None = None
    syncnet: Path | None = None


def review(
    path: str | os.PathLike[str],
    options: ReviewOptions | None = None,
    progress: Progress = no_progress,
) -> Review:
    """Review a talking video: figures, curves and highlights.

    Raises:
        MediaError: A file cannot be read.
        WeightsError: The SyncNet weights that were named are not SyncNet's.
    """
    options = options or ReviewOptions()
    seen = observe(path, progress)
    highlights = choose_highlights(seen)
    own = figures(seen)
    if options.source is not None:
        own += _source_figures(seen, options.source)
    own += lip_sync_figures(seen, options.syncnet) + expert_figures(seen)
    video = ReviewedVideo(seen, own, take_shots(seen, highlights))
    if options.against is None:
        return Review(video, None, [], highlights)
    other = observe(options.against, progress)
    others = figures(other) + lip_sync_figures(other, options.syncnet) + expert_figures(other)
    against = ReviewedVideo(other, others, take_shots(other, highlights))
    return Review(video, against, _compared(seen, other), highlights)


def _source_figures(seen: Observation, source: Path) -> list[Figure]:
    names = ("Outside the mouth", "Seams")
    if not seen.has_face:
        return [missing(name, "No face is seen, so it has no mouth region.") for name in names]
    noise, seams = [], []
    made = open_source(seen.path).frames()
    for given, origin, mesh in zip(made, _source_frames(source, seen.rate), seen.meshes):  # noqa: B905
        frame = _unpadded(given, origin)
        if origin.pixels.shape[:2] != frame.pixels.shape[:2]:
            why = "The source has another size, so pixels cannot be compared."
            return [missing(name, why) for name in names]
        if mesh is None:
            continue
        mouth = mouth_region(frame, mesh)
        noise.append(psnr(_rgb(frame), _rgb(origin), ~mouth))
        ring = edge_ring(mouth.astype(np.uint8))
        before = slope_along(origin.pixels, ring)
        if before > 0.05:
            seams.append(slope_along(frame.pixels, ring) / before)
    return [_outside(names[0], noise), _seams(names[1], seams)]


def _unpadded(frame: Frame, origin: Frame) -> Frame:
    """Crop the column or row that an encoder of even sizes has repeated."""
    height, width = origin.pixels.shape[:2]
    if (frame.height, frame.width) != (height + height % 2, width + width % 2):
        return frame
    return Frame(np.ascontiguousarray(frame.pixels[:height, :width]), frame.time)


def _outside(name: str, noise: list[float]) -> Figure:
    value = float(np.median(noise))
    text = "equal" if np.isinf(value) else f"{value:.1f} dB"
    return Figure(
        name,
        text,
        graded(value, 38, 32),
        "Likeness to the source outside the mouth region (PSNR); encoding alone leaves 36 to 50, "
        "a head that moves with the voice less.",
    )


def _seams(name: str, seams: list[float]) -> Figure:
    if not seams:
        return missing(name, "The source is flat around the mouth.")
    worst = float(np.percentile(np.abs(np.array(seams) - 1), 90)) * 100
    return Figure(
        name,
        f"{worst:.0f} %",
        graded(worst, 12, 25),
        "Change of the edge strength around the mouth region against the source; a visible "
        "border shows as tens of percent, and so does a head that moves with the voice.",
    )


def _source_frames(source: Path, rate: Fraction) -> Iterator[Frame]:
    """Yield the source's frames for ever, in the order in which an avatar plays them."""
    if is_avatar(source):
        with Avatar(source) as avatar:
            for step in itertools.count():
                yield avatar.frame(avatar.index_at(step / rate))
    opened = open_source(source)
    if opened.kind == "picture":
        yield from itertools.repeat(next(iter(opened.frames())))
    own = opened.rate or rate
    kept = _Replay(opened.frames())
    for step in itertools.count():
        yield kept.frame(ping_pong(int(step / rate * own), opened.frame_count))


class _Replay:
    """Frames that are read once and kept packed, so that they can be played backwards too."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._packed: list[UInt8Array] = []

    def frame(self, index: int) -> Frame:
        while len(self._packed) <= index:
            pixels = cv2.cvtColor(_rgb(next(self._frames)), cv2.COLOR_RGB2BGR)
            _, packed = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            self._packed.append(np.asarray(packed, np.uint8))
        unpacked = np.asarray(cv2.imdecode(self._packed[index], cv2.IMREAD_COLOR))
        return Frame(np.asarray(cv2.cvtColor(unpacked, cv2.COLOR_BGR2RGB), np.uint8))


def mouth_region(frame: Frame, mesh: FloatArray) -> Mask:
    """Return the lower face, from under the nose to below the chin, (H, W) bool.

    Args:
        frame: The frame, (H, W, 3 or 4).
        mesh: (478, 3) mesh landmarks in pixels of the frame.
    """
    hull = cv2.convexHull(mesh[list(LOWER_FACE), :2].astype(np.float32))
    middle = hull.mean(axis=0)
    grown = (middle + (hull - middle) * 1.25).astype(np.int32)
    region = cv2.fillConvexPoly(np.zeros((frame.height, frame.width), np.uint8), grown, (1,))
    return np.asarray(region > 0, np.bool_)


def _rgb(frame: Frame) -> UInt8Array:
    return np.ascontiguousarray(frame.pixels[..., :3])


def _compared(a: Observation, b: Observation) -> list[Figure]:
    names = ("Same opening", "Lip distance")
    if not (a.has_face and b.has_face):
        return [missing(name, "A face must be seen in both videos.") for name in names]
    if a.occluded or b.occluded:
        return [missing(name, "A mouth is covered, so lips cannot be compared.") for name in names]
    opening = np.interp(a.track.t, b.track.t, b.track.aperture)
    r = correlation(a.track.aperture, opening)
    distances: list[float] = []
    for time, mesh in zip(a.track.t, a.meshes, strict=True):
        index = round(float(time) * float(b.rate))
        other = b.meshes[index] if index < len(b.meshes) else None
        if mesh is not None and other is not None:
            distances.append(lip_distance(mesh, other))
    apart = 100 * float(np.mean(distances)) if distances else float("nan")
    return [
        Figure(
            names[0],
            f"{r:.2f}" if np.isfinite(r) else "–",
            graded(r, 0.7, 0.4),
            "Correlation of the two tracked openings at the same times; 1 is the same movement.",
        ),
        Figure(
            names[1],
            f"{apart:.1f} %" if np.isfinite(apart) else "–",
            graded(apart, 5, 9),
            "Mean distance of the lip points, freed of head pose, in hundredths of the eye "
            "distance.",
        ),
    ]
