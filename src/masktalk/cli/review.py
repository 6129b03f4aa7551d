"""`masktalk review`: look at a talking video from all sides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report


def review(
    video: Annotated[Path, typer.Argument(help="The talking video to look at.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Another video to set beside it: the real one, or another engine's."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            help="The picture, video or avatar it was made from, to tell what changed around "
            "the mouth."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The page to write; beside the video unless given. The contact sheet takes "
            "the same name with .png.",
        ),
    ] = None,
    syncnet: Annotated[
        Path | None, typer.Option(help="SyncNet's weights (syncnet_v2.model).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write a page and a contact sheet about VIDEO: synchrony, closures, stillness, sharpness."""
    from masktalk.evaluate.review.comparison import ReviewOptions
    from masktalk.evaluate.review.publish import write_review

    page = output or video.with_name(video.stem + ".review.html")
    options = ReviewOptions(against=against, source=source, syncnet=syncnet)
    with progress_bar() as progress:
        written = write_review(video, page, options, overwrite=overwrite, progress=progress)
    figures = {figure.name: figure.value for figure in written.review.video.figures}
    report(
        {"page": str(written.page), "sheet": str(written.sheet), "figures": figures},
        f"{written.page}\n{written.sheet}",
    )
