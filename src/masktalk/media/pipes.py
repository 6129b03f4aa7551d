"""Pipes and standard input as files: what can be read once only is copied first."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from masktalk.errors import MediaError

#: Seconds without a writer, or without a byte from it, after which a pipe is given up.
_NO_WRITER_S, _SILENT_S = 5.0, 60.0

_POLL_S = 0.05
_BLOCK_BYTES = 1 << 16
_MAX_BYTES = 16 << 30

_STDIN_NAMES = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is standard input, a FIFO or a socket, which can be read once only."""
    text = os.fspath(path)
    if text == "-":
        return not os.path.exists(text)
    try:
        mode = os.fstat(0).st_mode if text in _STDIN_NAMES else os.stat(text).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def copy_pipe(path: str | os.PathLike[str], target: Path) -> None:
    """Copy what a pipe gives, to its end, into a file.

    Args:
        path: ``-`` or another name of standard input, or a FIFO.
        target: File to write.

    Raises:
        MediaError: Standard input is a terminal or closed; nobody writes to the pipe, it
            gives no data for a minute, or more than 16 GiB.
    """
    subject = "standard input" if os.fspath(path) in _STDIN_NAMES else os.fspath(path)
    copied = 0
    with target.open("wb") as file:
        for block in _blocks(os.fspath(path), subject):
            copied += len(block)
            if copied > _MAX_BYTES:
                raise MediaError(subject, "gives more than 16 GiB", "give a file")
            file.write(block)
    if not copied:
        raise MediaError(subject, "is empty (0 bytes)", "give a file that has something in it")


def _blocks(path: str, subject: str) -> Iterator[bytes]:
    stdin = path in _STDIN_NAMES
    try:
        if stdin and os.isatty(0):
            raise MediaError(subject, "is a terminal", "give a file, or pipe one into it")
        handle = os.dup(0) if stdin else os.open(path, os.O_RDONLY | _NONBLOCK)
    except OSError as error:
        raise MediaError(subject, f"cannot be read: {error.strerror}", "give a file") from error
    try:
        yield from _read_all(handle, subject, stdin)
    except OSError as error:
        raise MediaError(subject, f"cannot be read: {error.strerror}", "give a file") from error
    finally:
        os.close(handle)


def _read_all(handle: int, subject: str, stdin: bool) -> Iterator[bytes]:
    begun = heard = time.monotonic()
    # Standard input has its writer from the start; a FIFO without one reads as ended.
    written = stdin
    while True:
        if stdin and not _ready(handle):
            if time.monotonic() - heard > _SILENT_S:
                raise _silent(subject)
            continue
        try:
            block = os.read(handle, _BLOCK_BYTES)
        except BlockingIOError:
            written = True
            if time.monotonic() - heard > _SILENT_S:
                raise _silent(subject) from None
            _ready(handle)
            continue
        if block:
            written, heard = True, time.monotonic()
            yield block
        elif written:
            return
        elif time.monotonic() - begun > _NO_WRITER_S:
            raise MediaError(subject, "is a pipe that nobody writes to", "give a file")
        else:
            time.sleep(_POLL_S)


def _silent(subject: str) -> MediaError:
    return MediaError(subject, f"gave no data for {_SILENT_S:.0f} s", "give a file")


if sys.platform == "win32":
    _NONBLOCK = 0

    def _ready(handle: int) -> bool:
        """Windows cannot wait for a pipe; reading it blocks."""
        return True

else:
    _NONBLOCK = os.O_NONBLOCK

    def _ready(handle: int) -> bool:
        """Wait a while for data or the end of a pipe."""
        return bool(select.select([handle], [], [], 1.0)[0])
