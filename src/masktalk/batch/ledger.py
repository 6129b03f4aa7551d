"""The ledger: a record of every finished clip, so that a batch goes on after any death.

A result is written under the name of its content in the folder ``.masktalk``, then recorded
there with its digest, then renamed. Whatever step a process dies at, the next run knows by the
digests what is done.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from masktalk.batch.clips import Clip
from masktalk.errors import OutputError
from masktalk.files import file_digest
from masktalk.media import open_source, write_atomic
from masktalk.media.output import cannot_write, remove_stale_parts

STATE_FOLDER = ".masktalk"


class Record(BaseModel):
    """A finished clip.

    Attributes:
        output: Path below the batch's folder.
        digest: SHA-256 of the file.
        frames: Number of frames.
        rate: Frames per second.
        seconds: Processor seconds that rendering took.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    output: str
    digest: str
    frames: int
    rate: str
    seconds: float


class Ledger:
    """The records of a batch's folder.

    Args:
        folder: Folder of the results; made when missing.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / STATE_FOLDER
        try:
            self._state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error

    def content_path(self, clip: Clip) -> Path:
        """Return the path of a clip's result until it is renamed."""
        return self._state / f"{clip.key}{clip.output.suffix}"

    def find(self, clip: Clip) -> Record | None:
        """Return the record of a clip that is done; finish one that was left half done."""
        record = self._read(clip) or self._adopted(clip)
        if record is None:
            return None
        target, content = self.folder / clip.output, self.content_path(clip)
        for path in (content, target):
            if path.is_file() and file_digest(path) == record.digest:
                if path == content:
                    self._rename(clip)
                return record
        return None

    def finish(self, clip: Clip, frames: int, rate: str, seconds: float) -> Record:
        """Record a result that is complete, and give it its name."""
        record = Record(
            output=clip.output.as_posix(),
            digest=file_digest(self.content_path(clip)),
            frames=frames,
            rate=rate,
            seconds=round(seconds, 3),
        )
        text = record.model_dump_json(indent=1) + "\n"
        write_atomic(self._record_path(clip), text.encode(), overwrite=True)
        self._rename(clip)
        return record

    def check_free(self, clip: Clip) -> None:
        """Refuse to replace a file that no batch of this folder made.

        Raises:
            OutputError: There is one.
        """
        target = self.folder / clip.output
        if not os.path.lexists(target):
            return
        if target.is_file():
            digest = file_digest(target)
            made = self._digests()
            if digest in made:
                return
        raise OutputError(
            target, "exists already and is of no batch", "move it, or set `overwrite`"
        )

    def remove_stale(self) -> None:
        """Remove files that processes left behind when they died."""
        remove_stale_parts(self._state)

    def _digests(self) -> frozenset[str]:
        records = map(_parsed, self._state.glob("*.json"))
        return frozenset(record.digest for record in records if record is not None)

    def _read(self, clip: Clip) -> Record | None:
        record = _parsed(self._record_path(clip))
        return record if record and record.output == clip.output.as_posix() else None

    def _adopted(self, clip: Clip) -> Record | None:
        """Record a result whose process died just before it could."""
        path = self.content_path(clip)
        if not path.is_file():
            return None
        video = open_source(path)
        return self.finish(clip, video.frame_count, str(video.rate), 0.0)

    def _record_path(self, clip: Clip) -> Path:
        return self._state / f"{clip.key}.json"

    def _rename(self, clip: Clip) -> None:
        target = self.folder / clip.output
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.content_path(clip), target)
        except OSError as error:
            raise cannot_write(target, error) from error


def _parsed(path: Path) -> Record | None:
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
