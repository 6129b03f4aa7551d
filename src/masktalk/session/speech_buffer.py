"""One unbroken sound out of speech that comes when it comes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from masktalk.errors import OptionError
from masktalk.session.positions import PlaybackEvent, PlaybackTracker
from masktalk.types import FloatArray


@dataclass
class Utterance:
    """A stretch of the buffer with speech in it, in samples.

    Attributes:
        start: Its first sample.
        end: Just after its last one; None while it lasts.
        pushed: Monotonic time at which its first sample was pushed.
    """

    start: int
    end: int | None
    pushed: float


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Samples that wait, and the name of their utterance."""

    samples: FloatArray
    utterance: str


@dataclass(frozen=True)
class _End:
    """The end of an utterance in the queue."""

    utterance: str


class SpeechBuffer:
    """Queue in, one unbroken sound out: speech where there is some, silence elsewhere.

    Nothing is decided before somebody reads it: sound is *committed* block by block as
    the engine pulls, so an utterance that arrives while the avatar idles begins at the
    very next block. Once it has begun, the engine's look-ahead keeps the committed end
    ahead of what is heard. All positions are samples since the session began. Safe to
    use from several threads.

    Args:
        rate: Samples per second.
        block: Samples committed at a time.
        hold: Samples that must wait before an utterance begins (unless it was flushed, or
            the first has waited that long), so that it does not break off at once.
        tail: Samples of silence that still belong to an utterance.
        limit: Most samples that may wait.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        rate: int,
        block: int,
        hold: int,
        tail: int,
        limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate, self.block = rate, block
        self._hold, self._tail, self._limit = hold, tail, limit
        self._clock = clock
        self._lock = threading.RLock()
        self._queue: deque[_Chunk | _End] = deque()
        self._name = ""  # of the utterance that was pushed last
        self._tracker = PlaybackTracker(rate)
        self._queued = 0
        self._waiting_since: float | None = None
        self._sound = np.zeros(0, np.float32)
        self._origin = 0
        self._quiet_for = 0
        self._spans: deque[Utterance] = deque()
        self._ends: deque[int] = deque()

    @property
    def queued(self) -> int:
        """Samples that wait."""
        with self._lock:
            return self._queued

    @property
    def end(self) -> int:
        """Just after the last committed sample."""
        with self._lock:
            return self._origin + len(self._sound)

    @property
    def speaking(self) -> bool:
        """Return whether an utterance has begun and not ended."""
        with self._lock:
            return bool(self._spans) and self._spans[-1].end is None

    def push(self, samples: FloatArray, utterance: str = "") -> None:
        """Append (N,) samples of speech to the queue.

        Args:
            samples: (N,) float32 in [-1, 1].
            utterance: Name by which ``playback`` reports it; none is reported without.

        Raises:
            OptionError: More would wait than may.
        """
        with self._lock:
            if utterance:
                self._tracker.expect(utterance)
            self._name = utterance
            if not len(samples):
                return
            if self._queued + len(samples) > self._limit:
                raise OptionError(
                    "speech",
                    f"more than {self._limit / self.rate:g} s would wait",
                    "push no faster than it is spoken",
                )
            if not self._queued:
                self._waiting_since = self._clock()
            self._queue.append(_Chunk(samples, utterance))
            self._queued += len(samples)

    def flush(self) -> None:
        """Say that what was pushed so far is a whole utterance."""
        with self._lock:
            if self._queued or self.speaking:
                self._queue.append(_End(self._name))
            elif self._name:
                self._tracker.finish(self._name)

    def interrupt(self, at: int, fade: int, quiet_until: int = 0) -> None:
        """Forget what waits and what was committed from ``at`` on.

        The sound that is heard then fades out over ``fade`` samples. No other speech
        begins before ``quiet_until``: up to there the engine has heard already.
        """
        with self._lock:
            self._queue.clear()
            self._queued, self._name = 0, ""
            self._waiting_since = None
            cut = max(at - self._origin, 0)
            ebbing = self._sound[cut : cut + fade]
            ebbing = ebbing * np.linspace(1, 0, len(ebbing), dtype=np.float32)
            quiet = np.zeros(max(quiet_until - at - len(ebbing), 0), np.float32)
            self._sound = np.concatenate([self._sound[:cut], ebbing, quiet])
            while self._spans and self._spans[-1].start >= at:
                self._spans.pop()
            if self._spans and (self._spans[-1].end or at) >= at:
                self._spans[-1].end = at
            self._ends = deque(end for end in self._ends if end <= at)
            self._tracker.interrupt(at)

    def read(self, start: int, end: int) -> FloatArray:
        """(end - start,) samples, committed if need be; 0 where they were forgotten."""
        with self._lock:
            while self.end < end:
                self._commit()
            first, last = start - self._origin, end - self._origin
            missing = max(-first, 0)
            got = self._sound[max(first, 0) : max(last, 0)]
            return np.concatenate([np.zeros(missing, np.float32), got]) if missing else got.copy()

    def span(self, position: int) -> Utterance | None:
        """Return the utterance that covers a position, or None."""
        with self._lock:
            for span in reversed(self._spans):
                if span.start <= position and (span.end is None or position < span.end):
                    return span
        return None

    def onset(self, start: int, end: int) -> Utterance | None:
        """Return the utterance that begins in ``[start, end)``, or None."""
        with self._lock:
            return next((span for span in self._spans if start <= span.start < end), None)

    def ended(self, end: int) -> int:
        """Count the flushed utterances that ended before ``end`` and were not reported yet."""
        with self._lock:
            count = 0
            while self._ends and self._ends[0] <= end:
                self._ends.popleft()
                count += 1
            return count

    def playback(self, end: int) -> tuple[PlaybackEvent, ...]:
        """Return the starts and ends of named utterances before ``end``, each once."""
        with self._lock:
            return self._tracker.until(end)

    def forget(self, before: int) -> None:
        """Let go of everything before a position."""
        with self._lock:
            keep = before - self._origin
            if keep < self.rate // 4:  # copy now and then, not at every frame
                return
            self._sound = self._sound[keep:].copy()
            self._origin = before
            while self._spans and self._spans[0].end is not None and self._spans[0].end < before:
                self._spans.popleft()

    def _commit(self) -> None:
        start = self.end
        if not self.speaking and self._ready():
            pushed = self._waiting_since if self._waiting_since is not None else self._clock()
            self._spans.append(Utterance(start, None, pushed))
            self._quiet_for = 0
        block = np.zeros(self.block, np.float32)
        filled = self._fill(block, start) if self.speaking else 0
        self._sound = np.concatenate([self._sound, block])
        if self.speaking and not self._queued:
            self._quiet_for = self._quiet_for + self.block - filled
            if self._quiet_for >= self._tail:
                self._spans[-1].end = self.end
        elif filled:
            self._quiet_for = 0

    def _fill(self, block: FloatArray, start: int) -> int:
        filled = 0
        while self._queue:
            head = self._queue[0]
            if isinstance(head, _End):
                self._ends.append(start + filled)
                self._tracker.finish(head.utterance)
                self._queue.popleft()
                continue
            if filled == len(block):
                break
            take = min(len(head.samples), len(block) - filled)
            block[filled : filled + take] = head.samples[:take]
            if head.utterance:
                self._tracker.place(head.utterance, start + filled, take)
            self._queue[0] = _Chunk(head.samples[take:], head.utterance)
            if take == len(head.samples):
                self._queue.popleft()
            filled += take
            self._queued -= take
        if filled:
            self._waiting_since = self._clock() if self._queued else None
            self._quiet_for = 0
        return filled

    def _ready(self) -> bool:
        if not self._queued or self._waiting_since is None:
            return False
        if self._queued >= self._hold or any(isinstance(item, _End) for item in self._queue):
            return True
        return (self._clock() - self._waiting_since) * self.rate >= self._hold
