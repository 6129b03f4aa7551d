"""`masktalk bench`: speed as ratios within one run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar


def bench(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the table as Markdown.")
    ] = None,
    seconds: Annotated[int, typer.Option(help="Speech to render.", min=2)] = 8,
    memory_seconds: Annotated[
        int, typer.Option(help="Also compare the memory of so much speech with that of 10 s.")
    ] = 0,
) -> None:
    """Measure rendering against merely decoding and encoding, on this machine, in this run."""
    from masktalk.evaluate.bench.render_speed import measure

    with progress_bar() as progress:
        result = measure(seconds, memory_seconds, progress)
    if output is not None:
        output.write_text(result.markdown(), encoding="utf-8")
    if sys.stdout.isatty():
        sys.stdout.write(result.markdown())
    else:
        sys.stdout.write(json.dumps(result.as_dict()) + "\n")


def bench_live(
    trials: Annotated[int, typer.Option(help="Utterances and interruptions.", min=1)] = 30,
    sessions: Annotated[int, typer.Option(help="Sessions beside one another.", min=1)] = 4,
    seconds: Annotated[float, typer.Option(help="For so long.", min=1)] = 120.0,
) -> None:
    """Measure onset, interruption and several sessions at once, as JSON."""
    from masktalk.evaluate.bench.live_latency import measure_live

    figures = measure_live(trials, sessions, seconds)
    sys.stdout.write(json.dumps(figures.as_dict(), indent=2) + "\n")
