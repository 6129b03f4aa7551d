"""`masktalk mask`: paint a mask over a face, with the truth behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report


def mask(
    source: Annotated[Path, typer.Argument(help="An image, a video or a folder of frames.")],
    kind: Annotated[str, typer.Option(help="hood, scarf, surgical, visor, hand or microphone.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The image or video to write.")],
    seed: Annotated[int, typer.Option(help="Of cut, colour and folds.", min=0)] = 0,
    face: Annotated[
        str,
        typer.Option(help="Which of several faces: largest, left, right, a number, or X,Y."),
    ] = "largest",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Paint a mask over the face in SOURCE; its matte and the landmarks behind it go beside OUT."""
    from masktalk.faces import LocateOptions
    from masktalk.faces.options import parse_face
    from masktalk.mask_painter import MaskStyle
    from masktalk.mask_painter.files import mask_file

    style = MaskStyle(kind, seed)  # type: ignore[arg-type]
    locate = LocateOptions(face=parse_face(face))
    with progress_bar() as progress:
        made = mask_file(source, output, style, locate, overwrite, progress)
    report(
        {
            "output": str(made.path),
            "matte": str(made.matte),
            "truth": str(made.truth),
            "frames": made.frames,
        },
        f"{made.path}: {made.frames} frames; {made.matte}, {made.truth}",
    )
