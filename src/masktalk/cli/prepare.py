"""`masktalk prepare`: locate once, keep the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import RecordFlags


def prepare(
    source: Annotated[Path, typer.Argument(help="A picture, a video or a folder of frames.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The avatar's folder.")],
    look: RecordFlags,
) -> None:
    """Make an avatar of SOURCE once, to render from it many times."""
    from masktalk.preparation import prepare as make_avatar

    with (
        progress_bar() as progress,
        make_avatar(source, output, look.options(), progress) as avatar,
    ):
        found = sum(face is not None for face in avatar.faces)
        report(
            {
                "avatar": str(avatar.folder),
                "frames": avatar.frame_count,
                "faces": found,
                "mouth": avatar.mouth,
            },
            f"{avatar.folder}: {avatar.frame_count} frames, {found} with the face, "
            f"mouth: {avatar.mouth}",
        )
