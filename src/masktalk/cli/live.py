"""`masktalk live`: a talking avatar as a stream or a camera."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report


def live(
    avatar: Annotated[Path, typer.Argument(help="An image, a video or a prepared avatar.")],
    to: Annotated[
        str,
        typer.Option(
            help="rtmp://, rtmps://, srt://, udp://, whip:// (over http), whips://, or camera."
        ),
    ],
    speech: Annotated[
        Path | None,
        typer.Option(help="A recording [raw mono 16-bit PCM from standard input]."),
    ] = None,
    rate: Annotated[int, typer.Option(help="Samples per second of standard input.")] = 16_000,
    engine: Annotated[str, typer.Option(help="Engine; see `masktalk engines`.")] = "warp",
) -> None:
    """Make AVATAR say what arrives, and send it on as it is said."""
    import asyncio

    from masktalk.broadcast import broadcast, pcm_blocks
    from masktalk.media import stream_audio
    from masktalk.preparation import prepare
    from masktalk.session import ProcessSession, SessionSpec

    blocks = pcm_blocks(sys.stdin.buffer, rate) if speech is None else stream_audio(speech, rate)
    with progress_bar() as progress, prepare(avatar, progress=progress) as prepared:
        folder = prepared.folder
    sent = asyncio.run(broadcast(ProcessSession(SessionSpec(folder, engine)), to, blocks))
    report({"to": to, "frames": sent}, f"{to}: {sent} frames")
