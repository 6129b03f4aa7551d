"""Transcripts, read from .txt, .srt, .vtt or Praat .TextGrid."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from masktalk.errors import InputError

#: Endings of transcripts, the most exact first.
SUFFIXES = (".TextGrid", ".textgrid", ".srt", ".vtt", ".txt")
_STAMP = r"(?:(\d+):)?(\d+):(\d+)[.,](\d+)"
_TIMES = re.compile(rf"{_STAMP}\s*-->\s*{_STAMP}")
_MARKUP = re.compile(r"<[^>]*>|\{[^}]*\}|\[[^\]]*\]")
_PHONE_TIERS = ("phones", "phone", "mau", "phonemes", "segments")
_WORD_TIERS = ("words", "word", "ort-mau", "ort")


@dataclass(frozen=True)
class Cue:
    """A stretch of speech and what is said in it.

    Attributes:
        text: Words, or one phoneme when the transcript gives phonemes.
        start: Seconds, or None when not known.
        end: Seconds, or None.
    """

    text: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Transcript:
    """The text of speech, with times where they are known.

    Attributes:
        cues: In order.
        phonemes: Whether every cue is one phoneme with its exact times.
    """

    cues: tuple[Cue, ...]
    phonemes: bool = False


def transcript_beside(speech: str | os.PathLike[str]) -> Path | None:
    """Return the transcript with the speech's own name, if there is one; never a bare .txt."""
    for suffix in SUFFIXES[:-1]:
        path = Path(speech).with_suffix(suffix)
        if path.is_file():
            return path
    return None


def read_transcript(path: str | os.PathLike[str]) -> Transcript:
    """Return a transcript, by its ending.

    Raises:
        InputError: It cannot be read, or nothing is said in it.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror})") from error
    text = _decoded(data)
    if file.suffix.lower() == ".textgrid":
        transcript = _textgrid(text)
    elif file.suffix.lower() in (".srt", ".vtt"):
        transcript = Transcript(_subtitles(text))
    else:
        transcript = Transcript((Cue(text.strip()),) if text.strip() else ())
    if not transcript.cues:
        raise InputError(file, "nothing is said in it", "give .txt, .srt, .vtt or .TextGrid")
    return transcript


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _subtitles(text: str) -> tuple[Cue, ...]:
    cues = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.splitlines()
        for index, line in enumerate(lines):
            found = _TIMES.search(line)
            if found:
                said = " ".join(_MARKUP.sub(" ", " ".join(lines[index + 1 :])).split())
                start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
                if said:
                    cues.append(Cue(said, start, end))
                break
    return tuple(cues)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, rest = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{rest}")


def _textgrid(text: str) -> Transcript:
    """Long and short form: the quoted strings and numbers come in the same order in both."""
    tokens = re.findall(r'"((?:[^"]|"")*)"|(?<![\w\[])(-?\d+(?:\.\d+)?)(?![\w\]])', text)
    items = [quoted if not number else float(number) for quoted, number in tokens]
    tiers: dict[str, list[Cue]] = {}
    index = 0
    while index < len(items):
        if items[index] == "IntervalTier":
            index = _tier(items, index + 1, tiers)
        else:
            index += 1
    for names, phonemes in ((_PHONE_TIERS, True), (_WORD_TIERS, False)):
        for name in names:
            if tiers.get(name):
                return Transcript(tuple(tiers[name]), phonemes)
    fullest = max(tiers.values(), key=len, default=[])
    return Transcript(tuple(fullest))


def _tier(items: list[str | float], index: int, tiers: dict[str, list[Cue]]) -> int:
    """Read one tier that begins with its name at ``index``; return where it ends."""
    name, size = str(items[index]).lower(), items[index + 3]
    index += 4
    cues = []
    for _ in range(int(size)):
        start, end, said = items[index : index + 3]
        index += 3
        if str(said).strip():
            cues.append(Cue(str(said).strip(), float(start), float(end)))
    tiers[name] = cues
    return index
