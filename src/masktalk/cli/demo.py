"""`masktalk demo`: see it work without any material of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path(
        "masktalk-demo"
    ),
) -> None:
    """Make a drawn ninja, a cartoon and a portrait speak."""
    from masktalk.demo.show import show

    with progress_bar() as progress:
        for made in show(output, progress):
            report({"output": str(made.path), "frames": made.frames}, f"{made.path}")
