"""The people of a video: each followed within shots by place, and across cuts by appearance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import cv2
import numpy as np

from masktalk.dub.appearance import aligned_head, describe, similarity
from masktalk.faces import Finder
from masktalk.media import Source
from masktalk.types import Face, FloatArray, Frame, Progress, UInt8Array, no_progress

#: Searches for all faces in a second of video.
_SEARCHES_PER_S = 5
#: Intersection over union from which a face is that of the search before.
_MIN_OVERLAP = 0.2
#: Searches that may miss a person who stays in the same place.
_MAX_MISSES = 5
#: Similarity from which two people of two shots are one.
_MIN_SIMILARITY = 0.75
#: The same for a picture from elsewhere, of which the most alike person is taken.
_MIN_PICTURE_SIMILARITY = 0.6
#: Across a cut two thumbnails differ by so many grey levels, and by so many times what frames
#: before it differed. A cut too many only costs a comparison of appearances.
_CUT_LEVELS = 10.0
_CUT_RATIO = 4.0
_THUMBNAIL_SIDE = 32
#: Shortest time that a person must be seen.
_MIN_SEARCHES = 2
_REMEMBERED_LOOKS = 12


@dataclass(frozen=True)
class Sight:
    """A person in one frame that was searched.

    Attributes:
        frame: Index of the frame.
        box: x0, y0, x1, y1 of the face in pixels.
    """

    frame: int
    box: tuple[float, float, float, float]

    @property
    def centre(self) -> tuple[float, float]:
        """Return the middle of the face in pixels."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass
class Person:
    """A person of a video.

    Attributes:
        number: From 0, by the time in the picture: the one seen longest first.
        sights: In order of time.
        looks: (D,) descriptions of some sights.
        thumbnail: (96, 96, 3) uint8 head where it is largest.
    """

    number: int
    sights: list[Sight]
    looks: list[FloatArray] = field(repr=False)
    thumbnail: UInt8Array = field(repr=False)

    def near(self, begin: int, end: int) -> list[Sight]:
        """Return the sights in frames ``begin`` to ``end``, the end excluded."""
        return [sight for sight in self.sights if begin <= sight.frame < end]


@dataclass(frozen=True)
class People:
    """The people of a video and its shots.

    Attributes:
        people: In order of their numbers.
        shots: Indices of the frames at which shots begin; the first is 0.
        step: Frames from one search to the next.
    """

    people: tuple[Person, ...]
    shots: tuple[int, ...]
    step: int


def find_people(source: Source, progress: Progress = no_progress) -> People:
    """Find everybody in a video.

    Args:
        source: Video.
        progress: Progress callback.
    """
    rate = source.rate or Fraction(1)
    step = max(1, round(rate / _SEARCHES_PER_S))
    finished: list[Person] = []
    current: list[Person] = []
    shots = [0]
    with Finder() as finder:
        for index, (frame, is_cut) in enumerate(_with_cuts(source.frames())):
            if is_cut:
                shots.append(index)
                finished += current
                current = []
            if (index - shots[-1]) % step == 0:
                stale = [p for p in current if index - p.sights[-1].frame > _MAX_MISSES * step]
                finished += stale
                current = [person for person in current if person not in stale]
                _extend(current, index, frame, finder.locate_all(frame))
            progress("searching", index + 1, source.frame_count)
    tracks = [track for track in finished + current if len(track.sights) >= _MIN_SEARCHES]
    return People(tuple(_merged(tracks)), tuple(shots), step)


def matching_person(people: People, frame: Frame) -> Person | None:
    """Return the person of a picture; None if nobody looks alike."""
    with Finder() as finder:
        face = finder.locate(frame)
    if face is None or not people.people:
        return None
    look = describe(aligned_head(frame.pixels, face))
    best = max(people.people, key=lambda person: _likeness(person, [look]))
    return best if _likeness(best, [look]) >= _MIN_PICTURE_SIMILARITY else None


def _with_cuts(frames: Iterator[Frame]) -> Iterator[tuple[Frame, bool]]:
    before: UInt8Array | None = None
    usual = 0.0
    for frame in frames:
        small = cv2.resize(
            frame.pixels[..., :3], (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA
        )
        thumbnail = np.asarray(small, np.uint8)
        change = 0.0 if before is None else float(cv2.absdiff(before, thumbnail).mean())
        is_cut = change > max(_CUT_LEVELS, _CUT_RATIO * usual)
        usual = usual if is_cut else 0.8 * usual + 0.2 * change
        before = thumbnail
        yield frame, is_cut


def _extend(current: list[Person], index: int, frame: Frame, faces: list[Face]) -> None:
    """Add faces to the people who were in the same places; the others are new."""
    free = list(current)
    for face in sorted(faces, key=lambda each: -each.interocular):
        head = aligned_head(frame.pixels, face)
        sight, look = Sight(index, face.box), describe(head)
        best = max(free, key=lambda p: _overlap(p.sights[-1].box, face.box), default=None)
        if best is None or _overlap(best.sights[-1].box, face.box) < _MIN_OVERLAP:
            current.append(Person(-1, [sight], [look], head))
            continue
        free.remove(best)
        if _width(sight) > max(map(_width, best.sights)):
            best.thumbnail = head
        best.sights.append(sight)
        if len(best.looks) < _REMEMBERED_LOOKS:
            best.looks.append(look)


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> float:
    """Return the intersection over union of two boxes x0, y0, x1, y1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(areas - shared, 1e-9)


def _width(sight: Sight) -> float:
    return sight.box[2] - sight.box[0]


def _merged(tracks: list[Person]) -> list[Person]:
    """Join tracks that look alike and are never seen together, the most alike first."""
    people = [Person(-1, list(t.sights), list(t.looks), t.thumbnail) for t in tracks]
    while True:
        pairs = [
            (_likeness(one, other.looks), one, other)
            for number, one in enumerate(people)
            for other in people[number + 1 :]
            if not _together(one, other)
        ]
        best = max(pairs, key=lambda pair: pair[0], default=None)
        if best is None or best[0] < _MIN_SIMILARITY:
            break
        _, one, other = best
        one.sights = sorted(one.sights + other.sights, key=lambda sight: sight.frame)
        one.looks = (one.looks + other.looks)[: 4 * _REMEMBERED_LOOKS]
        people.remove(other)
    people.sort(key=lambda person: (-len(person.sights), person.sights[0].frame))
    for number, person in enumerate(people):
        person.number = number
    return people


def _together(one: Person, other: Person) -> bool:
    frames = {sight.frame for sight in one.sights}
    return any(sight.frame in frames for sight in other.sights)


def _likeness(person: Person, looks: list[FloatArray]) -> float:
    """Return the median of each look's best similarity to those of a person, (D,) each."""
    best = [max(similarity(look, known) for known in person.looks) for look in looks]
    return float(np.median(best))
