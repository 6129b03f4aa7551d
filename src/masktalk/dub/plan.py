"""Plans: who speaks when, with which sound; read from .json, .csv, .srt, .vtt or .rttm."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from masktalk.errors import InputError, InputErrors, MasktalkError, OptionError
from masktalk.media.local_files import checked_file
from masktalk.speech.transcript import read_transcript

#: ``cut`` cuts longer speech and fills shorter with silence; ``stretch`` fits it to the
#: segment, within limits.
Fit: TypeAlias = Literal["cut", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)

#: A number from ``masktalk faces``, a place in pixels, or a picture of the person.
FaceReference: TypeAlias = "int | tuple[float, float] | Path"

_COLUMNS = ("start", "end", "face", "audio", "offset", "fit")
_SPEAKER = re.compile(r"(?:<v(?:\.\w+)*\s+(?P<voice>[^>]+)>|(?P<name>[^:<>]{1,40}):\s)")


@dataclass(frozen=True)
class Segment:
    """A time in which one person speaks other words.

    Attributes:
        place: Its place in the plan in words: ``line 3``.
        start: Seconds on the video's clock.
        end: Seconds on the video's clock.
        face: The person.
        audio: Recording.
        offset: Seconds into the recording at which the speech begins.
        fit: See ``Fit``.
    """

    place: str
    start: Fraction
    end: Fraction
    face: FaceReference
    audio: Path
    offset: Fraction = Fraction(0)
    fit: Fit = "cut"

    @property
    def seconds(self) -> Fraction:
        """Return the length of the segment."""
        return self.end - self.start


@dataclass(frozen=True)
class Plan:
    """The segments of a plan in order of time.

    Attributes:
        path: File that it was read from.
        segments: At least one.
    """

    path: Path
    segments: tuple[Segment, ...]


def read_plan(
    path: Path, voices: Mapping[str, Path] | None = None, faces: Mapping[str, str] | None = None
) -> Plan:
    """Return a plan.

    Args:
        path: ``.json`` (``{"segments": [{"start", "end", "face", "audio", "offset", "fit"}]}``),
            ``.csv`` with these columns, or ``.srt``, ``.vtt`` or ``.rttm``, whose speakers are
            looked up in ``voices`` and ``faces``. Relative paths start from its folder.
        voices: Recordings by speaker, on the video's clock.
        faces: Faces by speaker; one that is not named is a face by that name.

    Raises:
        InputError: It cannot be read, or has no segments.
        InputErrors: Segments of it cannot be used, one error each.
    """
    speakers = _Speakers(dict(voices or {}), dict(faces or {}))
    readers: dict[str, Callable[[Path, _Speakers], Iterator[tuple[str, dict[str, Any]]]]] = {
        ".json": _json, ".csv": _csv, ".srt": _cues, ".vtt": _cues, ".rttm": _rttm,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(path, "is no plan", f"give one of {', '.join(readers)}")
    checked_file(path)
    segments: list[Segment] = []
    problems: list[MasktalkError] = []
    for place, values in reader(path, speakers):
        try:
            segments.append(_segment(place, values, path.absolute().parent))
        except MasktalkError as error:
            problems.append(InputError(f"{path} {place}", str(error).replace("`", "")))
    if problems:
        raise InputErrors(problems)
    if not segments:
        raise InputError(path, "has no segments", "give at least one")
    return Plan(path, tuple(sorted(segments, key=lambda each: (each.start, each.end))))


@dataclass(frozen=True)
class _Speakers:
    voices: dict[str, Path]
    faces: dict[str, str]

    def values(self, name: str, start: Any, end: Any) -> dict[str, Any]:
        """Return the values of a segment of a speaker whose recording is on the video's clock."""
        values: dict[str, Any] = {"start": start, "end": end, "offset": start}
        values["face"] = self.faces.get(name, name or None)
        voice = self.voices.get(name)
        # Given on the command line, so relative to where that runs.
        values["audio"] = None if voice is None else voice.absolute()
        values["speaker"] = name
        return values


def _segment(place: str, values: dict[str, Any], base: Path) -> Segment:
    speaker = values.pop("speaker", None)
    if unknown := values.keys() - set(_COLUMNS):
        raise OptionError(min(unknown), "is no column", f"use {', '.join(_COLUMNS)}")
    if values.get("audio") in (None, ""):
        whose = f"speaker {speaker!r}" if speaker is not None else "audio"
        raise InputError(whose, "has no recording", "give one as `audio` or `voices`")
    start, end = (_seconds(name, values.get(name)) for name in ("start", "end"))
    if not 0 <= start < end:
        raise OptionError(
            f"start {float(start):g}, end {float(end):g}", "is no time", "end after the start"
        )
    fit = values.get("fit") or "cut"
    if fit not in FITS:
        raise OptionError(f"fit {fit}", "is unknown", f"use {' or '.join(FITS)}")
    offset = _seconds("offset", values.get("offset") or 0)
    audio = checked_file(base / str(values["audio"]))
    face = _face(values.get("face"), base)
    return Segment(place, start, end, face, audio, offset, fit)


def _seconds(name: str, value: Any) -> Fraction:
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise OptionError(f"{name} {value}", "is no number of seconds") from error


def _face(value: Any, base: Path) -> FaceReference:
    """Return the face that a plan names: 0, ``320,140``, or ``anna.jpg``."""
    if value in (None, ""):
        return 0
    if isinstance(value, list):
        value = ",".join(map(str, value))
    text = str(value)
    if text.isdecimal():
        return int(text)
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        path = base / text
        if not path.is_file():
            raise InputError(
                f"face {text}", "is no number, no X,Y and no picture",
                "see `masktalk faces VIDEO`",
            ) from None  # fmt: skip
        return path
    return x, y


def _json(path: Path, speakers: _Speakers) -> Iterator[tuple[str, dict[str, Any]]]:
    del speakers
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        segments = content["segments"] if isinstance(content, dict) else content
        listed = [(f"segment {number}", dict(each)) for number, each in enumerate(segments)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            path, f"is no plan ({error})", 'write {"segments": [{"start": 0, ...}]}'
        ) from error
    yield from listed


def _csv(path: Path, speakers: _Speakers) -> Iterator[tuple[str, dict[str, Any]]]:
    del speakers
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error})", "save it as UTF-8") from error
    for number, row in rows:
        if None in row:
            raise InputError(path, f"line {number} has more cells than line 1 has columns")
        yield f"line {number}", {name: text for name, text in row.items() if text}


def _cues(path: Path, speakers: _Speakers) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the cues of subtitles; a speaker is written ``ANNA: words`` or ``<v Anna>words``."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    blocks = [block for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if "-->" in block]
    for number, (cue, block) in enumerate(
        zip(read_transcript(path).cues, blocks, strict=True), start=1
    ):
        words = block.partition("-->")[2].partition("\n")[2]
        found = _SPEAKER.match(words.strip())
        name = (found["voice"] or found["name"]).strip() if found else ""
        yield (
            f"cue {number}",
            speakers.values(name, _milliseconds(cue.start), _milliseconds(cue.end)),
        )


def _milliseconds(seconds: float | None) -> Fraction:
    return Fraction(round(1000 * (seconds or 0)), 1000)


def _rttm(path: Path, speakers: _Speakers) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the SPEAKER lines of NIST's Rich Transcription Time Marked format."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        if len(fields) < 8:
            raise InputError(path, f"line {number} has {len(fields)} fields of at least 8")
        try:
            start, seconds = Fraction(fields[3]), Fraction(fields[4])
        except ValueError as error:
            raise InputError(path, f"line {number} has no times ({error})") from error
        yield f"line {number}", speakers.values(fields[7], start, start + seconds)
