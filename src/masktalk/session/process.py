"""A session in a process of its own, so that several do not wait for one another's interpreter.

Four sessions in one process spend as much time waiting for Python's global lock as working;
apart, each keeps to its share of a core, and one that dies takes nobody along.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from masktalk.avatar.manifest import Manifest
from masktalk.errors import MasktalkError, OptionError
from masktalk.media.resampling import mono_samples
from masktalk.session.encoding import EncodingOptions, LiveEncoder
from masktalk.session.frame_ring import FrameRing
from masktalk.session.options import SessionOptions, SessionStats, Tick
from masktalk.types import FloatArray, Frame

logger = logging.getLogger(__name__)

_PRELOAD = ["masktalk.session.session", "masktalk.engines.warp"]
_START_SECONDS, _STOP_SECONDS = 120.0, 3.0


class SessionLostError(MasktalkError):
    """The session's process ended by itself."""


@dataclass(frozen=True)
class SessionSpec:
    """Avatar, engine and options as they are sent to the process.

    Attributes:
        folder: The avatar's.
        engine: Name in the table of engines.
        engine_options: Its own options by name.
        options: The session's.
        encoding: Encode every tick there; raw frames then come only while they are asked for.
    """

    folder: Path
    engine: str = "warp"
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    options: SessionOptions = field(default_factory=SessionOptions)
    encoding: EncodingOptions | None = None


@dataclass(frozen=True)
class _Push:
    samples: FloatArray
    rate: int
    utterance: str


@dataclass(frozen=True)
class _Ready:
    rate: Fraction
    delay: float
    width: int
    height: int
    init_segment: bytes


@dataclass(frozen=True, eq=False)
class _Report:
    """A tick as it is sent; its pixels lie in ``slot`` of the frame ring, None for no frame."""

    tick: Tick
    slot: int | None
    stats: SessionStats
    queued: float
    speaking: bool


class ProcessSession:
    """``Session``, with the same methods, in a process of its own.

    Args:
        spec: Who speaks and how.
    """

    def __init__(self, spec: SessionSpec) -> None:
        self._spec = spec
        self.options = spec.options
        self.rate = Fraction(0)
        self.delay = 0.0
        self.width = self.height = 0
        #: What comes before the MP4 fragments of encoded ticks.
        self.init_segment = b""
        self.stats = SessionStats()
        self._queued = self._pushed = 0.0
        self._talking = False
        self._process: Any = None
        self._connection: Connection | None = None
        self._ring: FrameRing | None = None
        self._sending = threading.Lock()
        self._reports: asyncio.Queue[_Report | MasktalkError | None] = asyncio.Queue()

    async def __aenter__(self) -> ProcessSession:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the process and warm up in it.

        Raises:
            MasktalkError: The avatar or the engine cannot be used.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOAD)
        manifest = Manifest.read(self._spec.folder)
        channels = 4 if manifest.has_alpha else 3
        self._ring = FrameRing(context, manifest.width, manifest.height, channels)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_worker_main, args=(theirs, self._ring, self._spec), daemon=True
        )
        await asyncio.to_thread(self._process.start)
        theirs.close()
        try:
            said = await asyncio.to_thread(self._wait_ready)
        except MasktalkError:
            await self.close()
            raise
        self.rate, self.delay = said.rate, said.delay
        self.width, self.height = said.width, said.height
        self.init_segment = said.init_segment
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()

    def push_audio(self, pcm: Any, rate: int, utterance: str = "") -> None:
        """Say this next; see ``Session.push_audio``."""
        samples = mono_samples(pcm)
        seconds = len(samples) / max(rate, 1)
        if self.queued + seconds > self.options.queue:
            raise OptionError(
                "speech",
                f"more than {self.options.queue:g} s would wait",
                "push no faster than it is spoken",
            )
        self._pushed += seconds
        self._send(_Push(samples, rate, utterance))

    def flush(self) -> None:
        """Mark the end of an utterance."""
        self._send("flush")

    def interrupt(self) -> None:
        """Be silent now."""
        self._pushed = self.stats.speech_seconds
        self._queued = 0.0
        self._send("interrupt")

    def request_keyframe(self) -> None:
        """Make the next encoded frame one at which decoding can begin."""
        self._send("keyframe")

    def send_frames(self, wanted: bool) -> None:
        """Let raw frames come beside encoded ticks, or no more."""
        self._send("frames" if wanted else "no frames")

    @property
    def process_id(self) -> int:
        """Of the process it runs in; 0 before it started."""
        return (self._process.pid or 0) if self._process is not None else 0

    @property
    def queued(self) -> float:
        """Seconds of speech that wait."""
        return self._queued + max(self._pushed - self.stats.speech_seconds, 0.0)

    @property
    def speaking(self) -> bool:
        """Return whether an utterance is being spoken."""
        return self._talking or self.queued > 0

    async def __aiter__(self) -> AsyncIterator[Tick]:
        """Ticks in real time; ends when the session closes.

        Raises:
            MasktalkError: What ended the session over there.
        """
        self._send("begin")
        while (report := await self._reports.get()) is not None:
            if isinstance(report, MasktalkError):
                raise report
            self.stats, self._queued = report.stats, report.queued
            self._talking = report.speaking
            yield report.tick

    async def close(self) -> None:
        """End the process."""
        if self._connection is None:
            return
        self._send("close")
        await asyncio.to_thread(self._process.join, _STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            await asyncio.to_thread(self._process.join)
        self._reports.put_nowait(None)

    def _send(self, message: object) -> None:
        assert self._connection is not None
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:
            logger.debug("the session's process is gone")

    def _wait_ready(self) -> _Ready:
        assert self._connection is not None
        try:
            said = self._connection.recv() if self._connection.poll(_START_SECONDS) else None
        except EOFError:
            said = None
        if isinstance(said, MasktalkError):
            raise said
        if not isinstance(said, _Ready):
            raise SessionLostError("session", "its process did not start", "see the log")
        return said

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._connection is not None
        try:
            while True:
                loop.call_soon_threadsafe(self._reports.put_nowait, self._receive(self._connection))
        except (EOFError, OSError):
            code = self._process.exitcode
        except RuntimeError:
            return  # the loop is closed; nobody listens any more
        lost = SessionLostError("session", "its process ended by itself", "see the log")
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._reports.put_nowait, None if code == 0 else lost)

    def _receive(self, connection: Connection) -> _Report | MasktalkError:
        """Wait for the next report; its frame is taken out of shared memory."""
        report: _Report | MasktalkError = connection.recv()
        if isinstance(report, MasktalkError) or report.slot is None:
            return report
        assert self._ring is not None
        frame = Frame(self._ring.read(report.slot), report.tick.time)
        return replace(report, tick=replace(report.tick, frame=frame))


def _worker_main(connection: Connection, ring: FrameRing, spec: SessionSpec) -> None:
    """Run a session in the worker process."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    try:
        asyncio.run(_play(connection, ring, spec))
    except MasktalkError as error:
        connection.send(error)
    except (BrokenPipeError, EOFError):
        logger.debug("whoever watched is gone")


async def _play(connection: Connection, ring: FrameRing, spec: SessionSpec) -> None:
    from masktalk.avatar import Avatar
    from masktalk.engines import make_engine
    from masktalk.session.session import Session

    with Avatar(spec.folder) as avatar:
        engine = make_engine(spec.engine, dict(spec.engine_options))
        async with Session(avatar, engine, spec.options) as session:
            encoder = None
            if spec.encoding is not None:
                encoder = LiveEncoder(
                    (avatar.width, avatar.height),
                    session.rate,
                    session.options.audio_rate,
                    spec.encoding,
                )
            await _Worker(connection, ring, session, encoder).run()


class _Worker:
    """A session's side of the connection: commands in, ticks out.

    Args:
        connection: To the process that asked for the session.
        ring: Takes raw frames.
        session: Started already.
        encoder: Encodes every tick; None sends raw frames instead.
    """

    def __init__(
        self, connection: Connection, ring: FrameRing, session: Any, encoder: LiveEncoder | None
    ) -> None:
        self._connection, self._ring = connection, ring
        self._session, self._encoder = session, encoder
        self._sends_frames = encoder is None
        self._begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Serve until the session ends."""
        threading.Thread(target=self._handle_commands, daemon=True).start()
        # A round of the collector over all that is loaded by now outlasts two frames.
        gc.collect()
        gc.freeze()
        session, encoder = self._session, self._encoder
        width, height = (session.width, session.height) if encoder is None else encoder.size
        init_segment = b"" if encoder is None else encoder.init_segment
        self._connection.send(_Ready(session.rate, session.delay, width, height, init_segment))
        await self._begun.wait()
        async for tick in session:
            self._connection.send(self._report(tick))

    def _report(self, tick: Tick) -> _Report:
        session, slot = self._session, None
        if tick.frame is not None and self._sends_frames:
            slot = self._ring.write(tick.frame.pixels)
        encoded = None if self._encoder is None else self._encoder.encode(tick)
        sent = replace(tick, frame=None, encoded=encoded)
        return _Report(sent, slot, session.stats, session.queued, session.speaking)

    def _handle_commands(self) -> None:
        """Take commands until there are no more; then the process ends, whatever it does."""
        try:
            while (command := self._connection.recv()) != "close":
                self._handle(command)
        except (EOFError, OSError):
            logger.debug("whoever gave commands is gone")
        os._exit(0)

    def _handle(self, command: object) -> None:
        if isinstance(command, _Push):
            self._push(command)
        elif command == "begin":
            self._loop.call_soon_threadsafe(self._begun.set)
        elif command == "flush":
            self._session.flush()
        elif command == "interrupt":
            self._session.interrupt()
        elif command == "keyframe" and self._encoder is not None:
            self._encoder.request_keyframe()
        elif command in ("frames", "no frames"):
            self._sends_frames = command == "frames" or self._encoder is None

    def _push(self, push: _Push) -> None:
        try:
            self._session.push_audio(push.samples, push.rate, push.utterance)
        except MasktalkError as error:
            logger.warning("speech refused: %s", error)
