"""`masktalk render`: an avatar and speech in, a talking video out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import AvatarFlags, EngineFlags, VideoFlags
from masktalk.cli.records import takes_records


@takes_records
def render(
    avatar: Annotated[
        Path,
        typer.Argument(help="A picture, a video, a folder of frames or a prepared avatar."),
    ],
    speech: Annotated[Path, typer.Argument(help="A sound file, or a video with sound.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The video to write: .mp4, .mov, .mkv, .webm.")
    ],
    look: AvatarFlags,
    engine: EngineFlags,
    video: VideoFlags,
) -> None:
    """Make AVATAR say SPEECH and write it to OUT."""
    from masktalk.engines import make_engine
    from masktalk.media import audio_duration, check_output
    from masktalk.preparation import prepare
    from masktalk.rendering import render as render_video

    options = video.options(engine)
    make_engine(options.engine, dict(options.engine_options))
    check_output(output, options.overwrite)
    audio_duration(speech)
    with (
        progress_bar() as progress,
        prepare(avatar, options=look.options(), progress=progress) as prepared,
    ):
        made = render_video(prepared, speech, output, options, progress)
    seconds = float(made.frames / made.rate)
    report(
        {
            "output": str(made.path),
            "frames": made.frames,
            "fps": str(made.rate),
            "encoder": made.encoder,
        },
        f"{made.path}: {made.frames} frames, {seconds:.2f} s, {made.encoder}",
    )
