"""`masktalk batch`: many clips from a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import RecordFlags


def batch(
    manifest: Annotated[
        Path,
        typer.Argument(
            help="A .csv or .jsonl with avatar, speech, output and options, or a folder of pairs."
        ),
    ],
    options: RecordFlags,
) -> None:
    """Render every clip of MANIFEST that is not done yet."""
    from masktalk.batch import run_batch

    with progress_bar() as progress:
        made = run_batch(manifest, options.options(), progress)
    counts = {name: made.counts[name] for name in ("done", "kept", "failed")}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items())
    report(
        {"output": str(made.folder), **counts, "seconds": round(made.wall_seconds, 1)},
        f"{made.folder}: {summary}, {made.wall_seconds:.0f} s; see report.html",
    )
    if counts["failed"]:
        raise typer.Exit(1)
