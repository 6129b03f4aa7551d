"""Processes that do jobs; one that dies takes only its own job along."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from typing import Any, TypeAlias

from masktalk.batch.worker import Done, Failed, PrepareJob, RenderJob, Step, worker_main

logger = logging.getLogger(__name__)

_PRELOAD = ["masktalk.rendering", "masktalk.preparation", "masktalk.engines.warp"]
_STOP_SECONDS = 5.0
#: Times that a job is tried whose process dies.
_MAX_TRIES = 2

Job: TypeAlias = "PrepareJob | RenderJob"
#: Chooses the next job for a worker that did the given one last; None if there is none now.
Chooser: TypeAlias = "Callable[[Job | None], Job | None]"


class _Worker:
    """A process, the job that it does, and the one that it did last."""

    def __init__(self, context: Any) -> None:
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=worker_main, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.job: Job | None = None
        self.last: Job | None = None
        self.tries = 0

    def give(self, job: Job, tries: int = 1) -> None:
        """Send a job, to be tried for the ``tries``-th time."""
        self.job, self.tries = job, tries
        try:
            self.pipe.send(job)
        except OSError:
            logger.debug("a process died while it was idle")  # receive() finds out

    def receive(self) -> Step | Done | Failed | None:
        """Return the next answer; None if the process is dead."""
        try:
            answer: Step | Done | Failed = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if not isinstance(answer, Step):
            self.last, self.job = self.job, None
        return answer

    def cause_of_death(self) -> str:
        """Return the reason why the process is dead, in words."""
        self._process.join(_STOP_SECONDS)
        code = self._process.exitcode or 0
        if code == -signal.SIGKILL:
            return "its process was killed (SIGKILL); perhaps memory ran out"
        if code < 0:
            return f"its process died of {signal.Signals(-code).name}"
        return f"its process ended with code {code}"

    def stop(self) -> None:
        """End the process; files that it has half written are removed."""
        self.pipe.close()
        self._process.terminate()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run_jobs(
    choose: Chooser, processes: int, on_step: Callable[[Job, float], None]
) -> Iterator[tuple[Job, Done | Failed]]:
    """Do jobs in processes; yield each with its outcome, in the order in which they end.

    Args:
        choose: See ``Chooser``; asked whenever a process is free.
        processes: Number of processes.
        on_step: Called with a job and the seconds of video that it has rendered.
    """
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    workers = [_Worker(context) for _ in range(processes)]
    try:
        while True:
            for worker in workers:
                if worker.job is None and (job := choose(worker.last)) is not None:
                    worker.give(job)
            busy: dict[Any, _Worker] = {each.pipe: each for each in workers if each.job is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                job = worker.job
                assert job is not None
                answer = worker.receive()
                if isinstance(answer, Step):
                    on_step(job, answer.seconds)
                elif answer is not None:
                    yield job, answer
                else:
                    failed = Failed(worker.cause_of_death())
                    fresh = workers[workers.index(worker)] = _Worker(context)
                    if worker.tries < _MAX_TRIES:
                        logger.warning("%s; trying once more", failed.error)
                        fresh.give(job, worker.tries + 1)
                    else:
                        yield job, failed
    finally:
        for worker in workers:
            worker.stop()
