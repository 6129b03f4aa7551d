"""Steadies the way of a face without lag, and fills short gaps in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.landmarks import LEFT_EYE_OUTER, NOSE_ROOT, RIGHT_EYE_OUTER, STEADY_ANCHORS
from masktalk.types import Face, FloatArray

# Seconds on each side that steady the head's way, and what moves within the face.
_HEAD, _SKIN = Fraction(4, 25), Fraction(2, 25)
# Shakes well below this many interocular distances are noise; what is above is motion.
_SHAKE = 0.015

_Doubles: TypeAlias = npt.NDArray[np.float64]

#: A face of one frame and whether a new scene begins there.
Link = tuple["Face | None", bool]


def fill_gaps(links: Iterator[Link], rate: Fraction, longest: Fraction) -> Iterator[Link]:
    """Put evenly moving faces where one was missing for at most ``longest`` seconds.

    Looks ahead by as much. A gap is left open at a cut, at the ends, and where the face
    comes back elsewhere.
    """
    reach = int(longest * rate)
    waiting: list[Link] = []
    last: Face | None = None
    for face, cut in links:
        if cut:
            yield from waiting
            waiting, last = [], None
        if face is not None:
            yield from _filled(last, waiting, face)
            waiting, last = [], face
            yield face, cut
            continue
        waiting.append((face, cut))
        if last is None or len(waiting) > reach:
            yield from waiting
            waiting, last = [], None
    yield from waiting


def _filled(start: Face | None, gap: list[Link], end: Face) -> Iterator[Link]:
    if start is None or not gap:
        yield from gap
        return
    moved = np.linalg.norm(end.mesh[NOSE_ROOT, :2] - start.mesh[NOSE_ROOT, :2])
    if moved > 2 * start.interocular:
        yield from gap
        return
    for number, (_, cut) in enumerate(gap, start=1):
        share = number / (len(gap) + 1)
        between = replace(
            start,
            mesh=np.asarray(start.mesh + share * (end.mesh - start.mesh), np.float32),
            located_by="between",
            confidence=0.5 * min(start.confidence, end.confidence),
            time=start.time + (end.time - start.time) * number / (len(gap) + 1),
        )
        yield between, cut


def smooth(links: Iterator[Link], rate: Fraction) -> Iterator[Face | None]:
    """Steady every run of faces with centred windows that shrink towards its ends.

    The head's similarity transform and the shape within it are fitted by local parabolas
    (Savitzky and Golay, Analytical Chemistry 36, 1964), so that turning points keep their
    place and height. What differs by more than a shake is motion and stays.
    """
    head, skin = max(2, round(_HEAD * rate)), max(2, round(_SKIN * rate))
    behind: deque[_Part] = deque(maxlen=head)
    ahead: deque[Link] = deque()

    def emit() -> Face | None:
        face, cut = ahead.popleft()
        if cut or face is None:
            behind.clear()
        if face is None:
            return None
        part = _Part(face)
        after = [_Part(f) for f in _run(ahead, face)]
        steady = _steadied([*behind], part, after, head, skin)
        behind.append(part)
        return steady

    for link in links:
        ahead.append(link)
        if len(ahead) > head:
            yield emit()
    while ahead:
        yield emit()


def _run(ahead: deque[Link], face: Face) -> list[Face]:
    """Return the faces that follow without a gap, a cut or a jump."""
    run: list[Face] = []
    before = face
    for following, cut in ahead:
        if following is None or cut or _jumps(before, following):
            break
        run.append(following)
        before = following
    return run


def _jumps(a: Face, b: Face) -> bool:
    apart = float(
        np.linalg.norm(
            a.mesh[list(STEADY_ANCHORS), :2].mean(axis=0)
            - b.mesh[list(STEADY_ANCHORS), :2].mean(axis=0)
        )
    )
    return apart > 0.7 * a.interocular


class _Part:
    """A face taken apart into its head's similarity transform and the shape within."""

    def __init__(self, face: Face) -> None:
        self.face = face
        rigid = face.mesh[list(STEADY_ANCHORS), :2].astype(np.float64)
        across = complex(
            *(face.mesh[RIGHT_EYE_OUTER, :2] - face.mesh[LEFT_EYE_OUTER, :2]).astype(float)
        )
        self.head = np.array([*rigid.mean(axis=0), across.real, across.imag])
        self.shape = _within(face.mesh, self.head)


def _within(mesh: FloatArray, head: _Doubles) -> _Doubles:
    """(478, 3) in the head's own axes and unit."""
    x, y, right, down = head
    turn = np.array([[right, down], [-down, right]]) / (right**2 + down**2)
    placed: _Doubles = mesh.astype(np.float64)
    placed[:, :2] = (placed[:, :2] - [x, y]) @ turn.T
    placed[:, 2] /= np.hypot(right, down)
    return placed


def _placed(shape: _Doubles, head: _Doubles) -> FloatArray:
    """Return the inverse of ``_within``."""
    x, y, right, down = head
    turn = np.array([[right, -down], [down, right]])
    placed = np.array(shape, np.float64)
    placed[:, :2] = placed[:, :2] @ turn.T + [x, y]
    placed[:, 2] *= np.hypot(right, down)
    return placed.astype(np.float32)


@cache
def _weights(half: int) -> _Doubles:
    """Return (2 half + 1,) weights of the parabola that fits a window best, at its middle.

    The quadratic smoothing filter of Savitzky and Golay, Analytical Chemistry 36 (1964), in
    closed form (Madden, Analytical Chemistry 50, 1978).
    """
    if half < 2:
        return np.eye(2 * half + 1)[half]
    steps = np.arange(-half, half + 1.0)
    weights = 3 * (3 * half**2 + 3 * half - 1) - 15 * steps**2
    return np.asarray(weights / ((2 * half - 1) * (2 * half + 1) * (2 * half + 3)))


def _steadied(behind: list[_Part], part: _Part, ahead: list[_Part], head: int, skin: int) -> Face:
    if behind and _jumps(behind[-1].face, part.face):
        behind = []
    parts = [*behind, part, *ahead]
    here = len(behind)
    room = min(here, len(ahead))

    def centred(name: str, half: int) -> _Doubles:
        half = min(half, room)
        window = np.stack([getattr(p, name) for p in parts[here - half : here + half + 1]])
        return np.asarray(np.tensordot(_weights(half), window, axes=1))

    calm = _placed(centred("shape", skin), centred("head", head))
    shift = calm - part.face.mesh
    length = np.linalg.norm(shift[:, :2], axis=1, keepdims=True)
    noise = _SHAKE * part.face.interocular
    keep = np.exp(-((length / noise) ** 2))
    return replace(part.face, mesh=np.asarray(part.face.mesh + shift * keep, np.float32))
