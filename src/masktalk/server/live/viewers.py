"""The connections to one live session: how many there may be, and what each is passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from masktalk.server.problems import RequestError
from masktalk.session import Tick

#: Ticks a slow viewer may lag behind before it loses some.
_MAX_LAG = 12


def _ignore() -> None:
    """Do nothing."""


class Viewer:
    """One connection's view of a session: ticks, newest kept when it is slow.

    Args:
        on_loss: Called when ticks were left out.
    """

    def __init__(self, on_loss: Callable[[], None]) -> None:
        self._ticks: asyncio.Queue[Tick | None] = asyncio.Queue()
        self._on_loss = on_loss

    def show(self, tick: Tick) -> None:
        """Pass a tick on; the oldest goes when too many wait."""
        if self._ticks.qsize() >= _MAX_LAG:
            self._ticks.get_nowait()
            self._on_loss()
        self._ticks.put_nowait(tick)

    def end(self) -> None:
        """Say that nothing more comes."""
        self._ticks.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Tick]:
        while (tick := await self._ticks.get()) is not None:
            yield tick


class Reservation:
    """The place of a viewer that is still connecting; it counts until it is released."""

    def __init__(self, held: set[Reservation]) -> None:
        self._held = held
        held.add(self)

    def release(self) -> None:
        """Give the place back; harmless when done twice."""
        self._held.discard(self)


class Viewers:
    """The viewers of a session, connected and connecting.

    Args:
        limit: How many there may be.
        on_loss: Called when ticks were left out for a slow viewer, or one came late: the
            next frame should be a keyframe.
    """

    def __init__(self, limit: int, on_loss: Callable[[], None] = _ignore) -> None:
        self._limit, self._on_loss = limit, on_loss
        self._connected: set[Viewer] = set()
        self._reserved: set[Reservation] = set()
        self._last_seen = time.monotonic()

    def __len__(self) -> int:
        return len(self._connected)

    @property
    def away_seconds(self) -> float:
        """Seconds since the last viewer left; 0 while one is connected or connecting."""
        if self._connected or self._reserved:
            self._last_seen = time.monotonic()
        return time.monotonic() - self._last_seen

    def reserve(self) -> Reservation:
        """Keep a place for a viewer that is connecting.

        Raises:
            RequestError: 429, too many are connected or connecting.
        """
        if len(self._connected) + len(self._reserved) >= self._limit:
            raise RequestError(429, "viewers", "too many connections to this session")
        return Reservation(self._reserved)

    @contextmanager
    def attach(self, reservation: Reservation | None = None) -> Iterator[Viewer]:
        """Connect a viewer, in its reserved place if it has one.

        Raises:
            RequestError: 429, too many are connected or connecting.
        """
        (reservation or self.reserve()).release()
        viewer = Viewer(self._on_loss)
        self._connected.add(viewer)
        self._on_loss()
        try:
            yield viewer
        finally:
            self._connected.discard(viewer)
            self._last_seen = time.monotonic()

    def show(self, tick: Tick) -> None:
        """Pass a tick to every viewer."""
        for viewer in self._connected:
            viewer.show(tick)

    def end(self) -> None:
        """Tell every viewer that nothing more comes."""
        for viewer in self._connected:
            viewer.end()
