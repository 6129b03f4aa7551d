"""Process isolation: a crash of a native decoder ends in one line and never in a signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGINT")


def run_isolated(command: Callable[[], None]) -> None:
    """Run a command in a child process and exit as it does; a fatal signal becomes a line.

    FFmpeg and the image libraries can be crashed by files that nobody has tested, and a
    crash takes its process along. The parent loads nothing, so it costs a few milliseconds.

    Args:
        command: The work; its exit code is the parent's. Without ``fork`` it runs here.
    """
    if not hasattr(os, "fork"):
        command()
        return
    alive, held = os.pipe()
    child = os.fork()
    if not child:
        os.close(held)
        threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
        if "--debug" not in sys.argv:
            sys.excepthook = _report_fault
        command()
        return
    os.close(alive)
    for name in _FORWARDED:
        signal.signal(getattr(signal, name), lambda number, _: _send(child, number))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        _clean_up(sys.argv[1:])
        sys.stderr.write(f"masktalk: {_crash_line(os.WTERMSIG(status), sys.argv[1:])}\n")
        sys.exit(2)
    sys.exit(os.WEXITSTATUS(status))


def _report_fault(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Write an unforeseen exception as one line."""
    what = " ".join(f"{kind.__name__}: {error}".split())
    sys.stderr.write(f"masktalk: internal error ({what}); --debug shows where, please report it\n")


def _send(child: int, number: int) -> None:
    try:
        os.kill(child, number)
    except ProcessLookupError:
        return


def _end_with_parent(alive: int) -> None:
    """Wait for the end of a pipe that only the parent holds open, then terminate."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _crash_line(number: int, arguments: list[str]) -> str:
    files = [word for word in arguments if os.path.isfile(word)]
    subject = ", ".join(files) or "masktalk"
    if number == signal.SIGKILL:
        return f"{subject}: the process was killed, likely for its memory; give smaller input"
    name = signal.Signals(number).name
    return f"{subject}: reading or rendering it crashed ({name}); convert it and try again"


def _clean_up(arguments: list[str]) -> None:
    """Remove what the child had begun to write."""
    from masktalk.media.output import remove_parts

    for flag, value in pairwise(arguments):
        if flag in ("-o", "--output"):
            remove_parts(Path(value))
