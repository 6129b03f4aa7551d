"""A folder of talking videos, prepared once: indexed, hashed, and continued when interrupted."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from masktalk.engines.musetalk.whisper_stream import Encoder
from masktalk.errors import InputError, MasktalkError, OutputError
from masktalk.files import file_digest
from masktalk.media import write_atomic
from masktalk.train.musetalk.clips import (
    AUDIO,
    FACES,
    PLACES,
    REGIONS,
    Clip,
    ClipOptions,
    write_clip,
)
from masktalk.types import Progress, no_progress

logger = logging.getLogger(__name__)

INDEX = "index.json"
_VERSION = 1
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")


class ClipRecord(BaseModel):
    """One clip of the set.

    Attributes:
        name: Of the video.
        folder: Of its prepared files, within the set.
        frames: Frames that can be trained on.
        files: SHA-256 of each prepared file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    folder: str
    frames: int
    files: dict[str, str]


class Index(BaseModel):
    """The set's table of contents.

    Attributes:
        version: Of the layout.
        settings: Digest of the options and the speech encoder that it was prepared with.
        clips: By SHA-256 of the video.
        skipped: Reason by video name.
    """

    model_config = ConfigDict(extra="forbid")

    version: int = _VERSION
    settings: str
    clips: dict[str, ClipRecord] = {}
    skipped: dict[str, str] = {}

    def write(self, folder: Path) -> None:
        """Write the index, whole or not at all."""
        content = self.model_dump_json(indent=2).encode()
        write_atomic(folder / INDEX, content, overwrite=True)

    def digest(self) -> str:
        """Return one hash of every prepared file."""
        files = sorted((key, sorted(clip.files.items())) for key, clip in self.clips.items())
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()


@dataclass(frozen=True)
class Preparation:
    """The speech encoder and the clip options of a set.

    Attributes:
        encoder: Whisper.
        encoder_digest: Hash of its checkpoint.
        options: Of every clip.
    """

    encoder: Encoder
    encoder_digest: str
    options: ClipOptions

    def settings(self) -> str:
        """Return the digest that a prepared set is valid for."""
        text = f"{_VERSION} {self.encoder_digest} {self.options!r}"
        return hashlib.sha256(text.encode()).hexdigest()


def videos_in(folder: Path) -> list[Path]:
    """Return the videos in a folder and its subfolders, or the one video given.

    Raises:
        InputError: There is none.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(folder, "does not exist", "give a folder of talking videos")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file() and path.name[0] != "."
    )
    if not found:
        kinds = ", ".join(VIDEO_SUFFIXES)
        raise InputError(folder, "holds no video", f"put talking videos into it ({kinds})")
    return found


def prepare_set(
    videos: list[Path], folder: Path, preparation: Preparation, progress: Progress = no_progress
) -> Index:
    """Prepare every video that is not prepared yet; return the index.

    A video that cannot be used is skipped and named in the index and in a warning.

    Args:
        videos: From ``videos_in``.
        folder: Folder of the set.
        preparation: See there.
        progress: Progress callback.

    Raises:
        InputError: No video can be used.
        OutputError: The folder holds something else, or cannot be written.
    """
    index = _opened(folder, preparation.settings())
    wanted: dict[str, ClipRecord] = {}
    index.skipped = {}
    for done, video in enumerate(videos):
        progress("preparing videos", done, len(videos))
        key = file_digest(video)
        record = index.clips.get(key)
        if record is None or not _intact(folder, record):
            record = _prepared(video, key, folder, preparation, index, progress)
        if record is not None:
            wanted[key] = index.clips[key] = record
        index.write(folder)
    index.clips = wanted
    index.write(folder)
    if not wanted:
        first = next(iter(index.skipped.items()))
        raise InputError(first[0], first[1], "give videos of a talking face with sound")
    return index


def open_clips(folder: Path, index: Index) -> Iterator[Clip]:
    """Yield the prepared clips in the order of their videos' hashes."""
    for key in sorted(index.clips):
        yield Clip(folder / index.clips[key].folder)


def _opened(folder: Path, settings: str) -> Index:
    path = folder / INDEX
    if not path.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(folder, "holds something else", "choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        return Index(settings=settings)
    try:
        index = Index.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError) as error:
        raise InputError(path, "is damaged", "delete the folder and prepare again") from error
    if index.version != _VERSION or index.settings != settings:
        logger.info("%s: prepared with other settings, preparing again", folder)
        return Index(settings=settings)
    return index


def _intact(folder: Path, record: ClipRecord) -> bool:
    return all(
        (folder / record.folder / name).is_file()
        and file_digest(folder / record.folder / name) == digest
        for name, digest in record.files.items()
    )


def _prepared(
    video: Path,
    key: str,
    folder: Path,
    preparation: Preparation,
    index: Index,
    progress: Progress,
) -> ClipRecord | None:
    """Return the record of a clip made now; None, with the reason kept, where it cannot be."""
    building = Path(tempfile.mkdtemp(prefix=".clip-", dir=folder))
    try:
        frames = write_clip(video, building, preparation.encoder, preparation.options, progress)
        files = {name: file_digest(building / name) for name in (FACES, REGIONS, PLACES, AUDIO)}
        target = folder / key[:16]
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
        return ClipRecord(name=video.name, folder=target.name, frames=frames, files=files)
    except OutputError:
        raise
    except MasktalkError as error:
        index.skipped[str(video)] = error.problem
        logger.warning("%s: %s; it is left out", video, error.problem)
        return None
    finally:
        shutil.rmtree(building, ignore_errors=True)
