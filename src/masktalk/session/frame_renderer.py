"""Engine, avatar and speech buffer together: the frame of any tick, on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from masktalk.engines.base import Articulator, Engine, Speech
from masktalk.rendering import compose_one
from masktalk.session.idle import IdleMotion
from masktalk.session.idle_articulator import IdleArticulator
from masktalk.session.speech_buffer import SpeechBuffer
from masktalk.types import Audio, Frame, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar


class FrameRenderer:
    """Makes frames one at a time by pulling the engine, which pulls the buffer.

    Knows nothing of the clock on the wall: whoever calls ``render`` decides when.

    Args:
        avatar: Who speaks.
        engine: Moves the mouth; already prepared.
        buffer: What is heard.
        rate: Frames per second.
        articulator: Hears speech; the engine's own idle costs are then avoided.
        fade: Seconds of a cross-fade between rest and speech.
        idle: True lets an image blink and move by itself.
    """

    def __init__(
        self,
        avatar: Avatar,
        engine: Engine,
        buffer: SpeechBuffer,
        rate: Fraction,
        articulator: Articulator,
        fade: Fraction,
        idle: bool,
    ) -> None:
        self._avatar, self._engine, self._buffer = avatar, engine, buffer
        self._rate = rate
        self._behaves = idle
        face = avatar.faces[0] if avatar.is_image else None
        self._idle: IdleMotion | None = None
        if idle and face is not None and not engine.capabilities.behaves:
            self._idle = IdleMotion(face, avatar.width, avatar.height)
        self._mouth = IdleArticulator(articulator, self._speaking, fade)
        self._lock = threading.Lock()
        self._restart_at: int | None = 0
        self._patches: Iterator[Patch | None] = iter(())
        self._base = 0
        self._next = 0
        self._wanted = 0
        self._pulled = 0
        self._pulled_none = True
        # A frame always needs a frame's worth of sound, so that much comes in one block: it
        # costs the articulator less than several. What is needed beyond comes in small ones.
        whole_blocks = max(self.position(1) // buffer.block, 1)
        self._stride = whole_blocks * buffer.block

    def position(self, index: int) -> int:
        """Return the sample at which tick ``index`` begins."""
        return int(index * self._buffer.rate / self._rate)

    def interrupt(self, index: int, ebb: int) -> None:
        """From tick ``index`` on there is silence; the mouth closes at once.

        An engine that asks the articulator goes on, and is told that the mouth rests. One
        that listens by itself has heard ahead what is not said any more: it begins anew.
        """
        at = self.position(index)
        if self._mouth.is_used:
            self._mouth.cut()
            self._buffer.interrupt(at, ebb, quiet_until=self._pulled)
            return
        self._buffer.interrupt(at, ebb)
        with self._lock:
            self._restart_at = index

    def render(self, index: int) -> Frame:
        """Return the frame of a tick; indices only grow, those left out are skipped cheaply."""
        with self._lock:
            at, self._restart_at = self._restart_at, None
        if at is not None or index - self._next > self._rate:
            self._begin(index if at is None else min(at, index))
        self._wanted = index
        self._pulled_none = True
        patch = None
        while self._next <= index:
            patch = next(self._patches)
            self._next += 1
        time = Fraction(index) / self._rate
        frame = compose_one(self._avatar, patch, Fraction(0), time)
        return frame if self._idle is None else self._idle.apply(frame, float(time))

    def close(self) -> None:
        """Let the engine go."""
        close = getattr(self._patches, "close", None)
        if close is not None:
            close()

    def _begin(self, index: int) -> None:
        self.close()
        begin = Fraction(index) / self._rate
        self._base = self._next = index
        self._mouth.restart(begin)
        speech = Speech(
            blocks=self._blocks(self.position(index)),
            rate=self._rate,
            begin=begin,
            behaves=self._behaves,
            articulator=self._mouth,
            wanted=lambda offset: self._base + offset >= self._wanted,
        )
        self._patches = self._engine.speak(self._avatar, speech)

    def _blocks(self, start: int) -> Iterator[Audio]:
        position = start
        while True:
            size = self._stride if self._pulled_none else self._buffer.block
            self._pulled_none = False
            self._pulled = position + size
            samples = self._buffer.read(position, self._pulled)
            time = Fraction(position - start, self._buffer.rate)
            position += len(samples)
            yield Audio(samples, self._buffer.rate, time)

    def _speaking(self, time: Fraction) -> bool:
        return self._buffer.span(round(time * self._buffer.rate)) is not None
