"""Tasks of a worker process, and its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from masktalk.avatar.manifest import MouthChoice
from masktalk.server.problems import Problem


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Probe(_Record):
    """Look into an uploaded picture or video; draw it small."""

    task: Literal["probe"] = "probe"
    source: Path
    preview: Path
    thumbnail: Path
    pixels: int
    seconds: float


class Hear(_Record):
    """Decode uploaded speech to (N,) int16 samples in a .npy file."""

    task: Literal["hear"] = "hear"
    source: Path
    samples: Path
    rate: int
    seconds: float


class Prepare(_Record):
    """Make the avatar's bundle, and a smaller one for live sessions where it is large."""

    task: Literal["prepare"] = "prepare"
    source: Path
    folder: Path
    live_folder: Path
    live_side: int
    points: Path | None
    mouth: MouthChoice
    face: Literal["largest", "left", "right"]


class Render(_Record):
    """Write the talking video."""

    task: Literal["render"] = "render"
    avatar: Path
    speech: Path
    output: Path
    options: dict[str, float | int | str]
    text: str
    language: str


Task = Annotated[Probe | Hear | Prepare | Render, Field(discriminator="task")]


class Order(_Record):
    """A task and what it may use."""

    task: Task
    memory: int
    cpu_seconds: int


class Step(_Record):
    """Progress of a task."""

    kind: Literal["step"] = "step"
    stage: str
    done: int
    total: int | None


class Found(_Record):
    """Result of a probe."""

    kind: Literal["found"] = "found"
    source: Literal["picture", "video", "folder"]
    width: int
    height: int
    seconds: float


class Finished(_Record):
    """Done; ``seconds`` of speech where there was some."""

    kind: Literal["finished"] = "finished"
    seconds: float = 0.0


class Failed(_Record):
    """It could not be done."""

    kind: Literal["failed"] = "failed"
    problem: Problem


Answer = Annotated[Step | Found | Finished | Failed, Field(discriminator="kind")]
ANSWERS: TypeAdapter[Step | Found | Finished | Failed] = TypeAdapter(Answer)
