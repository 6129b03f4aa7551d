"""The live sessions there are, and what flows through each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from masktalk.errors import MasktalkError
from masktalk.server.live.viewers import Viewers
from masktalk.server.messages import LiveInfo
from masktalk.server.metrics import Metrics
from masktalk.server.options import Limits
from masktalk.server.problems import Problem, RequestError, problem_of
from masktalk.server.store import new_id
from masktalk.session import (
    EncodingOptions,
    ProcessSession,
    SessionOptions,
    SessionSpec,
    SessionStats,
    Tick,
)

logger = logging.getLogger(__name__)

AUDIO_RATE = 48_000
#: Seconds of an uploaded speech that are queued ahead.
_AHEAD = 2.0
#: Speeches that may wait to be played in one session.
_MAX_PLAYS = 32


_STOPPED = Problem(type="Stopped", message="server: is shutting down", remedy="come back later")
_ABANDONED = Problem(type="Abandoned", message="session: nobody watched it", remedy="open another")


class LiveSession:
    """A session on the server: pumped by a task of its own, seen by viewers.

    Args:
        avatar_id: Whose it is.
        folder: Its bundle.
        fps: Frames per second; None for the avatar's own.
        limits: How much may wait, how long it may idle.
        metrics: Told of every tick.
    """

    def __init__(
        self, avatar_id: str, folder: Path, fps: float | None, limits: Limits, metrics: Metrics
    ) -> None:
        self.id, self.avatar_id = new_id(), avatar_id
        self._limits, self._metrics = limits, metrics
        rate = None if fps is None else Fraction(fps).limit_denominator(1001)
        options = SessionOptions(
            rate=rate, audio_rate=AUDIO_RATE, queue=limits.session_queue_seconds
        )
        self.session = ProcessSession(
            SessionSpec(folder, options=options, encoding=EncodingOptions())
        )
        self._frame_users = 0
        self.problem: Problem | None = None
        self.viewers = Viewers(limits.viewers, self.session.request_keyframe)
        self._plays: asyncio.Queue[tuple[Path, int]] = asyncio.Queue(_MAX_PLAYS)
        self._feeder: asyncio.Task[None] | None = None
        #: How often speech was interrupted; speech asked for earlier is not played.
        self.interruptions = 0
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Warm up and begin."""
        await self.session.start()
        self._pump = asyncio.create_task(self._run())

    async def close(self, problem: Problem | None = None) -> None:
        """End it; viewers are told why, if nobody asked for it."""
        self.problem = self.problem or problem
        self._drop_plays()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await self.session.close()
        self.viewers.end()

    @property
    def done(self) -> bool:
        """Return whether the session has ended by itself."""
        return self._pump is not None and self._pump.done()

    @property
    def abandoned(self) -> bool:
        """Return whether nobody has been connected for too long."""
        return self.viewers.away_seconds > self._limits.session_idle_seconds

    def play(self, samples: Path, rate: int) -> None:
        """Play a decoded speech after those that wait, without holding it all in the session.

        Raises:
            RequestError: 429, too many wait.
        """
        if self._plays.full():
            raise RequestError(429, "speech", f"{_MAX_PLAYS} speeches wait already", "try later")
        self._plays.put_nowait((samples, rate))
        if self._feeder is None or self._feeder.done():
            self._feeder = asyncio.create_task(self._feed())

    def interrupt(self) -> None:
        """Interrupt playback and drop every speech that waits."""
        self.interruptions += 1
        self._drop_plays()
        self.session.interrupt()

    @contextmanager
    def raw_frames(self) -> Iterator[None]:
        """Let raw frames come, too, for a viewer that cannot take H.264."""
        self._frame_users += 1
        self.session.send_frames(True)
        try:
            yield
        finally:
            self._frame_users -= 1
            self.session.send_frames(self._frame_users > 0)

    def info(self) -> LiveInfo:
        """Return the session's status."""
        session, stats = self.session, self.session.stats
        return LiveInfo(
            id=self.id,
            avatar=self.avatar_id,
            width=session.width,
            height=session.height,
            fps=float(session.rate),
            audio_rate=AUDIO_RATE,
            speaking=session.speaking,
            queued_seconds=round(session.queued, 3),
            frames=stats.frames,
            dropped=stats.dropped,
            late_audio=stats.late_audio,
            viewers=len(self.viewers),
        )

    def _drop_plays(self) -> None:
        while not self._plays.empty():
            self._plays.get_nowait()
        if self._feeder is not None:
            self._feeder.cancel()
            self._feeder = None

    async def _feed(self) -> None:
        while not self._plays.empty():
            await self._feed_from(*self._plays.get_nowait())

    async def _feed_from(self, path: Path, rate: int) -> None:
        samples = np.load(path, allow_pickle=False)
        step = rate // 2
        for start in range(0, len(samples), step):
            while self.session.queued > _AHEAD:
                await asyncio.sleep(0.1)
            self.session.push_audio(samples[start : start + step], rate)
        self.session.flush()

    async def _run(self) -> None:
        before = replace(self.session.stats)
        try:
            async for tick in self.session:
                self.viewers.show(tick)
                self._measure(tick, before)
                before = self.session.stats
        except MasktalkError as error:
            self.problem = problem_of(error)
            logger.warning("session failed", extra={"session": self.id, "problem": str(error)})
        finally:
            self.viewers.end()

    def _measure(self, tick: Tick, before: SessionStats) -> None:
        metrics, stats = self._metrics, self.session.stats
        metrics.frames.inc(stats.frames - before.frames)
        metrics.dropped.inc(stats.dropped - before.dropped)
        metrics.late.inc(stats.late_audio - before.late_audio)
        metrics.lateness.observe(tick.lateness)
        if tick.onset is not None:
            metrics.onset.observe(time.monotonic() - tick.onset)


class SessionManager:
    """All live sessions.

    Args:
        limits: How many there may be.
        metrics: Told how many there are.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._sessions: dict[str, LiveSession] = {}
        self._opening = 0
        self._janitor: asyncio.Task[None] | None = None
        self.closing = False

    async def start(self) -> None:
        """Begin to tidy up after those who left."""
        self._janitor = asyncio.create_task(self._tidy())

    async def stop(self) -> None:
        """Tell and end every session."""
        self.closing = True
        if self._janitor is not None:
            self._janitor.cancel()
        await asyncio.gather(*(self.close(id, _STOPPED) for id in list(self._sessions)))

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(list(self._sessions.values()))

    async def open(self, avatar_id: str, folder: Path, fps: float | None) -> LiveSession:
        """Let an avatar go live.

        Raises:
            RequestError: 429, too many are.
        """
        if len(self._sessions) + self._opening >= self._limits.sessions or self.closing:
            raise RequestError(
                429, "sessions", f"{self._limits.sessions} are live already", "close one first"
            )
        self._opening += 1
        try:
            live = LiveSession(avatar_id, folder, fps, self._limits, self._metrics)
            await live.start()
        finally:
            self._opening -= 1
        self._sessions[live.id] = live
        self._metrics.sessions.set(len(self._sessions))
        logger.info("session opened", extra={"session": live.id, "avatar": avatar_id})
        return live

    def get(self, id: str) -> LiveSession:
        """Return the session of that id.

        Raises:
            RequestError: 404, there is none.
        """
        if id not in self._sessions:
            raise RequestError(404, f"session {id[:32]}", "there is none of that id")
        return self._sessions[id]

    async def close(self, id: str, problem: Problem | None = None) -> None:
        """End a session, if it is there; its viewers are told of the problem, if it is one."""
        live = self._sessions.pop(id, None)
        if live is None:
            return
        self._metrics.sessions.set(len(self._sessions))
        await live.close(problem)
        counts = live.info().model_dump(include={"frames", "dropped", "late_audio"})
        logger.info("session closed", extra={"session": id, **counts})

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(1)
            for live in self:
                if live.abandoned or live.done:
                    await self.close(live.id, _ABANDONED if live.abandoned else None)
