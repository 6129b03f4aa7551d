"""The utterances of speech synthesisers, and their common protocol."""

from __future__ import annotations

import logging
import multiprocessing
import wave
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from masktalk.numerics import from_pcm16
from masktalk.types import Audio


@dataclass(frozen=True)
class Segment:
    """One phone.

    Attributes:
        start: Seconds.
        end: Seconds.
        symbol: As the synthesiser writes it.
    """

    start: float
    end: float
    symbol: str


@dataclass(frozen=True, eq=False)
class Utterance:
    """Synthetic speech and when each of its phones sounds.

    Attributes:
        audio: The sound.
        segments: In order and without overlap.
        alphabet: Key in ``phones.ALPHABETS``.
    """

    audio: Audio
    segments: tuple[Segment, ...]
    alphabet: str


class Voice(Protocol):
    """One speaker of one synthesiser."""

    @property
    def language(self) -> str:
        """Return the language's code."""
        ...

    def say(self, text: str) -> Utterance:
        """Synthesise a text.

        Raises:
            MasktalkError: The synthesiser fails.
        """
        ...


def read_wave(path: Path) -> Audio:
    """Read 16-bit mono RIFF, as flite and festival write it."""
    with wave.open(str(path), "rb") as reader:
        rate = reader.getframerate()
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
    return Audio(from_pcm16(samples), rate)


def segments_from_ends(lines: list[tuple[str, float]]) -> tuple[Segment, ...]:
    """Make segments from (symbol, end) pairs."""
    starts = [0.0, *(end for _, end in lines)]
    return tuple(
        Segment(start, end, symbol) for start, (symbol, end) in zip(starts, lines, strict=False)
    )


log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Apart:
    """Runs functions elsewhere, one at a time, and starts anew when that process dies."""

    def __init__(self) -> None:
        self._pool = self._start()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()

    def run(self, work: Callable[[str], Result], text: str) -> Result | None:
        """Return ``work(text)``, or None when the process died of it."""
        try:
            return self._pool.submit(work, text).result()
        except BrokenProcessPool:
            log.warning("a process died of %r", text)
            self._pool.shutdown()
            self._pool = self._start()
            return None

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
