"""The demo: three faces say one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from masktalk.demo.faces import draw_cartoon, draw_ninja
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, RenderResult, render
from masktalk.types import Progress, UInt8Array, no_progress

_MATERIAL = files("masktalk.demo") / "material"


@dataclass(frozen=True)
class _Face:
    """One of the demo's faces: its file's name and what writes it."""

    name: str
    write: Callable[[Path], None]


def _drawn(draw: Callable[[], UInt8Array]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        from PIL import Image

        Image.fromarray(draw()).save(path)

    return write


def _shipped(name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes((_MATERIAL / name).read_bytes())

    return write


FACES = (
    _Face("ninja.png", _drawn(draw_ninja)),
    _Face("cartoon.png", _drawn(draw_cartoon)),
    _Face("portrait.jpg", _shipped("portrait.jpg")),
)


def write_material(folder: Path) -> tuple[list[Path], Path]:
    """Write the faces and the speech into ``folder``; returns the faces and the speech."""
    folder.mkdir(parents=True, exist_ok=True)
    faces = []
    for face in FACES:
        face.write(folder / face.name)
        faces.append(folder / face.name)
    speech = folder / "speech.flac"
    _shipped(speech.name)(speech)
    return faces, speech


def show(folder: Path, progress: Progress = no_progress) -> Iterator[RenderResult]:
    """Render every face of the demo into ``folder``, one video after the other."""
    faces, speech = write_material(folder)
    for face in faces:
        with prepare(face, progress=progress) as avatar:
            output = folder / f"{face.stem}.mp4"
            yield render(avatar, speech, output, RenderOptions(overwrite=True), progress)
