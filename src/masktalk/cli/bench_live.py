"""`masktalk bench-live`: how live a session is on this machine."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer


def bench_live(
    trials: Annotated[int, typer.Option(help="Utterances and interruptions.", min=1)] = 30,
    sessions: Annotated[int, typer.Option(help="Sessions beside one another.", min=1)] = 4,
    seconds: Annotated[float, typer.Option(help="For so long.", min=1)] = 120.0,
) -> None:
    """Measure onset, interruption and several sessions at once, as JSON."""
    from masktalk.evaluate.bench.live_latency import measure_live

    figures = measure_live(trials, sessions, seconds)
    sys.stdout.write(json.dumps(figures.as_dict(), indent=2) + "\n")
