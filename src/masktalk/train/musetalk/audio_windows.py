"""The audio of a training frame at exact times, and as the reference cuts it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from masktalk.speech.mel import MEL
from masktalk.train.musetalk.sync_expert import SYNC_COLUMNS
from masktalk.types import FloatArray

#: The reference cuts audio into pieces of so many seconds, at 25 frames per second.
_PIECE_S, _UPSTREAM_FPS = 30, 25
_PIECE_FRAMES = _PIECE_S * _UPSTREAM_FPS
#: Frames before the end of a piece from which on the reference moves its window.
_LAST_FRAMES, _MOVED_S = 50, 4

#: Columns by which a window may begin before its frame: 10 ms.
_MAX_LAG_COLUMNS = Fraction(4, 5)


def sync_columns(mel: FloatArray, time: Fraction) -> FloatArray:
    """Return the (80, 52) log-mel columns from a time on, silence outside the recording.

    Args:
        mel: (80, M) log-mel in -4..4.
        time: When the first of the sixteen frames shows, in seconds of the recording.
    """
    # At 25 fps this is the reference's floor; at other rates no frame lies further off.
    start = math.ceil(time * MEL.column_rate - _MAX_LAG_COLUMNS)
    columns = np.full((MEL.bands, SYNC_COLUMNS), -MEL.limit, np.float32)
    low, high = max(start, 0), min(start + SYNC_COLUMNS, mel.shape[1])
    if low < high:
        columns[:, low - start : high - start] = mel[:, low:high]
    return columns


@dataclass(frozen=True)
class UpstreamWindow:
    """The audio that the reference loads for a sample (``compat="upstream"``).

    Attributes:
        begin_s: Second of the recording at which it believes the audio to begin.
        length_s: Seconds that it loads.
        frame: Frame of the sample within what it loads.
    """

    begin_s: int
    length_s: float
    frame: int

    @classmethod
    def of(cls, frame: int, recording_s: float) -> UpstreamWindow:
        """Return the window of a frame at 25 fps in a recording of so many seconds."""
        inside = frame % _PIECE_FRAMES
        late = inside >= _PIECE_FRAMES - _LAST_FRAMES
        begin = _MOVED_S if late else 0
        length = min(_PIECE_S, recording_s - begin)
        return cls(begin, length, inside - begin * _UPSTREAM_FPS)

    def error_s(self, frame: int) -> float:
        """Return by how many seconds a frame's audio is too late; below 0, too early."""
        return self.begin_s + (self.frame - frame) / _UPSTREAM_FPS
