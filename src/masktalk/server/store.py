"""Store of the server: records in SQLite, files in folders named by id."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import IO, TypeVar

from pydantic import BaseModel, Field, ValidationError

from masktalk.avatar.manifest import MouthChoice
from masktalk.errors import InputError
from masktalk.server.messages import AvatarStatus, FaceChoice, JobStatus
from masktalk.server.problems import Problem, RequestError

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS by_age ON records (kind, created);
"""


def new_id() -> str:
    """Return a random id chosen by the server."""
    return uuid.uuid4().hex


class Record(BaseModel):
    """Something kept."""

    id: str = Field(default_factory=new_id)
    created: float = Field(default_factory=time.time)


class AvatarRecord(Record):
    """An avatar, from upload to ready.

    Attributes:
        suffix: Of the stored source; from a fixed list, never the caller's.
    """

    name: str
    status: AvatarStatus = "uploaded"
    kind: str
    suffix: str
    width: int
    height: int
    seconds: float
    mouth: MouthChoice = "auto"
    face: FaceChoice = "largest"
    job: str | None = None
    problem: Problem | None = None


class JobRecord(Record):
    """A prepare or a render, from queued to done.

    Attributes:
        title: What is said and by whom.
        container: Suffix of the file, without the dot.
        options: Of a render, by name; see ``schemas``.
        attempts: How often it was begun.
        ended: Seconds since the epoch.
    """

    kind: str
    avatar: str
    speech: str | None = None
    title: str = ""
    container: str = "mp4"
    options: dict[str, float | int | str] = {}
    status: JobStatus = "queued"
    stage: str = ""
    done: int = 0
    total: int | None = None
    attempts: int = 0
    ended: float | None = None
    problem: Problem | None = None


class SpeechRecord(Record):
    """Speech, as it came and as samples.

    Attributes:
        text: The words, where they are known.
        language: Of the words, as espeak-ng names it.
    """

    name: str
    seconds: float
    suffix: str
    text: str = ""
    language: str = ""


R = TypeVar("R", bound=Record)

_KINDS: dict[type[Record], str] = {
    AvatarRecord: "avatar",
    JobRecord: "job",
    SpeechRecord: "speech",
}


class _FolderLock:
    """An exclusive lock on a data folder, which ends with the process at the latest.

    Raises:
        InputError: Another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._stream = (folder / "masktalk.lock").open("a+b")
        try:
            _lock_exclusively(self._stream)
        except OSError as error:
            self._stream.close()
            raise InputError(
                folder, "another server uses this folder", "stop it, or name another with `data`"
            ) from error

    def release(self) -> None:
        """Unlock; harmless when done twice."""
        self._stream.close()


def _lock_exclusively(stream: IO[bytes]) -> None:
    """Lock a file or raise OSError at once; both calls are released when it is closed."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _parsed(kind: type[R], body: str) -> R | None:
    """Read a record; one that is damaged counts as missing and is told in the log."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        logger.warning("record skipped: %s", " ".join(str(error).split()))
        return None


class Store:
    """Records and their folders under one data folder.

    Args:
        data: The folder; made when missing.

    Raises:
        InputError: Another server uses the folder, or its database is damaged.
    """

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self.data.mkdir(parents=True, exist_ok=True)
        self._folder_lock = _FolderLock(self.data)
        self._lock = threading.Lock()
        path = self.data / "masktalk.sqlite"
        self._database = sqlite3.connect(path, check_same_thread=False)
        try:
            with self._writing() as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self.close()
            raise InputError(
                path, f"is not a usable database ({error})", "move it away or restore a copy"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database:
            yield self._database

    def close(self) -> None:
        """Close the database and unlock the folder."""
        self._database.close()
        self._folder_lock.release()

    def put(self, record: Record) -> None:
        """Keep a record, new or changed."""
        row = (_KINDS[type(record)], record.id, record.created, record.model_dump_json())
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", row)

    def find(self, kind: type[R], id: str) -> R | None:
        """Return the record of that id, or None."""
        query = "SELECT body FROM records WHERE kind = ? AND id = ?"
        with self._lock:
            row = self._database.execute(query, (_KINDS[kind], id)).fetchone()
        return None if row is None else _parsed(kind, row[0])

    def get(self, kind: type[R], id: str) -> R:
        """Return the record of that id.

        Raises:
            RequestError: 404, there is none.
        """
        record = self.find(kind, id)
        if record is None:
            raise RequestError(404, f"{_KINDS[kind]} {id[:32]}", "there is none of that id")
        return record

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind, oldest first."""
        query = "SELECT body FROM records WHERE kind = ? ORDER BY created, id"
        with self._lock:
            rows = self._database.execute(query, (_KINDS[kind],)).fetchall()
        return [record for row in rows if (record := _parsed(kind, row[0])) is not None]

    def count(self, kind: type[Record]) -> int:
        """Count the records of a kind."""
        query = "SELECT count(*) FROM records WHERE kind = ?"
        with self._lock:
            return int(self._database.execute(query, (_KINDS[kind],)).fetchone()[0])

    def drop(self, kind: type[Record], id: str) -> None:
        """Forget a record and its folder."""
        with self._writing() as database:
            database.execute("DELETE FROM records WHERE kind = ? AND id = ?", (_KINDS[kind], id))
        rmtree(self.folder(kind, id), ignore_errors=True)

    def folder(self, kind: type[Record], id: str) -> Path:
        """Return the folder of a record's files."""
        if len(id) != 32 or not set(id) <= set("0123456789abcdef"):
            raise RequestError(404, _KINDS[kind], "that is no id")
        return self.data / f"{_KINDS[kind]}s" / id

    def make_folder(self, kind: type[Record], id: str) -> Path:
        """Return the same, made when missing."""
        folder = self.folder(kind, id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def sweep(self) -> None:
        """After a crash: remove folders without a record and half-made things within."""
        for kind, name in _KINDS.items():
            root = self.data / f"{name}s"
            for folder in root.iterdir() if root.is_dir() else ():
                if self.find(kind, folder.name) is None:
                    rmtree(folder, ignore_errors=True)
                    continue
                for leftover in folder.glob(".*"):
                    if leftover.is_dir():
                        rmtree(leftover, ignore_errors=True)
                    else:
                        leftover.unlink(missing_ok=True)
