"""Mouth, sharpness and audio of one talking video, frame by frame."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from masktalk.errors import MediaError
from masktalk.evaluate.image_quality import mouth_crop, sharpness, upper_crop
from masktalk.evaluate.mouth_synchrony import Curve, Mask, MouthTrack, runs
from masktalk.faces import LocateOptions, locate
from masktalk.faces.measures import MouthMeasures
from masktalk.faces.mouth_tracker import follow_mouth
from masktalk.media import open_source, stream_audio
from masktalk.speech import articulate, measures
from masktalk.types import Audio, FloatArray, Frame, Progress, no_progress

#: Pauses shorter than this, in seconds, are part of speaking.
MIN_PAUSE_S = 0.3
_LOUDNESS_HZ = 100


@dataclass(frozen=True, eq=False)
class AudioCurves:
    """Curves of the audio, and of the mouth that it asks for.

    Attributes:
        time: (N,) seconds.
        loudness: (N,) root mean square, 0 to 1 of the loudest.
        aperture: (N,) opening that the articulation asks of an average face.
        closure: (N,) 0 to 1, whether it asks for lips that meet.
        speaking: (N,) whether somebody speaks; short pauses belong to it.
    """

    time: Curve
    loudness: Curve
    aperture: Curve
    closure: Curve
    speaking: Mask

    def pauses(self) -> list[tuple[float, float]]:
        """Return begin and end of every pause in seconds."""
        return [(self.time[a], self.time[b]) for a, b in runs(~self.speaking)]


@dataclass(frozen=True, eq=False)
class Observation:
    """One video, seen and heard.

    Attributes:
        path: The file.
        width: Pixels.
        height: Pixels.
        rate: Frames per second; 1 for a picture.
        track: The mouth, one record a frame; no lengths where it is covered.
        meshes: (478, 3) in pixels a frame, None where no face is seen.
        detail: (N, 2) sharpness of the mouth and of the upper face; NaN without a face.
        sound: None where the video has none.
        occluded: Whether cloth hides the lips: what a tracker says of them is a guess.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    track: MouthTrack
    meshes: tuple[FloatArray | None, ...]
    detail: Curve
    sound: AudioCurves | None
    occluded: bool = False

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return float(len(self.meshes) / self.rate)

    @property
    def has_face(self) -> bool:
        """Tell if any frame shows a face."""
        return bool(self.track.tracked.any())

    def silent_frames(self) -> Mask:
        """Return the frames well inside a pause, (N,) bool."""
        quiet = np.zeros(len(self.track), np.bool_)
        if self.sound is not None:
            for begin, end in self.sound.pauses():
                quiet |= (self.track.t >= begin + 0.15) & (self.track.t <= end - 0.1)
        return quiet


def observe(path: str | os.PathLike[str], progress: Progress = no_progress) -> Observation:
    """Track the mouth in every frame of a video and articulate its audio.

    Raises:
        MediaError: It cannot be read as a video or a picture.
    """
    path = Path(path)
    source = open_source(path)
    records, meshes, detail = [], [], []
    occluded: bool | None = None
    for frame, mesh, measured in follow_mouth(source.frames()):
        if occluded is None and mesh is not None:
            occluded = _is_occluded(frame)
        records.append(MouthMeasures(measured.time, measured.tracked) if occluded else measured)
        meshes.append(mesh)
        detail.append(_detail(frame, mesh))
        progress(f"looking at {path.name}", len(records), source.frame_count)
    return Observation(
        path=path,
        width=source.width,
        height=source.height,
        rate=source.rate or Fraction(1),
        track=MouthTrack(tuple(records)),
        meshes=tuple(meshes),
        detail=np.array(detail, np.float64).reshape(-1, 2),
        sound=_hear(path),
        occluded=bool(occluded),
    )


def _is_occluded(frame: Frame) -> bool:
    face = locate(frame, LocateOptions())
    return face is not None and face.mouth_state == "occluded"


def _detail(frame: Frame, mesh: FloatArray | None) -> tuple[float, float]:
    if mesh is None:
        return float("nan"), float("nan")
    return sharpness(mouth_crop(frame, mesh)), sharpness(upper_crop(frame, mesh))


def _hear(path: Path) -> AudioCurves | None:
    """Articulate the audio of a file; None when it has none."""
    try:
        blocks = [block.samples for block in stream_audio(path)]
    except MediaError:
        return None
    audio = Audio(np.concatenate(blocks), 16000)
    if not len(audio.samples):
        return None
    said = articulate(audio)
    meant = measures(said)
    time = np.arange(len(said)) / said.frame_rate
    return AudioCurves(
        time=time,
        loudness=_loudness(audio, len(said)),
        aperture=meant.aperture.astype(np.float64),
        closure=meant.closure.astype(np.float64),
        speaking=_without_short_pauses(said.voice > 0.5, said.frame_rate),
    )


def _loudness(audio: Audio, steps: int) -> Curve:
    hop = audio.sample_rate // _LOUDNESS_HZ
    padded = np.zeros(steps * hop)
    padded[: min(len(audio.samples), len(padded))] = audio.samples[: len(padded)]
    power = (padded.reshape(steps, hop) ** 2).mean(axis=1)
    level = np.sqrt(np.convolve(power, np.ones(5) / 5, "same"))
    return np.asarray(level / max(float(level.max()), 1e-9), np.float64)


def _without_short_pauses(voice: Mask, rate: int) -> Mask:
    filled = voice.copy()
    for first, last in runs(~voice):
        if last - first + 1 < MIN_PAUSE_S * rate:
            filled[first : last + 1] = True
    return filled
