"""`masktalk faces` and `masktalk dub`: who is in a video, and other words in their mouths."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.errors import MediaError, OptionError

if TYPE_CHECKING:
    from PIL import Image

    from masktalk.dub.casting import Role


def faces(
    video: Annotated[Path, typer.Argument(help="A video.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="PNG with a thumbnail of each person.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = (
        False
    ),
) -> None:
    """List the people of VIDEO, with the numbers that plans call them by."""
    from masktalk.dub.people import find_people
    from masktalk.dub.sheet import people_sheet
    from masktalk.media import check_output, open_source

    source = open_source(video)
    if source.rate is None:
        raise MediaError(video, "is an image", "give a video")
    if output is not None:
        check_output(output, overwrite)
    with progress_bar() as progress:
        people = find_people(source, progress)
    if output is not None:
        _save(people_sheet(people), output, overwrite)
    entries, lines = [], []
    for person in people.people:
        first, last = (float(person.sights[end].frame / source.rate) for end in (0, -1))
        seconds = float(len(person.sights) * people.step / source.rate)
        x, y = person.sights[0].centre
        entries.append(
            {
                "face": person.number, "seconds": round(seconds, 2), "first": round(first, 3),
                "last": round(last, 3), "place": [round(x), round(y)],
            }
        )  # fmt: skip
        lines.append(
            f"face {person.number}: about {seconds:.1f} s, from {first:.2f} to {last:.2f} s, "
            f"first at {x:.0f},{y:.0f}"
        )
    result = {"video": str(video), "shots": len(people.shots), "faces": entries}
    report(result, "\n".join(lines) or f"{video}: no faces")


def dub(
    video: Annotated[Path, typer.Argument(help="A video.")],
    plan: Annotated[
        Path, typer.Argument(help="Who speaks when: .json, .csv, .srt, .vtt or .rttm.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The video to write: .mp4, .mov, .mkv, .webm.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, and draw the plan to OUTPUT with .png.")
    ] = False,
    voice: Annotated[
        list[str] | None,
        typer.Option(help="SPEAKER=FILE: a recording on the video's clock; may be repeated."),
    ] = None,
    face: Annotated[
        list[str] | None,
        typer.Option(help="SPEAKER=FACE: a number, X,Y or a picture; may be repeated."),
    ] = None,
    background: Annotated[
        float | None,
        typer.Option(help="Level of the video's own sound in segments, in dB [silent there]."),
    ] = None,
    engine: Annotated[str, typer.Option(help="Engine; see `masktalk engines`.")] = "warp",
    encoder: Annotated[
        str | None, typer.Option(help="Video encoder [the best that opens].")
    ] = None,
    crf: Annotated[int, typer.Option(help="Quality, 0 (best) to 51.")] = 18,
    provenance: Annotated[
        str, typer.Option(help="Statement of origin: auto, c2pa, metadata or off.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = (
        False
    ),
) -> None:
    """Make the people of VIDEO speak by PLAN."""
    from masktalk.dub import DubOptions, plan_dub
    from masktalk.dub import dub as dub_video
    from masktalk.dub.sheet import plan_sheet
    from masktalk.media import check_output

    options = DubOptions(
        voices={name: Path(path) for name, path in _pairs("voice", voice)},
        faces=dict(_pairs("face", face)),
        background=background,
        engine=engine,
        encoder=encoder,
        crf=crf,
        overwrite=overwrite,
        provenance=provenance,  # type: ignore[arg-type]
    )
    if dry_run:
        sheet = check_output(output.with_suffix(".png"), overwrite)
        with progress_bar() as progress:
            made = plan_dub(video, plan, options, progress)
            _save(plan_sheet(made.source, made.roles), sheet, overwrite)
        roles = made.roles
        lines = "\n".join(map(_sentence, roles))
        report({"sheet": str(sheet), "segments": [_entry(r) for r in roles]}, f"{lines}\n{sheet}")
        return
    with progress_bar() as progress:
        dubbed = dub_video(video, plan, output, options, progress)
    report(
        {
            "output": str(dubbed.path), "frames": dubbed.frames, "fps": str(dubbed.rate),
            "segments": [_entry(role) for role in dubbed.roles],
        },
        f"{dubbed.path}: {dubbed.frames} frames, {len(dubbed.roles)} segments",
    )  # fmt: skip


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not value:
            raise OptionError(f"`{option}` {text}", "names no speaker", "write SPEAKER=VALUE")
        pairs.append((name, value))
    return pairs


def _entry(role: Role) -> dict[str, object]:
    segment = role.segment
    return {
        "start": float(segment.start), "end": float(segment.end), "face": role.person.number,
        "audio": str(segment.audio), "tempo": round(float(role.tempo), 4),
    }  # fmt: skip


def _sentence(role: Role) -> str:
    segment = role.segment
    times = f"{float(segment.start):.2f} to {float(segment.end):.2f} s"
    return f"{segment.place}: {times}: face {role.person.number} says {segment.audio}"


def _save(image: Image.Image, path: Path, overwrite: bool) -> None:
    from masktalk.media import write_atomic

    content = io.BytesIO()
    image.save(content, "PNG")
    write_atomic(path, content.getvalue(), overwrite=overwrite)
