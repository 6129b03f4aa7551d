"""The figures of a review: what each is, how it is read, and when it is good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from masktalk.evaluate.mouth_synchrony import Curve, closed, correlation, matches, runs
from masktalk.evaluate.review.observation import AudioCurves, Observation

Grade: TypeAlias = Literal["good", "fair", "poor", "none"]

# Correlation under which the lag of its peak says nothing.
_CLEAR = 0.3
_LAGS = np.round(np.arange(-0.30, 0.301, 0.01), 2)


@dataclass(frozen=True)
class Figure:
    """One number of a review.

    Attributes:
        name: What it is called.
        value: As it is printed; a dash when it cannot be had.
        grade: How good that is; ``none`` where there is nothing to judge.
        reading: One line on how to read it, or why there is none.
    """

    name: str
    value: str
    grade: Grade
    reading: str


@dataclass(frozen=True)
class Synchrony:
    """Correlation of the tracked mouth with the audio at the best lag, and that lag in seconds."""

    r: float
    lag: float


def synchrony(seen: Observation, sound: AudioCurves) -> Synchrony:
    """Correlate the tracked opening with the articulated one, over lags of up to 0.3 s.

    A positive lag means that the mouth is late.
    """
    track = seen.track
    found = [
        correlation(np.interp(track.t - lag, sound.time, sound.aperture), track.aperture)
        for lag in _LAGS
    ]
    if not np.isfinite(found).any():
        return Synchrony(float("nan"), float("nan"))
    best = int(np.nanargmax(found))
    return Synchrony(found[best], float(_LAGS[best]))


def figures(seen: Observation) -> list[Figure]:
    """Return the figures that one video gives by itself."""
    return [
        *_sync_figures(seen),
        _closures(seen),
        _stillness(seen),
        _jitter(seen),
        _sharpness(seen),
    ]


def missing(name: str, why: str) -> Figure:
    """Return a figure without a value, and the reason."""
    return Figure(name, "–", "none", why)


def graded(value: float, good: float, fair: float) -> Grade:
    """Grade a value by its limits; limits that fall mean that more is better."""
    if not np.isfinite(value):
        return "none" if np.isnan(value) else "good"
    better: Callable[[float], bool] = (
        (lambda limit: value <= limit) if good <= fair else (lambda limit: value >= limit)
    )
    if better(good):
        return "good"
    return "fair" if better(fair) else "poor"


def _why_not(seen: Observation, *, needs_sound: bool = True) -> str | None:
    if not seen.has_face:
        return "No face is seen in this video, so its mouth cannot be measured."
    if seen.occluded:
        return "The mouth is covered, so its lips cannot be measured."
    if needs_sound and seen.sound is None:
        return "The video has no sound to compare with."
    return None


def _sync_figures(seen: Observation) -> list[Figure]:
    names = ("Synchrony", "Offset")
    why = _why_not(seen)
    if why is not None or seen.sound is None:
        return [missing(name, why or "") for name in names]
    found = synchrony(seen, seen.sound)
    if np.isnan(found.r):
        return [missing(name, "The mouth or the sound does not move.") for name in names]
    lag = found.lag * 1000
    follows = Figure(
        names[0],
        f"{found.r:.2f}",
        graded(found.r, 0.4, 0.25),
        "Correlation of the tracked opening with what the sound asks for: real speakers "
        "reach 0.4 to 0.8, chance is 0.",
    )
    if found.r < _CLEAR:
        why = "The mouth does not follow the sound clearly enough to tell."
        return [follows, missing(names[1], why)]
    return [
        follows,
        Figure(
            names[1],
            f"{lag:+.0f} ms",
            graded(abs(lag), 60, 120),
            "Where that correlation is highest; + is a mouth that comes late. Beyond 60 ms "
            "people begin to notice.",
        ),
    ]


def _closures(seen: Observation) -> Figure:
    name = "Closures kept"
    why = _why_not(seen)
    if why is not None or seen.sound is None:
        return missing(name, why or "")
    sound, track = seen.sound, seen.track
    asked = np.interp(track.t, sound.time, sound.closure) > 0.5
    speaking = np.interp(track.t, sound.time, sound.speaking.astype(float)) > 0.5
    wanted = [run for run in runs(asked) if speaking[run[0] : run[1] + 1].any()]
    made = runs(closed(track.aperture))
    if not wanted:
        return missing(name, "The sound asks for no closure of the lips.")
    kept = matches(wanted, made, track.t)
    return Figure(
        name,
        f"{kept} of {len(wanted)}",
        graded(kept / len(wanted), 0.7, 0.5),
        "Times the lips meet where the sound has p, b or m; a mouth that only flaps misses them.",
    )


def _stillness(seen: Observation) -> Figure:
    name = "Stillness in silence"
    why = _why_not(seen)
    if why is not None:
        return missing(name, why)
    aperture = seen.track.aperture[seen.silent_frames()]
    aperture = aperture[np.isfinite(aperture)]
    if len(aperture) < 5:
        return missing(name, "There is no pause longer than 0.3 s.")
    moved = float(np.percentile(aperture, 95) - np.percentile(aperture, 5)) * 100
    return Figure(
        name,
        f"{moved:.1f} %",
        graded(moved, 1.5, 4.0),
        "How far the lips move in pauses, in hundredths of the inter-ocular distance; the "
        "tracker's own noise is about 1.",
    )


def _jitter(seen: Observation) -> Figure:
    name = "Jitter"
    why = _why_not(seen, needs_sound=False)
    if why is not None:
        return missing(name, why)
    shaken = [_shake(curve) for curve in (seen.track.aperture, seen.track.width)]
    if not len(shaken[0]):
        return missing(name, "The face is not seen in three frames in a row.")
    value = max(float(np.median(each)) for each in shaken) * 100
    return Figure(
        name,
        f"{value:.2f} %",
        graded(value, 1.1, 1.8),
        "Typical trembling from frame to frame, in hundredths of the inter-ocular distance; a real "
        "speaker has 0.3 to 1.1.",
    )


def _shake(curve: Curve) -> Curve:
    bent = np.abs(curve[1:-1] - (curve[:-2] + curve[2:]) / 2)
    return np.asarray(bent[np.isfinite(bent)], np.float64)


def _sharpness(seen: Observation) -> Figure:
    name = "Sharpness of the mouth"
    why = _why_not(seen, needs_sound=False)
    if why is not None:
        return missing(name, why)
    mouth, upper = np.nanmedian(seen.detail, axis=0)
    share = float(mouth / max(upper, 1e-6))
    off = abs(np.log2(max(share, 1e-3)))
    return Figure(
        name,
        f"{share:.2f}",
        graded(float(off), 0.45, 0.8),
        "Fine detail of the mouth against that of the eyes: about 1 is one camera, much less is "
        "a blurred patch.",
    )
