"""A session: speech streams in, a talking face streams out, in real time."""

from __future__ import annotations

import asyncio
import logging
import statistics
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from masktalk.engines.base import Articulator, Engine
from masktalk.errors import OptionError
from masktalk.media.resampling import StreamResampler
from masktalk.overlay import with_overlay
from masktalk.session.frame_renderer import FrameRenderer
from masktalk.session.options import BLOCK, SessionOptions, SessionStats, Tick
from masktalk.session.speech_buffer import SpeechBuffer
from masktalk.speech import ArticulatorOptions, make_articulator
from masktalk.types import Audio, Frame

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

logger = logging.getLogger(__name__)

_REHEARSED, _REHEARSED_ONSET = 10, 3
#: A frame takes far less, but sessions beside one another wait for a core in turn.
_LEAST_DELAY, _MOST_DELAY = 0.045, 0.3
#: Seconds a frame may leave after its sound on a machine that is too slow.
_MOST_SKEW = 0.12
#: Seconds of silence that still belong to an utterance, beyond the look-ahead.
_TAIL = 0.2
#: Steps that the articulator hears at a time: fewer than a frame's.
_TOGETHER = 2
#: Seconds of sound that ebb away when speech is cut off, so that it does not click.
_EBB = 0.01


class Session:
    """One avatar, live.

    Push speech whenever it comes; iterate over ticks, which come in real time::

        async with Session(avatar, engine) as session:
            session.push_audio(pcm, 24_000)
            session.flush()
            async for tick in session:
                show(tick.frame), play(tick.audio)

    ``push_audio``, ``flush`` and ``interrupt`` may be called from any thread.

    Args:
        avatar: Who speaks; used by this session alone.
        engine: Moves the mouth.
        options: How.
        articulator: Hears the speech; None makes the project's own.

    Raises:
        OptionError: The engine needs the whole speech before it begins.
    """

    def __init__(
        self,
        avatar: Avatar,
        engine: Engine,
        options: SessionOptions | None = None,
        articulator: Articulator | None = None,
    ) -> None:
        if not engine.capabilities.streams:
            raise OptionError(
                f"engine {engine.capabilities.name!r}", "does not stream", "choose one that does"
            )
        self.avatar, self.engine = avatar, with_overlay(engine, avatar)
        self.options = options or SessionOptions()
        self.rate = self.options.rate or avatar.speaking_rate
        self.stats = SessionStats()
        self.delay = self.options.delay or _LEAST_DELAY
        articulator = articulator if articulator is not None else _prompt_articulator()
        self._buffer = self._make_buffer(articulator)
        self._renderer = self._make_renderer(self._buffer, articulator)
        self._intake = StreamResampler(self.options.audio_rate, "MQ", restarts=True)
        self._pushing = threading.Lock()
        self._utterance = ""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="masktalk-session")
        self._ready: dict[int, Frame] = {}
        self._origin: float | None = None
        self._next = 0
        self._typical = 0.0  # seconds a frame takes, smoothed
        self._render_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Session:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Prepare the engine and learn how long a frame takes. The clock begins with the
        first iteration."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, self.engine.prepare, self.avatar)
        await loop.run_in_executor(self._pool, self._rehearse)  # much is loaded when first used
        seconds, first = await loop.run_in_executor(self._pool, self._rehearse)
        # The first frame costs more than any other, so it is made before the clock begins.
        self._ready[0] = await loop.run_in_executor(self._pool, self._renderer.render, 0)
        self._typical = seconds
        if self.options.delay is None:
            wanted = max(2 * seconds, 1.2 * first) + 0.005
            self.delay = min(max(wanted, _LEAST_DELAY), _MOST_DELAY)
        logger.info("a frame takes %.0f ms; delay %.0f ms", seconds * 1e3, self.delay * 1e3)

    def push_audio(self, pcm: Any, rate: int, utterance: str = "") -> None:
        """Say this next.

        Args:
            pcm: (N,) or (N, channels) samples, float in [-1, 1] or int16.
            rate: Samples per second.
            utterance: Name by which ticks report when it starts and ends; none is reported
                without.

        Raises:
            InputError: Not sound.
            OptionError: More speech would wait than may.
        """
        with self._pushing:
            samples = self._intake.push(pcm, rate)
            self._buffer.push(samples, utterance)
            self._utterance = utterance
        self.stats.speech_seconds += len(samples) / self.options.audio_rate

    def flush(self) -> None:
        """Mark the end of an utterance, so that no more of it is waited for."""
        with self._pushing:
            self._buffer.push(self._intake.flush(), self._utterance)
            self._buffer.flush()

    def interrupt(self) -> None:
        """Be silent now: forget what waits, close the mouth."""
        index = self._next
        ebb = int(_EBB * self.options.audio_rate)
        with self._pushing:
            self._intake.flush()
            self._utterance = ""
            self._renderer.interrupt(index, ebb)
        self.stats.interrupts += 1

    @property
    def width(self) -> int:
        """Of its frames, pixels."""
        return self.avatar.width

    @property
    def height(self) -> int:
        """Of its frames, pixels."""
        return self.avatar.height

    @property
    def queued(self) -> float:
        """Seconds of speech that wait."""
        return self._buffer.queued / self.options.audio_rate

    @property
    def speaking(self) -> bool:
        """Return whether an utterance is being spoken."""
        return self._buffer.speaking or self._buffer.queued > 0

    async def __aiter__(self) -> AsyncIterator[Tick]:
        """Ticks in real time, each as late as it may be; ends when the session closes."""
        self._origin = time.monotonic()
        self._render_task = asyncio.create_task(self._render())
        try:
            while not self._render_task.done():
                await self._sleep_until(self._start_of(self._next) + self.delay)
                yield self._leave()
            self._render_task.result()
        finally:
            self._render_task.cancel()

    async def close(self) -> None:
        """Stop; iteration ends."""
        if self._render_task is not None:
            self._render_task.cancel()
        await asyncio.get_running_loop().run_in_executor(self._pool, self._renderer.close)
        self._pool.shutdown(wait=False)

    async def _render(self) -> None:
        """Make the newest frame that is due, again and again; skip what is too late."""
        loop = asyncio.get_running_loop()
        index = 1 if 0 in self._ready else 0
        while True:
            await self._sleep_until(self._start_of(index))
            begun = time.monotonic()
            frame = await loop.run_in_executor(self._pool, self._renderer.render, index)
            taken = time.monotonic() - begun
            self.stats.render_seconds += taken
            self._ready[index] = frame
            self._allow_for(taken)
            newest = int((time.monotonic() - self._begin) * self.rate)
            index = max(index + 1, newest)

    def _allow_for(self, seconds: float) -> None:
        """Give frames more time where they need it, in silence, when nobody hears the pause."""
        self._typical += 0.05 * (seconds - self._typical)
        if self._typical > self.delay and self.options.delay is None and not self.speaking:
            self.delay = min(self.delay + float(1 / self.rate), _MOST_DELAY)

    def _leave(self) -> Tick:
        index = self._next
        self._next = index + 1
        start, end = self._renderer.position(index), self._renderer.position(index + 1)
        begins = Fraction(index) / self.rate
        samples = self._buffer.read(start, end)
        span = self._buffer.onset(start, end)
        lateness = time.monotonic() - self._start_of(index) - self.delay
        frame = self._newest(index)
        tick = Tick(
            index=index,
            time=begins,
            frame=frame,
            audio=Audio(samples, self.options.audio_rate, begins),
            speaking=self._buffer.span(start) is not None,
            onset=None if span is None else span.pushed,
            ended=self._buffer.ended(end),
            playback=self._buffer.playback(end),
            lateness=max(lateness, 0.0),
        )
        self._buffer.forget(start - self.options.audio_rate // 4)
        self._count(tick)
        return tick

    def _newest(self, index: int) -> Frame | None:
        """Return the frame of a tick, or one a little late: else an older one would be shown."""
        oldest = index - max(int(_MOST_SKEW * self.rate), 1)
        fit = [key for key in self._ready if oldest <= key <= index]
        frame = self._ready[max(fit)] if fit else None
        self._ready = {key: value for key, value in self._ready.items() if key > index}
        return frame

    def _count(self, tick: Tick) -> None:
        stats = self.stats
        if tick.frame is None:
            stats.dropped += 1
        else:
            stats.frames += 1
        stats.late_audio += tick.lateness > 1 / self.rate
        stats.worst_lateness = max(stats.worst_lateness, tick.lateness)

    @property
    def _begin(self) -> float:
        assert self._origin is not None
        return self._origin

    def _start_of(self, index: int) -> float:
        return self._begin + float(Fraction(index) / self.rate)

    async def _sleep_until(self, when: float) -> None:
        await asyncio.sleep(max(when - time.monotonic(), 0))

    def _make_buffer(self, articulator: Articulator) -> SpeechBuffer:
        rate = self.options.audio_rate
        ahead = articulator.lookahead
        return SpeechBuffer(
            rate=rate,
            block=int(rate * BLOCK),
            hold=int(rate * (float(ahead) + self.options.hold)),
            tail=int(rate * (float(ahead) + _TAIL)),
            limit=int(rate * self.options.queue),
        )

    def _make_renderer(self, buffer: SpeechBuffer, articulator: Articulator) -> FrameRenderer:
        return FrameRenderer(
            self.avatar,
            self.engine,
            buffer,
            self.rate,
            articulator,
            self.options.fade,
            self.options.idle,
        )

    def _rehearse(self) -> tuple[float, float]:
        """Seconds that a speaking frame takes, and the first one of an utterance, which must
        catch up with the look-ahead; measured on a renderer of its own."""
        articulator = _prompt_articulator()
        buffer = self._make_buffer(articulator)
        renderer = self._make_renderer(buffer, articulator)
        noise = np.random.default_rng(0).normal(0, 0.1, self.options.audio_rate)
        taken = []
        for index in range(_REHEARSED):
            if index == _REHEARSED_ONSET:
                buffer.push(np.asarray(noise, np.float32))
            begun = time.perf_counter()
            renderer.render(index)
            taken.append(time.perf_counter() - begun)
        renderer.close()
        return statistics.median(taken[_REHEARSED_ONSET + 1 :]), taken[_REHEARSED_ONSET]


def _prompt_articulator() -> Articulator:
    """One that answers sooner: a session hands it a frame's worth of sound at a time anyway."""
    return make_articulator(ArticulatorOptions(together=_TOGETHER))
