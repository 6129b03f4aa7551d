"""Scores of predicted mouths against recorded ones.

The protocol: one lag for the whole method, the one between -200 and 400 ms that maximises the
mean correlation of the aperture; then per clip Pearson's r of the aperture over all frames and
over speech alone, of the width, and closures matched one to one within a tolerance. A closure is
a run of frames whose aperture lies in the lowest 15 % of the range from the clip's 5th to its
95th percentile, or in which the predicted closure exceeds one half.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from masktalk.errors import InputError
from masktalk.faces.measures import MouthMeasures
from masktalk.faces.mouth_tracker import follow_mouth
from masktalk.media import open_source
from masktalk.types import Progress, no_progress

Curve = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LAGS: Curve = np.round(np.arange(-20, 41) * 0.01, 2)
_CLOSURE_TOLERANCE_S = 0.06
_CLOSED_SHARE = 0.15
_SPEECH_MARGIN_S = 0.15
_VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg")


@dataclass(frozen=True, eq=False)
class RecordedMouth:
    """The tracked mouth of one recording.

    Attributes:
        name: Of the recording.
        time: (N,) seconds on the sound's clock.
        aperture: (N,) gap of the inner lips in inter-ocular distances; NaN where not tracked.
        width: (N,) mouth width in inter-ocular distances; NaN where not tracked.
        speech: (N,) whether somebody speaks, a little widened.
    """

    name: str
    time: Curve
    aperture: Curve
    width: Curve
    speech: Mask


@dataclass(frozen=True, eq=False)
class PredictedMouth:
    """The mouth predicted from the audio, at any frame rate.

    Attributes:
        time: (M,) seconds.
        aperture: (M,) in any unit.
        width: (M,) in any unit.
        closure: (M,) 0..1, or None to judge closures by the aperture's own range.
    """

    time: Curve
    aperture: Curve
    width: Curve
    closure: Curve | None = None


@dataclass(frozen=True)
class ClipScore:
    """One recording's figures; correlations are NaN where a curve does not move."""

    name: str
    aperture: float
    aperture_in_speech: float
    width: float
    true_closures: int
    predicted_closures: int
    matched_closures: int


@dataclass(frozen=True)
class MouthScore:
    """The figures of a method over a set of recordings.

    Attributes:
        lag: Seconds by which the method runs ahead of the mouths.
        clips: One entry a recording.
    """

    lag: float
    clips: tuple[ClipScore, ...]

    def median(self, figure: str) -> float:
        """Return the median of one of the correlations."""
        values = [getattr(clip, figure) for clip in self.clips]
        finite = [value for value in values if np.isfinite(value)]
        return float(np.median(finite)) if finite else float("nan")

    @property
    def precision(self) -> float:
        """Return the share of predicted closures that were made."""
        predicted = sum(clip.predicted_closures for clip in self.clips)
        return sum(clip.matched_closures for clip in self.clips) / max(predicted, 1)

    @property
    def recall(self) -> float:
        """Return the share of recorded closures that are predicted."""
        true = sum(clip.true_closures for clip in self.clips)
        return sum(clip.matched_closures for clip in self.clips) / max(true, 1)

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_dict(self) -> dict[str, float | int]:
        """Return the figures by their short names."""
        return {
            "clips": len(self.clips),
            "lag": self.lag,
            "r": self.median("aperture"),
            "r_speech": self.median("aperture_in_speech"),
            "w": self.median("width"),
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


@dataclass(frozen=True)
class MouthTrack:
    """The mouth of one video, one record a frame.

    Attributes:
        records: In the order of the frames.
    """

    records: tuple[MouthMeasures, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def t(self) -> Curve:
        """Return the times in seconds, (N,)."""
        return np.array([float(record.time) for record in self.records])

    @property
    def tracked(self) -> Mask:
        """Return the frames that show a face, (N,) bool."""
        return np.array([record.tracked for record in self.records], np.bool_)

    def curve(self, name: str) -> Curve:
        """Return one length by its name in ``MouthMeasures``, (N,), NaN without a face."""
        return np.array([getattr(record, name) for record in self.records], np.float64)

    @property
    def aperture(self) -> Curve:
        """Return the inner lip gap in inter-ocular distances, (N,), NaN without a face."""
        return self.curve("aperture")

    @property
    def width(self) -> Curve:
        """Return the mouth width in inter-ocular distances, (N,), NaN without a face."""
        return self.curve("width")


def track_mouth(path: str | os.PathLike[str]) -> MouthTrack:
    """Track the most prominent face of a video.

    Raises:
        MediaError: The file cannot be read.
    """
    frames = open_source(Path(path)).frames()
    return MouthTrack(tuple(measures for _, _, measures in follow_mouth(frames)))


def score(pairs: Sequence[tuple[RecordedMouth, PredictedMouth]]) -> MouthScore:
    """Compare predictions with recordings.

    Raises:
        ValueError: There is nothing to compare.
    """
    if not pairs:
        raise ValueError("there is no recording to compare with")
    by_lag = np.array(
        [
            [correlation(_at(said, said.aperture, true.time - lag), true.aperture) for lag in LAGS]
            for true, said in pairs
        ]
    )
    usable = by_lag[np.isfinite(by_lag).any(axis=1)]
    lag = float(LAGS[np.nanmean(usable, axis=0).argmax()]) if len(usable) else 0.0
    return MouthScore(lag, tuple(_clip(true, said, lag) for true, said in pairs))


def _clip(true: RecordedMouth, said: PredictedMouth, lag: float) -> ClipScore:
    when = true.time - lag
    aperture, width = _at(said, said.aperture, when), _at(said, said.width, when)
    speech = true.speech & np.isfinite(true.aperture)
    met = closed(aperture) if said.closure is None else _at(said, said.closure, when) > 0.5
    real = [run for run in runs(closed(true.aperture)) if speech[run[0] : run[1] + 1].any()]
    made = [run for run in runs(met) if speech[run[0] : run[1] + 1].any()]
    return ClipScore(
        true.name,
        correlation(aperture, true.aperture),
        correlation(aperture[speech], true.aperture[speech]),
        correlation(width, true.width),
        len(real),
        len(made),
        matches(real, made, true.time),
    )


def correlation(a: Curve, b: Curve) -> float:
    """Return Pearson's r of two (N,) curves where both are finite, NaN when one is constant."""
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < 8 or a.std() < 1e-9 or b.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def closed(aperture: Curve) -> Mask:
    """Return the frames in which the lips meet, by the range of the (N,) curve itself."""
    if not np.isfinite(aperture).any():
        return np.zeros(len(aperture), np.bool_)
    low, high = np.nanpercentile(aperture, [5, 95])
    with np.errstate(invalid="ignore"):
        return np.asarray(aperture < low + _CLOSED_SHARE * (high - low), np.bool_)


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Return the first and last index of every run of true in an (N,) mask."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def matches(real: list[tuple[int, int]], made: list[tuple[int, int]], time: Curve) -> int:
    """Count the runs that pair up one to one, nearest first, within the tolerance.

    Args:
        real: First and last index of every recorded run.
        made: The same of every predicted run.
        time: (N,) seconds.
    """
    candidates = []
    for i, (begin, end) in enumerate(real):
        for j, (first, last) in enumerate(made):
            gap = max(time[first] - time[end], time[begin] - time[last], 0.0)
            if gap <= _CLOSURE_TOLERANCE_S:
                apart = abs(time[begin] + time[end] - time[first] - time[last])
                candidates.append((gap, apart, i, j))
    used_real: set[int] = set()
    used_made: set[int] = set()
    for _, _, i, j in sorted(candidates):
        if i not in used_real and j not in used_made:
            used_real.add(i)
            used_made.add(j)
    return len(used_real)


def evaluate_mouths(folder: str | os.PathLike[str], progress: Progress = no_progress) -> MouthScore:
    """Articulate the audio of every talking video in a folder and compare with its mouth.

    Args:
        folder: Talking videos, or one of them.
        progress: Called with the number of recordings done.

    Raises:
        InputError: The folder holds no video.
        MediaError: A recording cannot be read.
    """
    found = talking_videos(Path(folder))
    pairs = []
    for path in found:
        said, speech = _predict(path)
        pairs.append((_track(path, said.time, speech), said))
        progress("measuring", len(pairs), len(found))
    return score(pairs)


def talking_videos(root: Path) -> list[Path]:
    """List the file itself, or every video in a folder by name.

    Raises:
        InputError: There is none.
    """
    if root.is_file():
        return [root]
    found = sorted(root.iterdir()) if root.is_dir() else []
    videos = [path for path in found if path.suffix.lower() in _VIDEOS]
    if not videos:
        raise InputError(root, "has no talking videos", "give a folder with .mp4 files")
    return videos


def _predict(sound: Path) -> tuple[PredictedMouth, Curve]:
    from masktalk.speech import articulate, measures

    articulation = articulate(sound)
    meant = measures(articulation)
    time = np.arange(len(articulation)) / articulation.frame_rate
    said = PredictedMouth(
        time,
        meant.aperture.astype(np.float64),
        meant.width.astype(np.float64),
        meant.closure.astype(np.float64),
    )
    return said, articulation.voice.astype(np.float64)


def _track(path: Path, time: Curve, voice: Curve) -> RecordedMouth:
    mouth = track_mouth(path)
    spoken = time[voice > 0.5]
    distance = np.full(len(mouth.t), np.inf)
    if len(spoken):
        right = np.searchsorted(spoken, mouth.t).clip(0, len(spoken) - 1)
        left = np.maximum(right - 1, 0)
        distance = np.minimum(abs(spoken[right] - mouth.t), abs(spoken[left] - mouth.t))
    return RecordedMouth(
        path.stem, mouth.t, mouth.aperture, mouth.width, distance <= _SPEECH_MARGIN_S
    )


def _at(said: PredictedMouth, values: Curve, time: Curve) -> Curve:
    return np.interp(time, said.time, values)
