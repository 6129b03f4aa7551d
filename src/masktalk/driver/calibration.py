"""Calibration of a driving video's mouth measures to those of an average face.

One person's lips part by a tenth of the eye distance in speech, another's by a third, and
closed lips are rarely tracked as exactly 0. The range is taken from the driver itself:
quantiles of what was seen, in histograms of fixed size, so that a stream may go on for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from masktalk.faces.measures import MouthMeasures
from masktalk.speech.gestures import REST_WIDTH

# The 95th percentile of the opening in speech, median of eighteen people, eye distances.
_SPEECH_OPENING = 0.20
_GAIN_LIMITS = (0.5, 2.5)
# Opening over its floor at which lips count as just apart and as fully together.
_APART, _TOGETHER = 0.020, 0.006
_WIDTH_LIMIT = 0.16


class RunningQuantiles:
    """Quantiles of a stream in bounded memory.

    Args:
        top: Largest value that is told apart; smallest is 0.
        bins: How many steps to it.
    """

    def __init__(self, top: float, bins: int = 512) -> None:
        self._counts: npt.NDArray[np.float64] = np.zeros(bins)
        self._step = top / bins

    def add(self, value: float, weight: float = 1.0) -> None:
        """Add one value with its weight."""
        index = int(value / self._step)
        self._counts[min(max(index, 0), len(self._counts) - 1)] += weight

    def at(self, share: float) -> float:
        """Return the value below which ``share`` of the weight lies; 0 before anything came."""
        total = self._counts.sum()
        if total == 0:
            return 0.0
        return float(np.searchsorted(np.cumsum(self._counts), share * total)) * self._step


@dataclass(frozen=True)
class Range:
    """Range of a measure of the driving mouth, and its mapping.

    Attributes:
        closed: Opening that is tracked when the lips are together.
        gain: Openings of an average face per opening of the driver.
        neutral: The driver's mouth width in the middle of its range.
        wide: Widths of an average face per width of the driver.
    """

    closed: float
    gain: float
    neutral: float
    wide: float

    def gesture(self, measures: MouthMeasures) -> npt.NDArray[np.float64]:
        """(5,) one row of ``speech.gestures.GESTURES``."""
        opening = max(measures.aperture - self.closed, 0.0)
        closure = np.clip((_APART - opening) / (_APART - _TOGETHER), 0, 1)
        wider = (measures.width - self.neutral) * self.wide
        width = REST_WIDTH + float(np.clip(wider, -_WIDTH_LIMIT, _WIDTH_LIMIT))
        return np.array([opening * self.gain, width, closure, 0.0, 0.0])


class Calibration:
    """Learns the range of a driver's mouth as it is seen.

    Args:
        mouth_width: The avatar's mouth width in eye distances; a small mouth opens less.
    """

    def __init__(self, mouth_width: float = REST_WIDTH) -> None:
        self._opening = RunningQuantiles(top=0.8)
        self._width = RunningQuantiles(top=1.5)
        self._reach = _SPEECH_OPENING * float(np.clip(mouth_width / REST_WIDTH, 0.75, 1.25))
        # Two seconds of an average speaker, so that the first syllables have a range.
        for share in np.linspace(0, 1, 50):
            self._opening.add(share * _SPEECH_OPENING)

    def observe(self, measures: MouthMeasures) -> None:
        """Take one frame into account; frames without a face teach nothing."""
        if measures.tracked:
            self._opening.add(measures.aperture)
            self._width.add(measures.width)

    def range(self) -> Range:
        """Return the range as known so far."""
        closed = min(self._opening.at(0.05), 0.06)
        top = self._opening.at(0.95)
        neutral = self._width.at(0.5) or REST_WIDTH
        low, high = _GAIN_LIMITS
        return Range(
            closed=closed,
            gain=float(np.clip(self._reach / max(top - closed, 0.02), low, high)),
            neutral=neutral,
            wide=float(np.clip(REST_WIDTH / neutral, 0.7, 1.4)),
        )
