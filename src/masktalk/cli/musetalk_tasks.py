"""Tasks of the reference's YAML files, and the output paths it uses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from masktalk.errors import InputError

logger = logging.getLogger(__name__)


class OfflineTask(BaseModel):
    """One entry of a ``scripts.inference`` file."""

    model_config = ConfigDict(frozen=True)

    video_path: Path
    audio_path: Path
    bbox_shift: int | None = None
    result_name: str | None = None


class RealtimeTask(BaseModel):
    """One entry of a ``scripts.realtime_inference`` file."""

    model_config = ConfigDict(frozen=True)

    video_path: Path
    audio_clips: dict[str, Path]
    preparation: bool = True
    bbox_shift: int | None = None


@dataclass(frozen=True)
class Clip:
    """One video to make.

    Attributes:
        task: The entry it comes from.
        source: The avatar's picture, video or folder of frames.
        speech: What it says.
        output: Where the video goes.
        bbox_shift: The entry's own, if it has one.
        bundle: Where the prepared avatar is kept; None for the cache.
        encode_all: Whether all of it is prepared beforehand.
    """

    task: str
    source: Path
    speech: Path
    output: Path
    bbox_shift: int | None
    bundle: Path | None = None
    encode_all: bool = False


@dataclass(frozen=True)
class OutputPaths:
    """Output paths of the reference.

    Attributes:
        result_dir: Its ``--result_dir``.
        version: Its ``--version``.
        output_vid_name: Its ``--output_vid_name``.
    """

    result_dir: Path
    version: str
    output_vid_name: str | None = None

    @property
    def offline(self) -> Path:
        """Folder of the videos of ``scripts.inference``."""
        return self.result_dir / self.version

    def avatar(self, name: str) -> Path:
        """Folder of an avatar of ``scripts.realtime_inference``, whatever ``--result_dir`` says."""
        root = Path("results")
        return (root if self.version == "v1" else root / self.version) / "avatars" / name


def read_tasks(path: Path) -> dict[str, OfflineTask | RealtimeTask]:
    """The entries of a configuration by name.

    Raises:
        InputError: It is not such a file; the message names the entry and the key.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(path, f"is not a configuration ({reason})") from error
    if not isinstance(content, dict) or not content:
        raise InputError(path, "has no tasks", "write one entry for each video")
    return {str(name): _task(path, str(name), entry) for name, entry in content.items()}


def _task(path: Path, name: str, entry: Any) -> OfflineTask | RealtimeTask:
    if not isinstance(entry, dict):
        raise InputError(f"{path}: {name}", "is not an entry with video_path")
    kind: type[OfflineTask | RealtimeTask]
    kind = RealtimeTask if "audio_clips" in entry else OfflineTask
    unknown = set(entry) - set(kind.model_fields)
    if unknown:
        logger.warning("%s: %s: %s is not used", path, name, ", ".join(sorted(map(str, unknown))))
    known = {key: value for key, value in entry.items() if key in kind.model_fields}
    if isinstance(known.get("audio_clips"), dict):
        known["audio_clips"] = {str(k): v for k, v in known["audio_clips"].items()}
    try:
        return kind.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {name}: {where}", first["msg"]) from error


def clips(tasks: dict[str, OfflineTask | RealtimeTask], places: OutputPaths) -> Iterator[Clip]:
    """Every video to make, each with a file name of its own."""
    taken: set[Path] = set()
    for name, task in tasks.items():
        if isinstance(task, RealtimeTask):
            yield from _realtime(name, task, places)
            continue
        output = _offline_output(task, places)
        if output in taken:
            output = output.with_name(f"{output.stem}_{name}{output.suffix}")
        taken.add(output)
        yield Clip(name, task.video_path, task.audio_path, output, task.bbox_shift)


def _offline_output(task: OfflineTask, places: OutputPaths) -> Path:
    stem = f"{_base(task.video_path)}_{_base(task.audio_path)}"
    name = task.result_name or places.output_vid_name or f"{stem}.mp4"
    return places.offline / name


def _realtime(name: str, task: RealtimeTask, places: OutputPaths) -> Iterator[Clip]:
    folder = places.avatar(name)
    for clip, speech in task.audio_clips.items():
        yield Clip(
            task=name,
            source=task.video_path,
            speech=speech,
            output=folder / "vid_output" / f"{clip}.mp4",
            bbox_shift=task.bbox_shift,
            bundle=folder / "avatar",
            encode_all=task.preparation,
        )


def _base(path: Path) -> str:
    """The reference's idea of a file's name: up to its first dot."""
    return path.name.split(".")[0]


def folder_rate(source: Path, fps: Fraction | None) -> Fraction | None:
    """Frames per second of a folder of pictures, which has none of its own."""
    return (fps or Fraction(25)) if source.is_dir() else None
