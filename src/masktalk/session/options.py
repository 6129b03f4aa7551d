"""Contract, options and statistics of live sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from masktalk.errors import OptionError
from masktalk.session.encoding import EncodedTick
from masktalk.session.positions import PlaybackEvent
from masktalk.types import Audio, Frame

#: Sound enters the engine in blocks of this length, so that every block is a whole
#: number of articulation steps (100 a second).
BLOCK = Fraction(1, 50)


@dataclass(frozen=True)
class SessionOptions:
    """Options of a live session.

    Attributes:
        rate: Frames per second; None takes the avatar's own (25 for a picture).
        audio_rate: Samples per second of the sound that comes out; a multiple of 50.
        delay: Seconds between a frame's place on the clock and the moment it leaves: the
            time there is for making it. None measures the engine at the start.
        queue: Most seconds of speech that may wait.
        hold: Most seconds a first block waits for more of its utterance, beyond what
            the engine must hear ahead.
        fade: Seconds over which the mouth goes from rest to speech and back.
        idle: Whether a picture blinks and sways.
    """

    rate: Fraction | None = None
    audio_rate: int = 48_000
    delay: float | None = None
    queue: float = 120.0
    hold: float = 0.012
    fade: Fraction = Fraction(6, 100)
    idle: bool = True

    def __post_init__(self) -> None:
        if self.audio_rate <= 0 or self.audio_rate % BLOCK.denominator:
            raise OptionError(f"`audio_rate` {self.audio_rate}", "must be a multiple of 50")
        if self.rate is not None and not 1 <= self.rate <= 120:
            raise OptionError(f"`rate` {self.rate}", "must lie in 1..120 frames per second")
        if self.delay is not None and self.delay <= 0:
            raise OptionError(f"`delay` {self.delay}", "must be more than 0 seconds")
        if self.queue <= 0:
            raise OptionError(f"`queue` {self.queue}", "must be more than 0 seconds")
        for name, seconds in (("hold", self.hold), ("fade", self.fade)):
            if seconds < 0:
                raise OptionError(f"`{name}` {float(seconds):g}", "must not be negative")


@dataclass(frozen=True, eq=False)
class Tick:
    """Frame and audio of one tick of a session's clock.

    Attributes:
        index: Number of the tick; none is ever left out.
        time: ``index / rate`` seconds; when the frame is shown and the sound begins.
        frame: The picture, or None where it was dropped (show the last one).
        audio: The sound of ``[time, time + 1 / rate)``.
        speaking: Whether speech, not silence, is playing.
        onset: Monotonic time at which the speech that begins here was pushed, else None.
        ended: How many flushed utterances end here.
        playback: Starts and ends of named utterances, in order.
        encoded: The tick's frame and audio encoded, where the session's process does that.
        lateness: Seconds by which the tick left after it was due.
    """

    index: int
    time: Fraction
    frame: Frame | None
    audio: Audio
    speaking: bool
    onset: float | None = None
    ended: int = 0
    playback: tuple[PlaybackEvent, ...] = ()
    encoded: EncodedTick | None = None
    lateness: float = 0.0


@dataclass
class SessionStats:
    """Counts since the session began; only ever grow.

    Attributes:
        frames: Ticks that left with a frame.
        dropped: Ticks that left without one.
        late_audio: Ticks that left more than one frame after they were due.
        worst_lateness: Seconds, the largest seen.
        render_seconds: Time spent making frames, summed.
        speech_seconds: Speech accepted.
        interrupts: How often speech was cut off.
    """

    frames: int = 0
    dropped: int = 0
    late_audio: int = 0
    worst_lateness: float = 0.0
    render_seconds: float = 0.0
    speech_seconds: float = 0.0
    interrupts: int = 0

    @property
    def dropped_share(self) -> float:
        """Share of frames dropped, 0 to 1."""
        return self.dropped / max(self.frames + self.dropped, 1)


class LiveSession(Protocol):
    """The contract that ``Session`` and its twin in a process of its own share.

    Attributes:
        options: Options of the session.
        rate: Frames per second.
        stats: Counts since the session began.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
    """

    options: SessionOptions
    rate: Fraction
    stats: SessionStats

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        ...

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        ...

    @property
    def queued(self) -> float:
        """Seconds of speech that wait."""
        ...

    @property
    def speaking(self) -> bool:
        """Return whether an utterance is being spoken."""
        ...

    async def start(self) -> None:
        """Prepare the engine; the clock begins with the first iteration."""
        ...

    def push_audio(self, pcm: Any, rate: int, utterance: str = "") -> None:
        """Append speech: (N,) or (N, channels) samples, float in [-1, 1] or int16."""
        ...

    def flush(self) -> None:
        """Mark the end of an utterance."""
        ...

    def interrupt(self) -> None:
        """Drop the waiting speech and close the mouth."""
        ...

    def __aiter__(self) -> AsyncIterator[Tick]: ...

    async def close(self) -> None:
        """End the session; may be called more than once."""
        ...
