"""`masktalk locate`: what is found in pictures and videos."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from masktalk.cli.console import progress_bar
from masktalk.cli.flags import RecordFlags

if TYPE_CHECKING:
    from masktalk.preparation import PrepareOptions
    from masktalk.types import Face, Progress


def locate(
    sources: Annotated[list[Path], typer.Argument(help="Pictures, videos, folders of frames.")],
    look: RecordFlags,
    as_json: Annotated[bool, typer.Option("--json", help="One list, an entry a source.")] = False,
) -> None:
    """Say where the face and its mouth are in each frame of each SOURCE."""
    options = look.options()
    with progress_bar() as progress:
        entries = [locate_source(source, options, progress) for source in sources]
    if as_json or not sys.stdout.isatty():
        sys.stdout.write(json.dumps(entries) + "\n")
        return
    for entry in entries:
        sys.stdout.write(_sentence(entry) + "\n")


def locate_source(source: Path, options: PrepareOptions, progress: Progress) -> dict[str, Any]:
    """The entry of one source: its path and one record, or None, for every frame."""
    from masktalk.avatar import IMAGE_FRAME_RATE
    from masktalk.faces import track
    from masktalk.media import open_source
    from masktalk.preparation import locate_options

    opened = open_source(source, fps=options.fps, height=options.height)
    faces = track(
        opened.frames(),
        opened.rate or IMAGE_FRAME_RATE,
        locate_options(options, opened.scale),
    )
    frames = []
    for face in faces:
        frames.append(None if face is None else _record(face, opened.scale))
        progress(f"locating {source.name}", len(frames), opened.frame_count)
    return {"source": str(source), "frames": frames}


def _record(face: Face, scale: float) -> dict[str, Any]:
    """Return a face in the pixels of the source, of which the frames have ``scale`` times."""

    def pair(point: Any) -> list[float]:
        return [round(float(value) / scale, 2) for value in point]

    return {
        "time": float(face.time),
        "box": pair(face.box),
        "mouth": pair(face.mouth),
        "left_corner": pair(face.left_corner),
        "right_corner": pair(face.right_corner),
        "chin": pair(face.chin),
        "interocular": round(face.interocular / scale, 2),
        "located_by": face.located_by,
        "confidence": round(face.confidence, 4),
        "state": face.mouth_state,
        "evidence": face.evidence,
    }


def _sentence(entry: dict[str, Any]) -> str:
    found = [frame for frame in entry["frames"] if frame is not None]
    if not found:
        return f"{entry['source']}: no face"
    first = found[0]
    x, y = first["mouth"]
    share = (
        f", in {len(found)} of {len(entry['frames'])} frames" if len(entry["frames"]) > 1 else ""
    )
    return (
        f"{entry['source']}: mouth at {x:.0f},{y:.0f}, {first['state']}, "
        f"by {first['located_by']} ({first['confidence']:.2f}){share}"
    )
