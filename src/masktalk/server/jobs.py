"""Prepares and renders: queued, run in worker processes, watched, parked and resumed."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

from masktalk.errors import NoFaceError
from masktalk.server.messages import JobInfo
from masktalk.server.metrics import Metrics
from masktalk.server.options import Limits
from masktalk.server.problems import Problem, RequestError
from masktalk.server.sandbox import TaskFailed, run_task
from masktalk.server.store import AvatarRecord, JobRecord, SpeechRecord, Store
from masktalk.server.tasks import Prepare, Render, Step, Task
from masktalk.session import EncodingOptions

logger = logging.getLogger(__name__)

BUNDLE, LIVE_BUNDLE, POINTS = "bundle", "live", "points.json"
_FINAL = ("done", "failed", "cancelled")
#: Seconds until a job is read again that the database could not give.
_READ_AGAIN_S = 1.0


class Jobs:
    """The queue and those who work on it.

    Args:
        store: Where jobs are remembered.
        limits: How many may wait and run.
        metrics: Told how jobs ended.
    """

    def __init__(self, store: Store, limits: Limits, metrics: Metrics) -> None:
        self._store, self._limits, self._metrics = store, limits, metrics
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._now: dict[str, JobRecord] = {}
        self._watchers: dict[str, set[asyncio.Queue[JobRecord]]] = defaultdict(set)

    async def start(self) -> None:
        """Go on with what an earlier server left behind."""
        for job in self._store.all(JobRecord):
            if job.status in ("queued", "running"):
                try:
                    self._resume(job)
                except (OSError, sqlite3.Error) as error:
                    self._give_up(job, error)
        for _ in range(self._limits.running_jobs):
            self._workers.append(asyncio.create_task(self._work()))

    def _resume(self, job: JobRecord) -> None:
        if job.status == "running" and job.attempts >= self._limits.attempts:
            reason = f"the server stopped while it ran, {job.attempts} times"
            self._end(job, "failed", Problem(type="Interrupted", message=reason))
            return
        job.status = "queued"
        self._store.put(job)
        self._enqueue(job)

    async def stop(self) -> None:
        """Park what runs; it goes on at the next start."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for id in list(self._running):
            job = self._store.get(JobRecord, id)
            job.status, job.attempts = "queued", max(job.attempts - 1, 0)
            self._store.put(job)

    @property
    def is_working(self) -> bool:
        """Return whether every worker of the queue is alive."""
        return bool(self._workers) and not any(worker.done() for worker in self._workers)

    @property
    def waiting(self) -> int:
        """Number of waiting jobs, cancelled ones not counted."""
        return len(self._waiting)

    def speeches_in_use(self) -> set[str | None]:
        """Return the ids of speeches that a render still needs."""
        jobs = self._store.all(JobRecord)
        return {job.speech for job in jobs if job.status in ("queued", "running")}

    def submit(self, job: JobRecord) -> JobRecord:
        """Put a job into the queue.

        Raises:
            RequestError: 429, too many wait.
        """
        if self.waiting >= self._limits.queued_jobs:
            raise RequestError(429, "queue", f"{self.waiting} jobs wait already", "try later")
        self._store.put(job)
        self._enqueue(job)
        return job

    def _enqueue(self, job: JobRecord) -> None:
        self._waiting.add(job.id)
        self._queue.put_nowait(job.id)

    def look(self, id: str) -> JobRecord:
        """Return a job as it is now.

        Raises:
            RequestError: 404, there is none.
        """
        return self._now.get(id) or self._store.get(JobRecord, id)

    async def cancel(self, id: str) -> JobRecord:
        """End a job, waiting or running."""
        job = self.look(id)
        if job.status in _FINAL:
            return job
        self._end(job, "cancelled")
        task = self._running.get(id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return job

    def forget(self, id: str) -> None:
        """Drop a job that has ended, and its files."""
        self._now.pop(id, None)
        self._store.drop(JobRecord, id)

    async def watch(self, id: str) -> AsyncIterator[JobRecord]:
        """Return a job as it is now, and again whenever it changes, until it ends."""
        job = self.look(id).model_copy()
        changes: asyncio.Queue[JobRecord] = asyncio.Queue()
        self._watchers[id].add(changes)
        try:
            yield job
            while job.status not in _FINAL:
                job = await changes.get()
                yield job
        finally:
            self._watchers[id].discard(changes)
            if not self._watchers[id]:
                del self._watchers[id]

    async def _work(self) -> None:
        while True:
            job = await self._take()
            if job is None or job.status != "queued":
                continue
            task = asyncio.create_task(self._run(job))
            self._running[job.id] = task
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise
            del self._running[job.id]
            if not task.cancelled() and (error := task.exception()) is not None:
                self._give_up(job, error)

    async def _take(self) -> JobRecord | None:
        """Wait for the next job in the queue; one that cannot be read now is read later."""
        id = await self._queue.get()
        try:
            job = self._store.find(JobRecord, id)
            self._waiting.discard(id)
            return job
        except sqlite3.Error as error:
            logger.error("job cannot be read", extra={"job": id}, exc_info=error)
            await asyncio.sleep(_READ_AGAIN_S)
            self._queue.put_nowait(id)
            return None

    def _give_up(self, job: JobRecord, error: BaseException) -> None:
        """End a job that failed in an unforeseen way; the loop goes on to the next."""
        logger.error("job failed", extra={"job": job.id}, exc_info=error)
        problem = Problem(type=type(error).__name__, message=f"job: {error or 'failed'}")
        try:
            self._end(job, "failed", problem)
        except (OSError, sqlite3.Error):
            # Not even that can be written: it has failed here, and is run again at the next start.
            self._now[job.id] = job.model_copy(update={"status": "failed", "problem": problem})
            self._tell(self._now[job.id])

    async def _run(self, job: JobRecord) -> None:
        job.status, job.attempts, job.stage = "running", job.attempts + 1, "starting"
        self._store.put(job)
        self._now[job.id] = job
        self._tell(job)

        def step(now: Step) -> None:
            job.stage, job.done, job.total = now.stage, now.done, now.total
            self._tell(job)

        try:
            await run_task(self._task(job), self._limits, self._limits.job_seconds, step)
        except TaskFailed as failure:
            self._end(job, "failed", failure.problem)
        except RequestError as refusal:
            self._end(job, "failed", Problem(type="RequestError", message=str(refusal)))
        else:
            self._end(job, "done")

    def _task(self, job: JobRecord) -> Task:
        avatar = self._store.get(AvatarRecord, job.avatar)
        folder = self._store.folder(AvatarRecord, avatar.id)
        if job.kind == "prepare":
            points = folder / POINTS
            return Prepare(
                source=source_path(folder, avatar.suffix),
                folder=folder / BUNDLE,
                live_folder=folder / LIVE_BUNDLE,
                live_side=EncodingOptions().max_side,
                points=points if points.exists() else None,
                mouth=avatar.mouth,
                face=avatar.face,
            )
        speech = self._store.get(SpeechRecord, job.speech or "")
        return Render(
            avatar=folder / BUNDLE,
            speech=source_path(self._store.folder(SpeechRecord, speech.id), speech.suffix),
            output=video_path(self._store.make_folder(JobRecord, job.id), job.container),
            options=job.options,
            text=speech.text,
            language=speech.language,
        )

    def _end(self, job: JobRecord, status: str, problem: Problem | None = None) -> None:
        changed = {"status": status, "problem": problem, "ended": time.time()}
        job = job.model_copy(update=changed)
        self._now.pop(job.id, None)
        self._waiting.discard(job.id)
        self._store.put(job)
        avatar = self._store.find(AvatarRecord, job.avatar)
        if job.kind == "prepare" and avatar is not None:
            self._settle(avatar, job)
        self._metrics.jobs.labels(kind=job.kind, status=status).inc()
        logger.info("job ended", extra={"job": job.id, "kind": job.kind, "status": status})
        self._tell(job)

    def _settle(self, avatar: AvatarRecord, job: JobRecord) -> None:
        """Update the avatar at the end of its preparation."""
        avatar.problem = job.problem
        if job.status == "done":
            avatar.status = "ready"
        elif job.problem is not None and job.problem.type == NoFaceError.__name__:
            avatar.status = "needs_points"
        elif (self._store.folder(AvatarRecord, avatar.id) / BUNDLE).is_dir():
            avatar.status = "ready"
        else:
            avatar.status = "uploaded" if job.status == "cancelled" else "failed"
        self._store.put(avatar)

    def _tell(self, job: JobRecord) -> None:
        for watcher in self._watchers.get(job.id, ()):
            watcher.put_nowait(job.model_copy())


def source_path(folder: Path, suffix: str) -> Path:
    """Return the path of an upload in its folder."""
    return folder / f"source{suffix}"


def video_path(folder: Path, container: str) -> Path:
    """Return where a render lies in its folder."""
    return folder / f"video.{container}"


def live_bundle(folder: Path) -> Path:
    """Return the bundle for live sessions of an avatar's folder: the smaller one, if any."""
    small = folder / LIVE_BUNDLE
    return small if small.is_dir() else folder / BUNDLE


def job_info(job: JobRecord) -> JobInfo:
    """Return a job as the outside sees it."""
    return JobInfo.model_validate(job.model_dump(include=set(JobInfo.model_fields), mode="python"))
