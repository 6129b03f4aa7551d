"""Opening local files and nothing else: no protocol, playlist or pattern is ever followed."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from masktalk.errors import MediaError
from masktalk.media.truncation import check_file_size

#: Demuxers that read other files than the one they are given.
_INDIRECT = frozenset(
    {"hls", "dash", "concat", "concatf", "image2", "imf", "sdp", "rtp", "rtsp", "tty", "lavfi"}
)

#: Bytes at the beginning of a file by which its format is told.
_HEAD_BYTES = 4096

#: Formats that hold no pixels or samples, by their first bytes.
_OTHER_FORMATS = (
    (b"%PDF-", "a PDF document", "export its picture as PNG"),
    (b"%!PS", "a PostScript drawing", "export it as PNG"),
    (b"MThd", "a MIDI file, which holds notes and no sound", "export it as WAV"),
    (b"PK\x03\x04", "an archive or office document", "extract its picture, video or sound"),
    (b"Rar!", "an archive", "extract its picture, video or sound"),
    (b"7z\xbc\xaf\x27\x1c", "an archive", "extract its picture, video or sound"),
    (b"<!doctype html", "a web page", "download the file that it shows"),
    (b"<!DOCTYPE html", "a web page", "download the file that it shows"),
    (b"<html", "a web page", "download the file that it shows"),
    (b"#EXTM3U", "a playlist", "give the file that it names"),
)


def checked_file(path: str | os.PathLike[str]) -> Path:
    """Return the path, if it is a readable file that is not empty.

    Raises:
        MediaError: It is missing, a folder, not readable or empty.
    """
    file = Path(path)
    _refuse_streams(file)
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
        if not head:
            raise MediaError(file, "is empty (0 bytes)", "give a file that has something in it")
        _refuse_other_formats(file, head)
    except FileNotFoundError:
        raise MediaError(file, "does not exist", "check the name") from None
    except IsADirectoryError:
        raise MediaError(file, "is a folder", "give a file") from None
    except PermissionError:
        raise MediaError(file, "may not be read", "change its permissions") from None
    except (OSError, ValueError) as error:
        raise MediaError(file, f"cannot be read: {error}", "check the name") from error
    return file


def _refuse_streams(file: Path) -> None:
    """Refuse what is no regular file before opening it waits for ever."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(file)) and not file.exists():
        raise MediaError(file, "is a URL", "download it first and give the file")
    if str(file) == "-" and not file.exists():
        raise MediaError(file, "is standard input", "write it to a file first and give that")
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise MediaError(file, "is a pipe or device", "write it to a file first and give that")


def _refuse_other_formats(file: Path, head: bytes) -> None:
    """Name formats that are no pixels or samples, or of which only a thumbnail can be read."""
    if head[8:10] == b"CR" or head.startswith(b"FUJIFILMCCD-RAW") or head[4:12] == b"ftypcrx ":
        raise raw_photo(file)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        raise MediaError(file, "is an SVG drawing", "export it as PNG")
    for begin, name, remedy in _OTHER_FORMATS:
        if head.startswith(begin):
            raise MediaError(file, f"is {name}", remedy)


def raw_photo(path: Path) -> MediaError:
    """Return the error for a raw photo, of which only a thumbnail could be read."""
    return MediaError(path, "is a camera's raw photo", "develop it and save it as JPEG or PNG")


_REMEDY = "check that it plays in a player, or convert it first"


@contextmanager
def open_input(path: Path) -> Iterator[Any]:
    """Return a PyAV input container on a local file.

    Errors of FFmpeg inside the block become a MediaError that names the file.
    """
    checked_file(path)
    try:
        with _demuxer(path) as container:
            if _INDIRECT & set(container.format.name.split(",")):
                raise MediaError(path, "is no video or sound that can be read", _REMEDY)
            check_file_size(path, container)
            yield container
    except av.FFmpegError as error:
        raise unreadable(path, error) from error


class _Nameless:
    """A file whose name FFmpeg cannot read a protocol, a pattern or a format into."""

    name = "input"

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def read(self, size: int) -> bytes:
        return os.read(self._handle, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._handle, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._handle, 0, os.SEEK_CUR)

    def __del__(self) -> None:
        # Readers of frames are kept for long and dropped without ceremony.
        if hasattr(self, "_handle"):
            os.close(self._handle)


def _demuxer(path: Path) -> Any:
    # No protocol may be opened: what a playlist inside the file points at stays closed.
    closed = {"protocol_whitelist": "none"}
    return av.open(_Nameless(path), "r", container_options=closed, buffer_size=1 << 17)


def unreadable(path: Path, error: av.FFmpegError) -> MediaError:
    """Return FFmpeg's message about a file as one line."""
    if error.errno in (errno.ENOMEM, errno.EIO):
        return MediaError(path, f"cannot be read: {error.strerror}", "try again")
    return MediaError(
        path,
        f"is damaged, or no video or sound that can be read ({error.strerror})",
        _REMEDY,
    )
