"""The quota of the data folder: what is removed by itself, and when uploads are refused.

The policy, in this order: renders that ended longer ago than ``render_days`` are removed.
When the folder is full, finished renders go, the oldest first, then speeches that no render
needs. Avatars are never removed by themselves; when nothing else is left, requests that need
room are refused with 507.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path

from masktalk.server.jobs import Jobs
from masktalk.server.options import Limits
from masktalk.server.problems import RequestError
from masktalk.server.store import JobRecord, SpeechRecord, Store

logger = logging.getLogger(__name__)

_DAY_S = 86_400.0
_SECONDS_BETWEEN_ROUNDS = 600.0


class Housekeeper:
    """Keeps the data folder within its quota.

    Args:
        store: The folder.
        jobs: Asked to forget renders.
        limits: The quota, and how long renders are kept.
    """

    def __init__(self, store: Store, jobs: Jobs, limits: Limits) -> None:
        self._store, self._jobs, self._limits = store, jobs, limits
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to remove what has expired, now and then."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop removing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def expire(self, now: float) -> None:
        """Remove renders that ended too long ago.

        Args:
            now: Seconds since the epoch.
        """
        for job in self._ended_renders():
            if now - (job.ended or job.created) > self._limits.render_days * _DAY_S:
                self._remove(job)

    async def make_room(self, size: int) -> None:
        """Make sure that so many bytes more stay within the quota.

        Raises:
            RequestError: 507, they do not even when all that may go is gone.
        """
        allowed = self._limits.data_bytes - size
        if await asyncio.to_thread(folder_bytes, self._store.data) <= allowed:
            return
        removable: list[JobRecord | SpeechRecord] = [*self._ended_renders()]
        for record in [*removable, *self._idle_speeches()]:
            self._remove(record)
            if await asyncio.to_thread(folder_bytes, self._store.data) <= allowed:
                return
        quota = f"{self._limits.data_bytes / 1e9:.3g} GB"
        raise RequestError(507, "data", f"the quota of {quota} is used up", "delete avatars")

    async def _run(self) -> None:
        while True:
            try:
                self.expire(time.time())
            except Exception as error:  # the database or the disk fails: try again later
                logger.error("expired renders cannot be removed", exc_info=error)
            await asyncio.sleep(_SECONDS_BETWEEN_ROUNDS)

    def _ended_renders(self) -> list[JobRecord]:
        return [
            job
            for job in self._store.all(JobRecord)
            if job.kind == "render" and job.status not in ("queued", "running")
        ]

    def _idle_speeches(self) -> list[SpeechRecord]:
        used = self._jobs.speeches_in_use()
        return [each for each in self._store.all(SpeechRecord) if each.id not in used]

    def _remove(self, record: JobRecord | SpeechRecord) -> None:
        logger.info("removed by policy", extra={"id": record.id, "kind": type(record).__name__})
        if isinstance(record, JobRecord):
            self._jobs.forget(record.id)
        else:
            self._store.drop(SpeechRecord, record.id)


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder and below, in bytes."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).stat().st_size
            except OSError:  # gone meanwhile
                continue
    return total
