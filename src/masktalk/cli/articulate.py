"""`masktalk articulate`: what the mouth does while this is said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import report


def articulate(
    speech: Annotated[Path, typer.Argument(help="A sound file, or a video with sound.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The curves to write: .json, .csv, .livelink.csv, .tsv, .xml, .rhubarb.json, "
            ".vrm.json, .vtt or .png.",
        ),
    ],
    format: Annotated[
        str | None, typer.Option("--format", help="Which of them, whatever OUT ends in.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            help="What is said, or a .txt, .srt, .vtt or .TextGrid with it. One with the "
            "speech's own name (not .txt) is found by itself.",
        ),
    ] = None,
    language: Annotated[
        str, typer.Option("--language", help="Of the text, as espeak-ng calls it.")
    ] = "en-us",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Write what the mouth does while SPEECH is said."""
    from masktalk.media import check_output, read_audio
    from masktalk.speech import articulate as articulate_sound
    from masktalk.speech.export import ExportInput, format_for, write_articulation
    from masktalk.speech.known import articulate_known, transcript_for

    format_for(output, format)
    check_output(output, overwrite)
    audio = read_audio(speech)
    transcript = transcript_for(speech, text)
    if transcript is None:
        articulation = articulate_sound(audio)
    else:
        articulation = articulate_known(audio, transcript, language)
    write_articulation(ExportInput(articulation, speech.name, audio), output, format)
    seconds = float(articulation.duration)
    report(
        {"output": str(output), "steps": len(articulation), "rate": articulation.frame_rate},
        f"{output}: {seconds:.2f} s, {articulation.frame_rate} steps a second",
    )
