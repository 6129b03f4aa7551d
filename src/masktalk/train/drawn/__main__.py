"""``python -m masktalk.train.drawn``: train the network of drawn heads and write its graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

_GRAPH = Path("src/masktalk/faces/drawn/points.onnx")


def main(
    out: Annotated[Path, typer.Argument(help="The graph to write.")] = _GRAPH,
    minutes: Annotated[float, typer.Option(help="Of training.")] = 60.0,
    start: Annotated[Path | None, typer.Option(help="A state dict to go on from.")] = None,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    seed: int = 1,
    threads: int = 1,
) -> None:
    """Train on CPU, one process drawing beside it; the state dict lies beside the graph."""
    import torch

    from masktalk.train.drawn.export import export_points
    from masktalk.train.drawn.fitting import DrawnFitOptions, fit_points

    torch.set_num_threads(threads)
    state = out.with_suffix(".pt")
    for figures in fit_points(DrawnFitOptions(state, minutes, start, rate=rate, seed=seed)):
        line = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    export_points(state, out)


if __name__ == "__main__":
    typer.run(main)
