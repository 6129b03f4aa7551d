"""The demo's faces, to try the server with one click."""

from __future__ import annotations

from pathlib import Path

from masktalk.demo.show import FACES
from masktalk.server.problems import RequestError


def sample_names() -> list[str]:
    """Return the ids of the samples."""
    return [Path(face.name).stem for face in FACES]


def write_sample(id: str, folder: Path) -> Path:
    """Write a sample's picture into a folder and return its path; one that is there stays.

    Raises:
        RequestError: 404, there is no such sample.
    """
    for face in FACES:
        if Path(face.name).stem == id:
            path = folder / face.name
            if not path.exists():
                folder.mkdir(parents=True, exist_ok=True)
                face.write(path)
            return path
    raise RequestError(404, f"sample {id[:40]}", "not found")
