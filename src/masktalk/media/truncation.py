"""Telling a file that was cut short from a whole one, where its format lets one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from masktalk.errors import MediaError

#: Formats whose header says how long the recording is, by FFmpeg's names.
_DECLARING = frozenset({"aiff", "au", "flac", "avi", "flv"})

#: Headers round, and some count a last frame that is not there.
_TOLERANCE = Fraction(1, 2)

_MICROSECOND = Fraction(1, 1_000_000)

#: Sizes that programs write when they stream and do not know the size yet.
_UNKNOWN_SIZES = range(0x7FFF0000, 1 << 32)

#: Placeholders are round numbers, or many times of what is there.
_ROUND = 1_000_000
_MOST = 20

_EBML_ID, _SEGMENT_ID = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def check_file_size(path: Path, container: Any) -> None:
    """Compare what a file's own index asks for with the bytes that are there.

    Raises:
        MediaError: The file was cut short.
    """
    names = container.format.name.split(",")
    size = path.stat().st_size
    if "mov" in names:
        ends = [_index_end(stream) for stream in container.streams]
        needed = max(ends, default=0)
    elif "wav" in names:
        needed = _wav_end(path)
    elif "avi" in names:
        needed = _riff_end(path)
    elif "matroska" in names:
        needed = _segment_end(path)
    else:
        return
    if needed > size:
        raise truncated(path, f"{size} of at least {needed} bytes are there")


def check_duration(path: Path, container: Any, reached: Fraction) -> None:
    """Compare how long a file says it is with where its streams end.

    Args:
        path: For the message.
        container: Opened.
        reached: Seconds at which the last packet of any stream ends.

    Raises:
        MediaError: The file was cut short.
    """
    names = set(container.format.name.split(","))
    declares = names & _DECLARING or ("mp3" in names and _has_mp3_header(path))
    if not declares or not container.duration:
        return
    begin = (container.start_time or 0) * _MICROSECOND
    declared = container.duration * _MICROSECOND
    if max(reached - begin, reached) < declared - _TOLERANCE:
        there, whole = float(reached - begin), float(declared)
        raise truncated(path, f"{there:.1f} of {whole:.1f} seconds are there")


def truncated(path: Path, detail: str) -> MediaError:
    """Return the error for a file that ends too early."""
    return MediaError(path, f"was cut short ({detail})", "copy or export it again")


def _index_end(stream: Any) -> int:
    entries = stream.index_entries
    if not len(entries):
        return 0
    last = entries[len(entries) - 1]
    return int(last.pos + last.size)


def _riff_end(path: Path) -> int:
    """Return the declared end of a file's first RIFF chunk in bytes; 0 if it has none."""
    with path.open("rb") as file:
        header = file.read(8)
    size = int.from_bytes(header[4:], "little")
    return 0 if header[:4] != b"RIFF" or size in _UNKNOWN_SIZES else size + len(header)


def _wav_end(path: Path) -> int:
    """Return the end of a RIFF file's samples in bytes; 0 if its lengths are not to be believed.

    Both lengths of a file that was cut agree with one another; those of a stream are
    placeholders, and programs forget to update one of them or count some bytes amiss.
    """
    there = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return 0
        whole = int.from_bytes(file.read(4), "little") + 8
        file.seek(12)
        per_second = 0
        while len(header := file.read(8)) == 8:
            size = int.from_bytes(header[4:], "little")
            if header[:4] == b"fmt ":
                per_second = int.from_bytes(file.read(size + size % 2)[8:12], "little")
                continue
            if header[:4] == b"data":
                return _believed(file.tell(), size, whole, there, per_second)
            file.seek(size + size % 2, 1)
    return 0


def _believed(begin: int, size: int, whole: int, there: int, per_second: int) -> int:
    end = begin + size
    placeholder = size in _UNKNOWN_SIZES or size % _ROUND == 0 or size > _MOST * (there - begin)
    agrees = whole > there and abs(whole - end) <= max(per_second, 1)
    if placeholder or not agrees or end - there <= per_second * _TOLERANCE:
        return 0
    return end


def _segment_end(path: Path) -> int:
    """Return the end of a Matroska file's segment in bytes (RFC 9559); 0 if it is unknown."""
    with path.open("rb") as file:
        if file.read(4) != _EBML_ID:
            return 0
        length = _ebml_size(file)
        if length is None:
            return 0
        file.seek(length, 1)
        if file.read(4) != _SEGMENT_ID:
            return 0
        length = _ebml_size(file)
        return 0 if length is None else file.tell() + length


def _ebml_size(file: BinaryIO) -> int | None:
    """Read a variable-length EBML size; None for one that says it is unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> width)]) + file.read(width - 1), "big")
    return None if value == (1 << 7 * width) - 1 else value


def _has_mp3_header(path: Path) -> bool:
    """Return whether a file begins with a Xing or VBRI header."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return any(tag in head for tag in (b"Xing", b"Info", b"VBRI"))
