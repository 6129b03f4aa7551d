"""One person's face through a whole video."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from masktalk.faces.covered import hidden_mouth, is_guess, lay_mouth, lips_state
from masktalk.faces.finder import Finder
from masktalk.faces.following import Follower, Seen
from masktalk.faces.options import LocateOptions
from masktalk.faces.smoothing import Link, fill_gaps, smooth
from masktalk.types import Face, FloatArray, Frame, MouthState

_GAP = Fraction(1, 2)
# Seconds of close looks, before and after a frame, that decide whether its mouth is covered.
_VERDICT = Fraction(3, 4)
# Seconds on each side over which the guess at a hidden mouth is averaged.
_CALM = Fraction(1, 5)


def track(
    frames: Iterable[Frame], rate: Fraction, options: LocateOptions | None = None
) -> Iterator[Face | None]:
    """Yield the chosen person's face for every frame, or None where it is not seen.

    Smoothed without lag, gaps of up to half a second filled in; neither reaches across a
    cut. Lazy: reads at most two seconds of frames ahead and keeps none of them.

    Args:
        frames: In order of time.
        rate: Frames per second.
        options: Which face, rig points, locators.

    Raises:
        PointsError: Rig points lie outside the picture.
        OptionError: An unknown locator was asked for.
    """
    with Finder(options) as finder:
        if finder.options.points is not None:
            for frame in frames:
                yield finder.given(frame)
            return
        follower = Follower(finder, rate)
        seen = (follower.see(frame) for frame in frames)
        links = judged(seen, rate, finder.options.mouth_state)
        yield from smooth(fill_gaps(links, rate, _GAP), rate)


def judged(seen: Iterable[Seen], rate: Fraction, forced: MouthState | None) -> Iterator[Link]:
    """Turn what was seen into faces: decide about the mouth, and lay it where it is hidden.

    Close looks are rare, so each frame takes the median of those around it.
    """
    reach = max(1, round(_VERDICT * rate))
    window: deque[Seen] = deque()
    here = 0
    for record in seen:
        if record.cut:
            while here < len(window):
                yield _verdict(window, here, rate, forced)
                here += 1
            window.clear()
            here = 0
        window.append(record)
        if len(window) - here > reach:
            yield _verdict(window, here, rate, forced)
            here += 1
        if here > reach:
            window.popleft()
            here -= 1
    while here < len(window):
        yield _verdict(window, here, rate, forced)
        here += 1


def _verdict(window: deque[Seen], here: int, rate: Fraction, forced: MouthState | None) -> Link:
    record = window[here]
    if record.mesh is None:
        return None, record.cut
    reach = max(1, round(_VERDICT * rate))
    around = _around(window, here, reach, reach)
    guesses = [other.guess for other in around if other.guess is not None]
    mesh, state = record.mesh, record.state
    if guesses and is_guess(float(np.median(guesses))):
        # As many frames before as after: a head that turns is not followed late.
        calm = min(round(_CALM * rate), here, len(window) - 1 - here)
        near = _around(window, here, calm, calm)
        places = [hidden_mouth(other.mesh, {}) for other in near if other.mesh is not None]
        mesh = lay_mouth(mesh, np.mean(places, axis=0) + _bias(around))
        state = "occluded"
    elif state is None:
        state = lips_state(mesh) if guesses or record.located_by == "mesh" else "occluded"
    said = record.evidence
    face = Face(mesh, record.located_by, record.confidence, forced or state, record.time, said)
    return face, record.cut


def _around(window: deque[Seen], here: int, before: int, after: int) -> list[Seen]:
    return [window[i] for i in range(max(0, here - before), min(len(window), here + after + 1))]


def _bias(around: list[Seen]) -> FloatArray:
    known = [other.bias for other in around if other.bias is not None]
    return np.asarray(np.median(known, axis=0) if known else np.zeros(2), np.float32)
