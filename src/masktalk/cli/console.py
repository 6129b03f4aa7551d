"""Console output: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from masktalk.types import Progress

_QUIET_SECONDS = 1.0


def report(result: dict[str, Any], text: str) -> None:
    """Print a result: a sentence to a terminal, one line of JSON to anything else."""
    line = text if sys.stdout.isatty() else json.dumps(result)
    sys.stdout.write(line + "\n")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar with time left, from the second second on, and only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    begun = time.monotonic()
    tasks: dict[str, Any] = {}

    def show(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)
        if time.monotonic() - begun > _QUIET_SECONDS:
            bar.start()

    try:
        yield show
    finally:
        bar.stop()
