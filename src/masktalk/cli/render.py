"""`masktalk render`: an avatar and speech in, a talking video out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import EngineFlags, RecordFlags, transcript_for_flags
from masktalk.errors import OptionError

if TYPE_CHECKING:
    from masktalk.driver import DriverOptions
    from masktalk.rendering import RenderOptions


def render(
    avatar: Annotated[
        Path,
        typer.Argument(help="A picture, a video, a folder of frames or a prepared avatar."),
    ],
    speech: Annotated[
        Path | None,
        typer.Argument(
            help="A sound file, or a video with sound; the --driver's own unless given."
        ),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The video to write: .mp4, .mov, .mkv, .webm; - streams it."
        ),
    ],
    look: RecordFlags,
    engine: EngineFlags,
    driver: RecordFlags,
    video: RecordFlags,
) -> None:
    """Make AVATAR say SPEECH and write it to OUT."""
    from masktalk.driver import make_driver, make_movement
    from masktalk.engines import make_engine
    from masktalk.media.output import STANDARD_OUTPUT, reserved
    from masktalk.preparation import prepare
    from masktalk.rendering import check_encoding, known_text_articulator, spoken_seconds
    from masktalk.rendering import render as render_video

    options, borrowed = video.options(), driver.options()
    own, lent = _shared_out(engine.values(), options, borrowed)
    options = replace(options, engine_options=own)
    borrowed = replace(borrowed, engine_options=lent)
    speech = speech or borrowed.video
    if speech is None:
        raise OptionError("SPEECH", "is missing", "give a sound file, or a --driver with sound")
    make_engine(options.engine, dict(options.engine_options))
    options = replace(options, text=transcript_for_flags(options.text, speech, options.engine))
    preparing = look.options()
    with reserved(output, options.overwrite), progress_bar() as progress:
        check_encoding(avatar, output, options, preparing.keep_hdr)
        preparing = replace(preparing, seconds=spoken_seconds(speech, options))
        options = replace(options, articulator=known_text_articulator(speech, options))
        with prepare(avatar, options=preparing, progress=progress) as prepared:
            lent_mouth = make_driver(borrowed, prepared, options.engine)
            options = replace(
                options,
                articulator=lent_mouth or options.articulator,
                movement=make_movement(borrowed),
            )
            made = render_video(prepared, speech, output, options, progress)
    if made.path == STANDARD_OUTPUT:
        return
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


def _shared_out(
    given: dict[str, Any], options: RenderOptions, borrowed: DriverOptions
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of the engine, and those that only the driver's engine has."""
    from masktalk.engines.base import engine_class

    if borrowed.engine is None:
        return given, {}
    known = engine_class(options.engine).Options.model_fields
    return (
        {name: value for name, value in given.items() if name in known},
        {name: value for name, value in given.items() if name not in known},
    )
