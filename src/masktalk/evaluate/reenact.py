"""Self-reenactment: a talking video's first second speaks the rest of its own sound.

What comes out is compared with what really happened, and with a still picture: an engine
that moves the mouth wrongly is worse than one that does not move it at all.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from masktalk.errors import InputError, NoFaceError
from masktalk.evaluate.image_quality import lip_distance, mouth_crop, ssim
from masktalk.evaluate.mouth_synchrony import talking_videos
from masktalk.faces.measures import MouthMeasures
from masktalk.faces.mouth_tracker import follow_mouth
from masktalk.media import open_source, read_audio
from masktalk.preparation import PrepareOptions, prepare
from masktalk.rendering import RenderOptions, frames
from masktalk.types import Audio, FloatArray, Frame, Progress, UInt8Array, no_progress

_AVATAR_S = Fraction(1)


@dataclass(frozen=True)
class Likeness:
    """Distances of a talking face to the recorded one.

    Attributes:
        distance: Mean distance of the lip points freed of head pose, in inter-ocular distances.
        ssim: Structural similarity of the mouth region, laid over one another.
    """

    distance: float
    ssim: float


@dataclass(frozen=True)
class Reenactment:
    """One clip's outcome.

    Attributes:
        name: The clip's file name.
        frames: How many frames were compared.
        spoken: The engine's likeness.
        still: That of the avatar's first frame, held.
        aperture_r: Correlation of the tracked opening with the real one.
    """

    name: str
    frames: int
    spoken: Likeness
    still: Likeness
    aperture_r: float

    @property
    def gain(self) -> float:
        """Return the share by which the lips are nearer than a still image's."""
        return 1 - self.spoken.distance / self.still.distance

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the gain included."""
        return {**asdict(self), "gain": self.gain}


def reenact_all(
    folder: str | os.PathLike[str],
    options: RenderOptions | None = None,
    progress: Progress = no_progress,
) -> list[Reenactment]:
    """Measure one talking video, or every one in a folder.

    Raises:
        InputError: The folder has no videos.
        MasktalkError: As ``reenact``.
    """
    return [reenact(path, options, progress) for path in talking_videos(Path(folder))]


def reenact(
    path: str | os.PathLike[str],
    options: RenderOptions | None = None,
    progress: Progress = no_progress,
) -> Reenactment:
    """Measure one talking video.

    Raises:
        MediaError: It cannot be read, or has no sound.
        InputError: It is a picture, or not longer than the avatar made of it.
        NoFaceError: No face in it is seen.
    """
    path = Path(path)
    source = open_source(path)
    if source.rate is None:
        raise InputError(path, "is a picture and cannot be reenacted", "give a talking video")
    lead = int(_AVATAR_S * source.rate)
    if source.frame_count < 2 * lead:
        raise InputError(path, "is shorter than two seconds", "give a longer talking video")
    speech = _rest_of_sound(path, Fraction(lead) / source.rate)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        _write_frames(first, itertools.islice(source.frames(), lead))
        making = PrepareOptions(fps=source.rate)
        with prepare(first, Path(folder) / "avatar", making) as avatar:
            made = frames(avatar, speech, options or RenderOptions())
            real = itertools.islice(source.frames(), lead, None)
            return _compared(path.name, avatar.frame(0), made, real, progress)


def _rest_of_sound(path: Path, begin: Fraction) -> Audio:
    audio = read_audio(path)
    return Audio(audio.samples[int(begin * audio.sample_rate) :], audio.sample_rate)


def _write_frames(folder: Path, pictures: Iterator[Frame]) -> None:
    folder.mkdir()
    for index, frame in enumerate(pictures):
        bgr = cv2.cvtColor(np.ascontiguousarray(frame.pixels[..., :3]), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{index:05d}.png"), bgr)


@dataclass(frozen=True, eq=False)
class _TrackedFrame:
    """One frame with its face."""

    frame: Frame
    mesh: FloatArray
    measures: MouthMeasures

    @property
    def crop(self) -> UInt8Array:
        return mouth_crop(self.frame, self.mesh)


def _compared(
    name: str, first: Frame, made: Iterator[Frame], real: Iterator[Frame], progress: Progress
) -> Reenactment:
    held = next(_seen(iter([first])), None)
    if held is None:
        raise NoFaceError(name, "no face is seen in its first frame", "give another video")
    spoken: list[Likeness] = []
    still: list[Likeness] = []
    openings: list[tuple[float, float]] = []
    for result, truth in zip(_seen(made), _seen(real), strict=False):
        progress(f"reenacting {name}", len(spoken) + 1, None)
        if result is None or truth is None:
            continue
        spoken.append(_likeness(result, truth))
        still.append(_likeness(held, truth))
        openings.append((result.measures.aperture, truth.measures.aperture))
    if len(openings) < 8:
        raise NoFaceError(name, "a face is seen in too few frames", "give another video")
    pairs = np.array(openings)
    moved = bool((pairs.std(axis=0) > 1e-6).all())
    return Reenactment(
        name=name,
        frames=len(spoken),
        spoken=_mean(spoken),
        still=_mean(still),
        aperture_r=float(np.corrcoef(pairs.T)[0, 1]) if moved else 0.0,
    )


def _seen(pictures: Iterator[Frame]) -> Iterator[_TrackedFrame | None]:
    for frame, mesh, measures in follow_mouth(pictures):
        yield None if mesh is None else _TrackedFrame(frame, mesh, measures)


def _likeness(a: _TrackedFrame, b: _TrackedFrame) -> Likeness:
    return Likeness(lip_distance(a.mesh, b.mesh), ssim(a.crop, b.crop))


def _mean(found: list[Likeness]) -> Likeness:
    return Likeness(
        distance=float(np.mean([one.distance for one in found])),
        ssim=float(np.mean([one.ssim for one in found])),
    )
