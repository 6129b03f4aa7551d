"""Worker processes, started, listened to and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pydantic import ValidationError

from masktalk.errors import MediaError
from masktalk.server.options import Limits
from masktalk.server.problems import Problem, RequestError
from masktalk.server.tasks import ANSWERS, Failed, Finished, Found, Order, Step, Task

logger = logging.getLogger(__name__)

_LINE = 1 << 16


class TaskFailed(Exception):
    """A worker said why it could not do its task.

    Args:
        problem: Its words.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem

    def as_refusal(self) -> RequestError:
        """Return the same, as a reply to whoever sent the file."""
        return RequestError(422, "upload", self.problem.message, self.problem.remedy)


class ProcessLimit:
    """A bound on short processes that requests start: so many run, so many more wait.

    Args:
        running: How many run at once.
        waiting: How many more may wait.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(running)
        self._limit = running + waiting
        self._inside = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a turn.

        Raises:
            RequestError: 429, too many wait already.
        """
        if self._inside >= self._limit:
            raise RequestError(429, "server", "too many files are being read", "try again later")
        self._inside += 1
        try:
            async with self._free:
                yield
        finally:
            self._inside -= 1


async def run_task(
    task: Task,
    limits: Limits,
    seconds: float,
    on_step: Callable[[Step], None] | None = None,
) -> Found | Finished:
    """Do a task in a process of its own.

    Args:
        task: What to do.
        limits: Memory and processor time.
        seconds: Wall time after which it is ended.
        on_step: Told how far it is.

    Raises:
        TaskFailed: It could not be done, died, or took too long.
    """
    order = Order(task=task, memory=limits.worker_memory, cpu_seconds=limits.worker_cpu_seconds)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "masktalk.server.worker",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, limit=_LINE, start_new_session=True, env=_environment(),
    )  # fmt: skip
    assert process.stdin is not None
    errors = asyncio.create_task(_tail(process))
    try:
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        return await asyncio.wait_for(_listen(process, on_step, errors), seconds)
    except asyncio.TimeoutError as error:
        message = f"took longer than {seconds:.0f} s"
        raise TaskFailed(Problem(type="Timeout", message=message)) from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        errors.cancel()


async def _listen(
    process: asyncio.subprocess.Process,
    on_step: Callable[[Step], None] | None,
    errors: asyncio.Task[str],
) -> Found | Finished:
    assert process.stdout is not None
    async for line in process.stdout:
        try:
            answer = ANSWERS.validate_json(line)
        except ValidationError:
            logger.warning("worker said %r", line[:200])
            continue
        if isinstance(answer, Failed):
            raise TaskFailed(answer.problem)
        if isinstance(answer, Found | Finished):
            return answer
        if on_step is not None:
            on_step(answer)
    code = await process.wait()
    logger.warning("worker ended with %d: %s", code, (await errors)[-2000:])
    reason = f"the process that read it ended with {_meaning(code)}"
    raise TaskFailed(Problem(type=MediaError.__name__, message=reason, remedy="try another file"))


async def _tail(process: asyncio.subprocess.Process) -> str:
    """Return the end of the worker's stderr; reading it keeps the pipe from filling."""
    assert process.stderr is not None
    kept = b""
    while block := await process.stderr.read(4096):
        kept = (kept + block)[-4096:]
    return kept.decode(errors="replace")


def _meaning(code: int) -> str:
    if code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _environment() -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONPATH")
    }
    return {**kept, "OMP_NUM_THREADS": "2", "GLOG_minloglevel": "2", "TF_CPP_MIN_LOG_LEVEL": "3"}
