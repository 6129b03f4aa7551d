"""Casting: which person of the video each segment of a plan makes speak, and where they are."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from masktalk.dub.people import People, Person, Sight, matching_person
from masktalk.dub.plan import Plan, Segment
from masktalk.errors import InputError, InputErrors, MasktalkError, NoFaceError
from masktalk.media import Source, audio_duration, open_source

#: Lengths of stretched speech, as shares of its own, within which it still sounds natural.
STRETCH_LIMITS = (Fraction(4, 5), Fraction(5, 4))


@dataclass(frozen=True)
class Take:
    """A stretch of one shot in which a person of a segment is seen.

    Attributes:
        begin: Index of its first frame.
        end: Index after its last frame.
        place: (x, y) of the face in the take's first sight, in pixels.
    """

    begin: int
    end: int
    place: tuple[float, float]


@dataclass(frozen=True)
class Role:
    """A segment with its person and frames.

    Attributes:
        segment: The segment.
        person: Who speaks.
        begin: Index of the first frame.
        end: Index after the last frame.
        takes: Where the person is seen, in order of time.
        speech_seconds: Seconds of speech that the recording has for it.
    """

    segment: Segment
    person: Person
    begin: int
    end: int
    takes: tuple[Take, ...]
    speech_seconds: Fraction

    @property
    def tempo(self) -> Fraction:
        """Return the factor by which the speech is played faster."""
        if self.segment.fit == "cut":
            return Fraction(1)
        return self.speech_seconds / self.segment.seconds


def cast(plan: Plan, source: Source, people: People) -> list[Role]:
    """Return a role for each segment of a plan.

    Raises:
        InputErrors: One error for each segment that cannot be dubbed: its end lies beyond the
            video, its face is unknown or not seen in it, its recording is too short or does
            not fit, or it overlaps another of the same person.
    """
    assert source.rate is not None
    problems: list[MasktalkError] = []
    roles: list[Role] = []
    pictures: dict[Path, Person | None] = {}
    lengths: dict[Path, Fraction] = {}
    last: dict[int, Role] = {}
    for segment in plan.segments:
        try:
            if segment.audio not in lengths:
                lengths[segment.audio] = audio_duration(segment.audio)
            frames = _frames_of(segment, source)
            person = _person_of(segment, people, frames, pictures)
            role = _role(segment, person, people, frames, lengths[segment.audio])
            before = last.get(person.number)
            if before is not None and before.end > role.begin:
                raise InputError(
                    f"face {person.number}", f"speaks in {before.segment.place} at this time too",
                    "let them end before the other begins",
                )  # fmt: skip
            last[person.number] = role
            roles.append(role)
        except MasktalkError as error:
            problems.append(InputError(f"{plan.path} {segment.place}", str(error)))
    if problems:
        raise InputErrors(problems)
    return roles


def _frames_of(segment: Segment, source: Source) -> tuple[int, int]:
    assert source.rate is not None
    begin, end = (round(time * source.rate) for time in (segment.start, segment.end))
    if end > source.frame_count:
        seconds = float(source.frame_count / source.rate)
        raise InputError(f"end {float(segment.end):g}", f"lies beyond the video's {seconds:.2f} s")
    if begin == end:
        raise InputError(f"start {float(segment.start):g}", "the segment holds no frame")
    return begin, end


def _person_of(
    segment: Segment,
    people: People,
    frames: tuple[int, int],
    pictures: dict[Path, Person | None],
) -> Person:
    face = segment.face
    if isinstance(face, int):
        if face >= len(people.people):
            raise InputError(
                f"face {face}", f"is unknown: the video shows {len(people.people)}",
                "see `masktalk faces VIDEO`",
            )  # fmt: skip
        return people.people[face]
    if isinstance(face, Path):
        if face not in pictures:
            pictures[face] = matching_person(people, next(iter(open_source(face).frames())))
        found = pictures[face]
        if found is None:
            raise NoFaceError(face, "looks like nobody in the video", "see `masktalk faces VIDEO`")
        return found
    near = [
        (abs(sight.frame - frames[0]), _distance(sight, face), person)
        for person in people.people
        for sight in person.near(frames[0] - people.step, frames[1])
        if _contains(sight, face)
    ]
    if not near:
        raise NoFaceError(f"face {face[0]:g},{face[1]:g}", "nobody is there in this segment")
    return min(near, key=lambda each: each[:2])[2]


def _role(
    segment: Segment,
    person: Person,
    people: People,
    frames: tuple[int, int],
    recorded: Fraction,
) -> Role:
    takes = tuple(_takes(person, people, *frames))
    if not takes:
        raise NoFaceError(f"face {person.number}", "is not seen in this segment")
    available = recorded - segment.offset
    if available <= 0:
        raise InputError(segment.audio, f"has only {float(recorded):.2f} s", "check the offset")
    role = Role(segment, person, *frames, takes, available)
    shortest, longest = STRETCH_LIMITS
    if segment.fit == "stretch" and not shortest <= 1 / role.tempo <= longest:
        raise InputError(
            segment.audio,
            f"its {float(available):.2f} s do not stretch to {float(segment.seconds):.2f} s",
            f"they may become {float(shortest):g} to {float(longest):g} times as long; use cut",
        )
    return role


def _takes(person: Person, people: People, begin: int, end: int) -> list[Take]:
    """Return the stretches of shots in ``begin`` to ``end`` that show a person."""
    takes = []
    cuts = [cut for cut in people.shots if begin < cut < end]
    for first, after in zip([begin, *cuts], [*cuts, end], strict=True):
        shot = people.shots[bisect_right(people.shots, first) - 1]
        # A short stretch may lie between two searches of its shot.
        sights = person.near(max(shot, first - people.step), after)
        if not sights:
            continue
        nearest = min(sights, key=lambda sight: abs(sight.frame - first))
        takes.append(Take(first, after, nearest.centre))
    return takes


def _distance(sight: Sight, place: tuple[float, float]) -> float:
    x, y = sight.centre
    return abs(x - place[0]) + abs(y - place[1])


def _contains(sight: Sight, place: tuple[float, float]) -> bool:
    """Tell if a place lies on a face, with half its size around it."""
    x0, y0, x1, y1 = sight.box
    x, y = sight.centre
    return abs(x - place[0]) <= x1 - x0 and abs(y - place[1]) <= y1 - y0
