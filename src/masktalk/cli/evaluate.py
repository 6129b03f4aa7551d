"""`masktalk evaluate mouth`: predicted mouths against those of talking videos."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from masktalk.cli.console import progress_bar

app = typer.Typer(help="Measure with recordings of one's own.", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Measure with recordings of one's own."""


@app.command()
def mouth(
    folder: Annotated[Path, typer.Argument(help="A folder of talking videos.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Articulate the sound of each video in FOLDER and compare with the mouth it shows."""
    from masktalk.evaluate.mouth_synchrony import evaluate_mouths

    with progress_bar() as progress:
        result = evaluate_mouths(folder, progress)
    if as_json or not sys.stdout.isatty():
        clips = [vars(clip) for clip in result.clips]
        sys.stdout.write(json.dumps({**result.as_dict(), "per_clip": clips}) + "\n")
        return
    sys.stdout.write(f"{'recording':24} {'r':>6} {'speech':>7} {'width':>6}  closures\n")
    for clip in result.clips:
        sys.stdout.write(
            f"{clip.name:24} {clip.aperture:6.2f} {clip.aperture_in_speech:7.2f} "
            f"{clip.width:6.2f}  {clip.matched_closures} of {clip.true_closures}\n"
        )
    figures = result.as_dict()
    sys.stdout.write(
        f"{'median':24} {figures['r']:6.2f} {figures['r_speech']:7.2f} {figures['w']:6.2f}  "
        f"F1 {figures['f1']:.2f}, lag {result.lag * 1000:+.0f} ms\n"
    )


@app.command()
def reenact(
    folder: Annotated[Path, typer.Argument(help="A talking video, or a folder of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Let each video's first second speak the rest of its sound; compare with the real rest."""
    from masktalk.evaluate.reenact import reenact_all

    with progress_bar() as progress:
        found = reenact_all(folder, progress=progress)
    if as_json or not sys.stdout.isatty():
        sys.stdout.write(json.dumps([one.as_dict() for one in found]) + "\n")
        return
    sys.stdout.write(f"{'recording':24} {'nearer than a still':>20} {'SSIM':>7} {'still':>7}\n")
    for one in found:
        sys.stdout.write(
            f"{one.name:24} {one.gain:20.1%} {one.spoken.ssim:7.3f} {one.still.ssim:7.3f}\n"
        )
