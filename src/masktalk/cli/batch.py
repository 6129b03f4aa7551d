"""`masktalk batch`: many clips from a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report


def batch(
    manifest: Annotated[
        Path,
        typer.Argument(
            help="A .csv or .jsonl with avatar, speech, output and options, or a folder of pairs."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the results [out, beside the manifest]."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", "-j", help="Processes that render at the same time [one a core]."
        ),
    ] = None,
    shard: Annotated[
        str, typer.Option(help="Part of the batch to do: 0/4 to 3/4 are four parts.")
    ] = "0/1",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing files that no batch made.")
    ] = False,
) -> None:
    """Render every clip of MANIFEST that is not done yet."""
    from masktalk.batch import BatchOptions, Shard, run_batch

    options = BatchOptions(output, processes, Shard.parse(shard), overwrite)
    with progress_bar() as progress:
        made = run_batch(manifest, options, progress)
    counts = {name: made.counts[name] for name in ("done", "kept", "failed")}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items())
    report(
        {"output": str(made.folder), **counts, "seconds": round(made.wall_seconds, 1)},
        f"{made.folder}: {summary}, {made.wall_seconds:.0f} s; see report.html",
    )
    if counts["failed"]:
        raise typer.Exit(1)
