"""Whisper prompts frame by frame, from speech that comes in piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from masktalk.engines.musetalk.whisper import SEGMENT_ROWS, SEGMENT_SAMPLES
from masktalk.engines.musetalk.whisper_windows import (
    SAMPLES_PER_ROW,
    ExactWindows,
    take_window,
)
from masktalk.media.resampling import SPEECH_RATE
from masktalk.types import FloatArray

#: Between neighbouring 30 s windows of long speech: rows from one start to the next, rows
#: at a window's ends that are not used, and rows over which one fades into the other.
HOP_ROWS, EDGE_ROWS, FADE_ROWS = 1200, 100, 100
assert HOP_ROWS + 2 * EDGE_ROWS + FADE_ROWS == SEGMENT_ROWS

#: Rows a live frame hears beyond its window, so that the last are not at the edge.
LIVE_CONTEXT_ROWS = 4
_LIVE_HOP_ROWS = 500


class Encoder(Protocol):
    """Encoder of at most 30 s of audio into rows; see ``WhisperStates``."""

    @property
    def layers(self) -> int:
        """Return the number of layers of a row."""
        ...

    @property
    def width(self) -> int:
        """Return the width of a row."""
        ...

    def encode(self, samples: FloatArray) -> FloatArray:
        """Encode (N,) samples at 16 kHz to (rows, layers, width) features."""
        ...


@dataclass(frozen=True, eq=False)
class Prompt:
    """Audio conditioning of one video frame.

    Attributes:
        frame: Its number.
        time: When it shows, in seconds of the speech.
        tokens: (rows * layers, width) float32, without positional encoding.
    """

    frame: int
    time: Fraction
    tokens: FloatArray


class Sound:
    """16 kHz sound as it came in, with what is no longer needed forgotten."""

    def __init__(self) -> None:
        self.first = 0
        self._samples = np.zeros(0, np.float32)

    @property
    def heard(self) -> int:
        """Samples heard since the beginning."""
        return self.first + len(self._samples)

    def append(self, samples: FloatArray) -> None:
        """Append (N,) samples at 16 kHz."""
        self._samples = np.concatenate([self._samples, samples])

    def between(self, begin: int, end: int) -> FloatArray:
        """Return the samples ``begin`` to ``end``, as far as they were heard."""
        if begin < self.first:
            raise ValueError(f"sample {begin} is forgotten")
        return self._samples[begin - self.first : end - self.first]

    def forget(self, before: int) -> None:
        """Drop the samples before number ``before``."""
        drop = min(max(before - self.first, 0), len(self._samples))
        self._samples = self._samples[drop:].copy()
        self.first += drop


def recorded_prompts(
    encoder: Encoder, windows: ExactWindows, blocks: Iterable[FloatArray]
) -> Iterator[Prompt]:
    """Yield the prompts of recorded (N,) blocks: each row hears up to 30 s around it.

    Speech of at most 30 s is encoded in one piece, as the reference does. Longer speech
    is encoded in overlapping pieces that fade into one another, so there is no seam and
    memory does not grow.

    Args:
        encoder: Whisper.
        windows: Where each frame listens.
        blocks: 16 kHz samples in order.
    """
    yield from _prompts(encoder, windows, faded_rows(encoder, blocks))


def segmented_prompts(
    encoder: Encoder, windows: ExactWindows, blocks: Iterable[FloatArray]
) -> Iterator[Prompt]:
    """Yield the prompts as the reference does: (N,) blocks in 30 s pieces, with their seams."""
    yield from _prompts(encoder, windows, segmented_rows(encoder, blocks))


@dataclass(frozen=True, eq=False)
class RowBlock:
    """Rows that have become certain.

    Attributes:
        rows: (N, layers, width).
        heard: 16 kHz samples heard by then.
        last: Whether the speech ended.
    """

    rows: FloatArray
    heard: int
    last: bool


def segmented_rows(encoder: Encoder, blocks: Iterable[FloatArray]) -> Iterator[RowBlock]:
    """Yield the (rows, layers, width) rows of 30 s pieces, each encoded by itself."""
    sound = Sound()
    for block in blocks:
        sound.append(block)
        while sound.heard - sound.first >= SEGMENT_SAMPLES:
            begin, end = sound.first, sound.first + SEGMENT_SAMPLES
            rows = encoder.encode(sound.between(begin, end))
            yield RowBlock(rows, end, last=False)
            sound.forget(end)
    rest = encoder.encode(sound.between(sound.first, sound.heard))
    yield RowBlock(rest, sound.heard, last=True)


def faded_rows(encoder: Encoder, blocks: Iterable[FloatArray]) -> Iterator[RowBlock]:
    """Yield the (rows, layers, width) rows of overlapping 30 s pieces, each cross-faded."""
    sound = Sound()
    tail = np.zeros((0, encoder.layers, encoder.width), np.float32)
    base = 0
    for block in blocks:
        sound.append(block)
        while sound.heard > base * SAMPLES_PER_ROW + SEGMENT_SAMPLES:
            begin = base * SAMPLES_PER_ROW
            states = encoder.encode(sound.between(begin, begin + SEGMENT_SAMPLES))
            merged = _faded(tail, states, skip=EDGE_ROWS if base else 0)
            stop = HOP_ROWS + EDGE_ROWS - (EDGE_ROWS if base else 0)
            yield RowBlock(merged[:stop], begin + SEGMENT_SAMPLES, last=False)
            tail = merged[stop : stop + FADE_ROWS]
            base += HOP_ROWS
            sound.forget(base * SAMPLES_PER_ROW)
    states = encoder.encode(sound.between(base * SAMPLES_PER_ROW, sound.heard))
    merged = _faded(tail, states, skip=EDGE_ROWS if base else 0)
    yield RowBlock(merged, sound.heard, last=True)


def _faded(tail: FloatArray, states: FloatArray, skip: int) -> FloatArray:
    """Return a window's rows after its unused edge, its beginning faded in over ``tail``."""
    rows = states[skip:].copy()
    count = min(len(tail), len(rows))
    if count:
        weight = ((np.arange(count) + 1) / (len(tail) + 1)).astype(np.float32)[:, None, None]
        rows[:count] = (1 - weight) * tail[:count] + weight * rows[:count]
    return rows


def _prompts(
    encoder: Encoder, windows: ExactWindows, blocks: Iterable[RowBlock]
) -> Iterator[Prompt]:
    states = np.zeros((0, encoder.layers, encoder.width), np.float32)
    first = frame = 0
    for block in blocks:
        states = np.concatenate([states, block.rows])
        limit = windows.count(block.heard)
        if block.last:
            states = states[: max(windows.rows_of(block.heard) - first, 0)]
        while frame < limit and (block.last or windows.end(frame) <= first + len(states)):
            start = windows.start(frame)
            tokens = take_window(states, first, start, windows.padding.rows)
            yield Prompt(frame, windows.frame_time(frame), tokens)
            frame += 1
        drop = min(max(windows.start(frame) - first, 0), len(states))
        states, first = states[drop:].copy(), first + drop


def live_prompts(
    encoder: Encoder, windows: ExactWindows, blocks: Iterable[FloatArray], group: int
) -> Iterator[list[Prompt]]:
    """Yield the prompts of (N,) blocks that are still arriving, a few frames at a time.

    A group comes as soon as its last window and 80 ms more have been heard. What it
    hears of the past is at least 10 s, where there was so much. How the sound is cut
    into blocks does not change the result.

    Args:
        encoder: Whisper.
        windows: Where each frame listens.
        blocks: 16 kHz samples in order; ``next()`` may block.
        group: Frames at a time.
    """
    sound = Sound()
    frame = 0
    for block in blocks:
        sound.append(block)
        while sound.heard >= (until := live_horizon(windows, frame, group)):
            yield list(_live_group(encoder, windows, sound, range(frame, frame + group), until))
            frame += group
    end = windows.count(sound.heard)
    while frame < end:
        frames = range(frame, min(frame + group, end))
        yield list(_live_group(encoder, windows, sound, frames, sound.heard))
        frame += group


def live_horizon(windows: ExactWindows, frame: int, group: int) -> int:
    """Return the samples that must be heard before the group that begins with ``frame`` is made."""
    last = frame + group - 1
    by_rows = (windows.end(last) + LIVE_CONTEXT_ROWS) * SAMPLES_PER_ROW
    shown = (windows.frame_time(last) + Fraction(1, 2) / windows.rate) * SPEECH_RATE
    return max(by_rows, int(shown) + 1)


def _live_group(
    encoder: Encoder, windows: ExactWindows, sound: Sound, frames: range, until: int
) -> Iterator[Prompt]:
    rows = until // SAMPLES_PER_ROW
    base = max(rows // _LIVE_HOP_ROWS - 1, 0) * _LIVE_HOP_ROWS
    base = min(base, max(windows.start(frames[0]), 0))
    sound.forget(base * SAMPLES_PER_ROW)
    states = encoder.encode(sound.between(base * SAMPLES_PER_ROW, until))
    for frame in frames:
        tokens = take_window(states, base, windows.start(frame), windows.padding.rows)
        yield Prompt(frame, windows.frame_time(frame), tokens)
