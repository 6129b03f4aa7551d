"""Windows of 50 Hz Whisper rows for each video frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from masktalk.errors import OptionError
from masktalk.media.resampling import SPEECH_RATE
from masktalk.types import FloatArray

#: Samples per second that Whisper hears, and rows per second that its encoder gives.
ROW_RATE = 50
SAMPLES_PER_ROW = SPEECH_RATE // ROW_RATE


@dataclass(frozen=True)
class Padding:
    """Frames of 1/25 s by which a window extends to either side.

    Attributes:
        left: Frames before.
        right: Frames after.
    """

    left: int = 2
    right: int = 2

    def __post_init__(self) -> None:
        if self.left < 0 or self.right < 0:
            raise OptionError(
                "`audio_padding_length_left`/`audio_padding_length_right`", "must not be negative"
            )

    @property
    def rows(self) -> int:
        """Rows in a window."""
        return 2 * (self.left + self.right + 1)


class ExactWindows:
    """Windows at exact rational times: frame i starts at row ``floor(50 i / rate)``.

    At 25 frames per second these are the rows MuseTalk is trained with; at any other
    rate a window still lies where its frame is.

    Args:
        rate: Frames per second.
        padding: How far a window reaches.
    """

    def __init__(self, rate: Fraction, padding: Padding | None = None) -> None:
        self.rate = rate
        self.padding = padding or Padding()

    def start(self, frame: int) -> int:
        """First row of a frame's window; negative before the speech begins."""
        return int(frame * ROW_RATE // self.rate) - 2 * self.padding.left

    def end(self, frame: int) -> int:
        """Row after the last of a frame's window."""
        return self.start(frame) + self.padding.rows

    def count(self, samples: int) -> int:
        """Frames that cover so many 16 kHz samples, half a frame rounded up."""
        return int(Fraction(samples, SPEECH_RATE) * self.rate + Fraction(1, 2))

    def frame_time(self, frame: int) -> Fraction:
        """When a frame shows, in seconds."""
        return frame / self.rate

    def rows_of(self, samples: int) -> int:
        """Rows that carry sound; later ones are zero."""
        return samples // SAMPLES_PER_ROW


class UpstreamWindows(ExactWindows):
    """Windows as the reference computes them, rounding included (``compat="upstream"``).

    The rate is cut to an integer, counts are floored in floating point, and below 25
    frames per second windows start early.
    """

    def __init__(self, rate: Fraction, padding: Padding | None = None) -> None:
        super().__init__(rate, padding)
        self._fps = int(float(rate))
        if not 1 <= self._fps < ROW_RATE:
            raise OptionError(
                "`compat` upstream",
                f"the reference cannot make {float(rate):g} frames per second",
                "leave `compat` out",
            )

    def start(self, frame: int) -> int:
        """Return the first row that a frame uses."""
        lead = math.ceil(ROW_RATE / self._fps) * self.padding.left
        return math.floor(frame * (ROW_RATE / self._fps)) - lead

    def count(self, samples: int) -> int:
        """Return the number of frames of so many samples."""
        return math.floor(samples / SPEECH_RATE * self._fps)

    def frame_time(self, frame: int) -> Fraction:
        """Return the time of a frame in seconds."""
        return Fraction(frame, self._fps)

    def rows_of(self, samples: int) -> int:
        """Return the number of rows of so many samples."""
        return math.floor(samples / SPEECH_RATE * ROW_RATE)


def window_rows(windows: ExactWindows, samples: int) -> npt.NDArray[np.int64]:
    """(frames, rows) which row each place of each window takes; -1 where it is silence."""
    starts = np.array([windows.start(i) for i in range(windows.count(samples))], np.int64)
    rows = starts[:, None] + np.arange(windows.padding.rows)
    rows[(rows < 0) | (rows >= windows.rows_of(samples))] = -1
    return rows


def take_window(states: FloatArray, first: int, start: int, rows: int) -> FloatArray:
    """One window, flattened to tokens.

    Args:
        states: (N, layers, width) rows of the encoder, the first being row ``first``.
        first: Number of ``states[0]``.
        start: First row wanted.
        rows: How many.

    Returns:
        (rows * layers, width); token ``layers * r + l`` is row r, layer l. Rows outside
        ``states`` are zero.
    """
    window = np.zeros((rows, *states.shape[1:]), np.float32)
    low, high = max(start, first), min(start + rows, first + len(states))
    if low < high:
        window[low - start : high - start] = states[low - first : high - first]
    return window.reshape(-1, states.shape[-1])
