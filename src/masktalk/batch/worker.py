"""The process that renders: jobs come in over a pipe, progress and outcomes go out."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from masktalk.errors import MasktalkError
from masktalk.preparation import PrepareOptions

if TYPE_CHECKING:
    from masktalk.avatar import Avatar
    from masktalk.batch.clips import Clip
    from masktalk.types import Progress

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_MESSAGES = 0.5


@dataclass(frozen=True)
class PrepareJob:
    """An avatar to prepare, for all its clips.

    Attributes:
        source: Anything that ``prepare`` takes.
        options: Options of ``prepare``.
    """

    source: Path
    options: PrepareOptions


@dataclass(frozen=True)
class RenderJob:
    """A clip to render.

    Attributes:
        avatar: Its avatar, prepared before.
        clip: The clip.
        path: File to write.
    """

    avatar: PrepareJob
    clip: Clip
    path: Path


@dataclass(frozen=True)
class Step:
    """Progress of a job: seconds of video that are rendered."""

    seconds: float


@dataclass(frozen=True)
class Done:
    """A job that is done.

    Attributes:
        frames: Number of frames rendered.
        rate: Frames per second.
        seconds: Processor seconds it took.
    """

    frames: int = 0
    rate: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """A job that failed, with its error in one line."""

    error: str


class Renderer:
    """Does jobs one after another and keeps the last avatar open between them."""

    def __init__(self) -> None:
        self._opened: tuple[PrepareJob, Avatar] | None = None

    def run(self, job: PrepareJob | RenderJob, progress: Progress) -> Done | Failed:
        """Do a job; what goes wrong becomes its outcome."""
        begun = time.process_time()
        try:
            if isinstance(job, PrepareJob):
                self._avatar(job)
                return Done(seconds=time.process_time() - begun)
            made = self._render(job, progress)
            return replace(made, seconds=time.process_time() - begun)
        except (BrokenPipeError, KeyboardInterrupt):
            raise
        except MasktalkError as error:
            return Failed(str(error))
        except Exception as error:  # one clip's fault must not end the others
            logger.exception("a job failed")
            return Failed(f"{type(error).__name__}: {' '.join(str(error).split())}")

    def close(self) -> None:
        """Close the avatar."""
        if self._opened is not None:
            self._opened[1].close()
        self._opened = None

    def _avatar(self, job: PrepareJob) -> Avatar:
        from masktalk.preparation import prepare

        if self._opened is None or self._opened[0] != job:
            self.close()
            self._opened = job, prepare(job.source, options=job.options)
        return self._opened[1]

    def _render(self, job: RenderJob, progress: Progress) -> Done:
        from masktalk.rendering import render

        options = replace(job.clip.rendering, overwrite=True)
        made = render(self._avatar(job.avatar), job.clip.speech, job.path, options, progress)
        return Done(made.frames, str(made.rate))


def worker_main(pipe: Connection) -> None:
    """Do the jobs that come over a pipe until it closes."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    cv2.setNumThreads(1)
    renderer = Renderer()
    try:
        while True:
            job = pipe.recv()
            pipe.send(renderer.run(job, _Steps(pipe, job)))
    except (EOFError, OSError, KeyboardInterrupt):
        renderer.close()


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt  # so that every block removes what it has half written


class _Steps:
    """Progress over a pipe, now and then."""

    def __init__(self, pipe: Connection, job: PrepareJob | RenderJob) -> None:
        self._pipe = pipe
        self._seconds = job.clip.seconds if isinstance(job, RenderJob) else Fraction(0)
        self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if total and now - self._last > _SECONDS_BETWEEN_MESSAGES:
            self._last = now
            self._pipe.send(Step(float(self._seconds * done / total)))
