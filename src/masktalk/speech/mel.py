"""Log-mel spectrograms as Wav2Lip and SadTalker were trained on them, whole and streaming.

Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild"
(2020); Slaney, "Auditory Toolbox" (1998) for the mel scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray

EdgePadding: TypeAlias = Literal["reflect", "constant"]
#: Which columns a frame hears: as the reference infers, or one frame of 1/25 s earlier, as
#: it was trained.
Pairing: TypeAlias = Literal["inference", "training"]


@dataclass(frozen=True)
class MelFormat:
    """Constants of the spectrogram.

    Attributes:
        sample_rate: Samples per second.
        hop: Samples from one column to the next.
        window: Samples of the periodic Hann window and of the Fourier transform.
        bands: Mel bands.
        lowest_hz: Lower edge of the lowest band.
        highest_hz: Upper edge of the highest band.
        preemphasis: Share of the sample before that is subtracted.
        reference_db: Level in dB that is subtracted.
        floor_db: Level in dB that becomes ``-limit``; 0 dB becomes ``limit``.
        limit: Largest absolute value of the result.
        frame_columns: Columns that a video frame hears.
    """

    sample_rate: int = 16_000
    hop: int = 200
    window: int = 800
    bands: int = 80
    lowest_hz: float = 55.0
    highest_hz: float = 7600.0
    preemphasis: float = 0.97
    reference_db: float = 20.0
    floor_db: float = -100.0
    limit: float = 4.0
    frame_columns: int = 16

    @property
    def column_rate(self) -> int:
        """Columns per second."""
        return self.sample_rate // self.hop

    @property
    def half_window(self) -> int:
        """Samples on either side of a column's centre."""
        return self.window // 2


MEL = MelFormat()
_MIN_AMPLITUDE = 10 ** (MEL.floor_db / 20)

# Slaney's mel scale: linear below 1 kHz, logarithmic above.
_HZ_PER_MEL = 200 / 3
_KINK_HZ, _KINK_MEL = 1000.0, 15.0
_MELS_PER_LOG_HZ = 27 / np.log(6.4)
#: Seconds by which the training pairing is earlier.
_TRAINING_LEAD_S = Fraction(1, 25)


def log_mel(samples: FloatArray, padding: EdgePadding = "reflect") -> FloatArray:
    """Return the (80, 1 + N // 200) log-mel spectrogram, in -4..4, of a whole recording.

    Args:
        samples: (N,) 16 kHz samples in [-1, 1]; N may be 0, which gives no columns.
        padding: Extension of the recording by half a window at both ends: mirrored, as
            librosa before 0.10, or with zeros, as later ones.
    """
    stream = LogMelStream(padding)
    columns = [stream.push(samples), stream.flush()]
    return np.ascontiguousarray(np.concatenate(columns).T)


class LogMelStream:
    """Log-mel columns of audio as it comes in; the same for any cut into blocks.

    Args:
        padding: See ``log_mel``.
    """

    def __init__(self, padding: EdgePadding = "reflect") -> None:
        self._padding = padding
        self._previous = 0.0
        self._emphasised: npt.NDArray[np.float64] = np.zeros(0)
        self._started = False
        self.heard = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """Return the (n, 80) columns that are complete with these samples.

        Args:
            samples: (N,) 16 kHz samples that follow those before.
        """
        if not len(samples):
            return _no_columns()
        current = samples.astype(np.float64)
        before = np.concatenate([[self._previous], current[:-1]])
        self._previous = float(current[-1])
        emphasised = current - MEL.preemphasis * before
        self._emphasised = np.concatenate([self._emphasised, emphasised])
        self.heard += len(samples)
        if not self._started and self.heard > MEL.half_window:
            self._pad_beginning()
        return self._columns() if self._started else _no_columns()

    def flush(self) -> FloatArray:
        """Return the (n, 80) last columns, 1 + N // 200 in all for N samples."""
        if not self.heard:
            return _no_columns()
        if not self._started:
            self._pad_beginning()
        padded = np.pad(self._emphasised, (0, MEL.half_window), self._padding)
        if self._padding == "reflect" and self.heard <= MEL.half_window:
            # Shorter than the reflection: mirror what was heard again and again.
            heard = self._emphasised[MEL.half_window :]
            padded = np.pad(heard, MEL.half_window, "reflect")
        self._emphasised = padded
        return self._columns()

    def _pad_beginning(self) -> None:
        self._started = True
        self._emphasised = np.pad(self._emphasised, (MEL.half_window, 0), self._padding)

    def _columns(self) -> FloatArray:
        count = max((len(self._emphasised) - MEL.window) // MEL.hop + 1, 0)
        columns = [
            _column(self._emphasised[step * MEL.hop : step * MEL.hop + MEL.window])
            for step in range(count)
        ]
        self._emphasised = self._emphasised[count * MEL.hop :]
        return np.stack(columns) if columns else _no_columns()


def _no_columns() -> FloatArray:
    return np.zeros((0, MEL.bands), np.float32)


def _column(samples: npt.NDArray[np.float64]) -> FloatArray:
    """Return the (80,) levels of one window; alone, so that blocks change no rounding."""
    amplitude = mel_filters() @ np.abs(np.fft.rfft(samples * _hann()))
    level_db = 20 * np.log10(np.maximum(amplitude, _MIN_AMPLITUDE)) - MEL.reference_db
    scaled = 2 * MEL.limit * (level_db - MEL.floor_db) / -MEL.floor_db - MEL.limit
    return np.clip(scaled, -MEL.limit, MEL.limit).astype(np.float32)


@cache
def _hann() -> npt.NDArray[np.float64]:
    phase = 2 * np.pi * np.arange(MEL.window) / MEL.window
    return 0.5 - 0.5 * np.cos(phase)


@cache
def mel_filters() -> npt.NDArray[np.float64]:
    """Return the (80, 401) triangular filters of equal area (Slaney 1998)."""
    lowest, highest = _mel(MEL.lowest_hz), _mel(MEL.highest_hz)
    edges = _hz(np.linspace(lowest, highest, MEL.bands + 2))
    left, centre, right = (edges[k : k + MEL.bands, None] for k in range(3))
    frequency = np.fft.rfftfreq(MEL.window, 1 / MEL.sample_rate)
    rise, fall = (frequency - left) / (centre - left), (right - frequency) / (right - centre)
    return np.asarray(np.maximum(0, np.minimum(rise, fall)) * 2 / (right - left))


def _mel(hz: float) -> float:
    if hz < _KINK_HZ:
        return hz / _HZ_PER_MEL
    return float(_KINK_MEL + np.log(hz / _KINK_HZ) * _MELS_PER_LOG_HZ)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logarithmic = _KINK_HZ * np.exp((mel - _KINK_MEL) / _MELS_PER_LOG_HZ)
    return np.where(mel < _KINK_MEL, mel * _HZ_PER_MEL, logarithmic)


class MelWindows:
    """Columns of each video frame at exact times, one window for every frame of the audio.

    Args:
        frame_rate: Frames per second.
        pairing: Columns as at inference, or as in training.
    """

    def __init__(self, frame_rate: Fraction, pairing: Pairing = "inference") -> None:
        self.frame_rate = frame_rate
        self._lead = _TRAINING_LEAD_S if pairing == "training" else Fraction(0)

    def start(self, frame: int) -> int:
        """Return the first column of a frame's window; negative before the audio begins."""
        return int((frame / self.frame_rate - self._lead) * MEL.column_rate // 1)

    def count(self, seconds: Fraction) -> int:
        """Return the frames that cover so many seconds, half a frame rounded up."""
        return int(seconds * self.frame_rate + Fraction(1, 2))

    def certain(self, frame: int, columns: int, seconds: Fraction) -> bool:
        """Return True when a frame's window lies in the columns and audio heard so far."""
        complete = self.start(frame) + MEL.frame_columns <= columns
        return complete and frame < self.count(seconds)

    def last_windows(self, frame: int, columns: int, seconds: Fraction) -> Iterator[int]:
        """Yield the first columns of the frames from ``frame`` on, when the audio has ended."""
        del columns
        for later in range(frame, self.count(seconds)):
            yield self.start(later)


class UpstreamMelWindows(MelWindows):
    """Columns and frame count as the reference computes them, rounding included.

    The first window that would reach beyond the audio is moved back inside and is the last.
    """

    def __init__(self, frame_rate: Fraction) -> None:
        super().__init__(frame_rate)
        self._columns_per_frame = 80.0 / float(frame_rate)

    def start(self, frame: int) -> int:
        """Return the first column of a frame's window, by the reference's float product."""
        return int(frame * self._columns_per_frame)

    def certain(self, frame: int, columns: int, seconds: Fraction) -> bool:
        """Return True when a frame's window lies in the columns heard so far."""
        del seconds
        return self.start(frame) + MEL.frame_columns <= columns

    def last_windows(self, frame: int, columns: int, seconds: Fraction) -> Iterator[int]:
        """Yield the first columns of the frames from ``frame`` on, when the audio has ended."""
        while self.certain(frame, columns, seconds):
            yield self.start(frame)
            frame += 1
        yield columns - MEL.frame_columns


@dataclass(frozen=True, eq=False)
class MelWindow:
    """Columns that one video frame hears.

    Attributes:
        frame: Its number.
        mel: (80, 16) float32 in -4..4; silence outside the audio.
    """

    frame: int
    mel: FloatArray


def mel_windows(
    windows: MelWindows,
    blocks: Iterable[FloatArray],
    seconds: Callable[[], Fraction] | None = None,
) -> Iterator[list[MelWindow]]:
    """Yield the (80, 16) windows that each block of audio completes, maybe none, in order.

    Args:
        windows: Columns of each frame.
        blocks: (N,) 16 kHz samples each, in order; ``next()`` may block.
        seconds: Exact length of the audio so far, where that is not a whole number of 16 kHz
            samples; None goes by the samples.
    """
    stream = LogMelStream()

    def heard() -> Fraction:
        return seconds() if seconds else Fraction(stream.heard, MEL.sample_rate)

    held, first, frame = _no_columns(), 0, 0
    for block in blocks:
        held = np.concatenate([held, stream.push(block)])
        ready = []
        while windows.certain(frame, first + len(held), heard()):
            ready.append(MelWindow(frame, _window(held, windows.start(frame) - first)))
            frame += 1
        drop = min(max(windows.start(frame) - first - MEL.frame_columns, 0), len(held))
        held, first = held[drop:], first + drop
        yield ready
    if not stream.heard:
        return
    held = np.concatenate([held, stream.flush()])
    last = windows.last_windows(frame, first + len(held), heard())
    yield [
        MelWindow(later, _window(held, start - first)) for later, start in enumerate(last, frame)
    ]


def _window(columns: FloatArray, start: int) -> FloatArray:
    """Return the (80, 16) columns from ``start`` on, with silence where there are none."""
    window = np.full((MEL.frame_columns, MEL.bands), -MEL.limit, np.float32)
    low, high = max(start, 0), min(start + MEL.frame_columns, len(columns))
    if low < high:
        window[low - start : high - start] = columns[low:high]
    return np.ascontiguousarray(window.T)
