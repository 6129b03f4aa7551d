"""`masktalk sheet`: an avatar's mouths at one look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import RecordFlags
from masktalk.errors import OutputError


def sheet(
    avatar: Annotated[
        Path, typer.Argument(help="A picture, video, folder of frames, or prepared avatar.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .png to write.")],
    look: RecordFlags,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Write one picture of AVATAR's mouths: rest, open, wide, round, spread, pressed."""
    import cv2

    from masktalk.evaluate.mouth_sheet import mouth_sheet
    from masktalk.media import check_output, write_atomic
    from masktalk.preparation import prepare

    if output.suffix.lower() != ".png":
        raise OutputError(output, "is not a .png", "give a name that ends in .png")
    check_output(output, overwrite)
    with (
        progress_bar() as progress,
        prepare(avatar, options=look.options(), progress=progress) as opened,
    ):
        picture = mouth_sheet(opened)
    _, packed = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_atomic(output, packed.tobytes(), overwrite=overwrite)
    report({"output": str(output)}, str(output))
