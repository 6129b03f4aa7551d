"""Playback positions: where in the session's audio each named utterance starts and ends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class PlaybackEvent:
    """The start or the end of an utterance's playback; every utterance has one end.

    Attributes:
        kind: ``started``, ``finished``, or ``interrupted`` (also before it started).
        utterance: The name it was pushed with.
        seconds: How much of it has been played.
    """

    kind: Literal["started", "finished", "interrupted"]
    utterance: str
    seconds: float


@dataclass
class _Placed:
    """An utterance whose end has not been told yet: (first sample, count) of each part."""

    parts: list[tuple[int, int]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Just after its last sample; 0 when it has none."""
        return sum(self.parts[-1]) if self.parts else 0

    def played(self, end: int) -> int:
        """Return the number of its samples before a position."""
        return sum(min(max(end - start, 0), count) for start, count in self.parts)


class PlaybackTracker:
    """Keeps where utterances lie; all positions are samples since the session began.

    Args:
        rate: Samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._open: dict[str, _Placed] = {}
        self._events: deque[tuple[int, PlaybackEvent]] = deque()

    def expect(self, utterance: str) -> None:
        """Note an utterance that waits to be played."""
        self._open.setdefault(utterance, _Placed())

    def place(self, utterance: str, start: int, count: int) -> None:
        """Note that so many samples of an utterance are heard from ``start`` on."""
        placed = self._open.setdefault(utterance, _Placed())
        if not placed.parts:
            self._add(start, "started", utterance, 0)
        placed.parts.append((start, count))

    def finish(self, utterance: str) -> None:
        """Note that nothing more comes of an utterance: it ends with its last sample."""
        if (placed := self._open.get(utterance)) is not None:
            self._add(placed.end, "finished", utterance, placed.played(placed.end))

    def interrupt(self, at: int) -> None:
        """End every utterance that has not ended at ``at``."""
        kept = [
            (position, event)
            for position, event in self._events
            if position < at or (event.kind != "started" and position <= at)
        ]
        self._events = deque(kept)
        ended = {event.utterance for _, event in kept if event.kind != "started"}
        for utterance, placed in self._open.items():
            if utterance not in ended:
                self._add(at, "interrupted", utterance, placed.played(at))

    def until(self, end: int) -> tuple[PlaybackEvent, ...]:
        """Return what has happened before ``end`` and was not returned yet."""
        due = []
        while self._events:
            position, event = self._events[0]
            if position > end or (event.kind == "started" and position == end):
                break
            due.append(event)
            self._events.popleft()
            if event.kind != "started":
                self._open.pop(event.utterance, None)
        return tuple(due)

    def _add(
        self,
        position: int,
        kind: Literal["started", "finished", "interrupted"],
        utterance: str,
        played: int,
    ) -> None:
        self._events.append((position, PlaybackEvent(kind, utterance, played / self._rate)))
