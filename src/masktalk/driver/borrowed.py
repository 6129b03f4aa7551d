"""Articulators that borrow a mouth: from a video, or from another engine's result."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeAlias

from masktalk.driver.calibration import Calibration
from masktalk.driver.lockstep import Lockstep
from masktalk.driver.stream import STILL_WINDOW, MouthStream
from masktalk.faces.measures import MouthMeasures
from masktalk.types import Articulation, Audio

MouthMaker: TypeAlias = Callable[[Iterator[Audio]], Iterator[MouthMeasures]]

# The range of a driver's mouth is taken from so much of it before the first step.
_CALIBRATED_ON = Fraction(60)


class VideoArticulator:
    """The mouth of a talking video, whatever sound is pushed.

    The sound only says how far to go: a step at time t is what the driver's mouth does
    at t on its own clock. After the driver's end the mouth rests.

    Args:
        measures: The driver's mouth frame by frame; asked for as they are needed.
        calibration: Where to learn the range of its mouth.
    """

    def __init__(self, measures: Iterator[MouthMeasures], calibration: Calibration) -> None:
        self._measures = _calibrated(measures, calibration)
        self._stream = MouthStream(calibration, learn=False)
        self._newest = Fraction(-1)

    @property
    def lookahead(self) -> Fraction:
        """Return the seconds of audio after a step that must be heard before it is certain."""
        return Fraction(0)

    def push(self, audio: Audio) -> Articulation:
        """Take audio; return the steps that have become certain."""
        while self._newest < audio.end + STILL_WINDOW:
            measures = next(self._measures, None)
            if measures is None:
                self._stream.finish()
                break
            self._newest = measures.time
            self._stream.push(measures)
        return self._stream.take(audio.end)

    def flush(self) -> Articulation:
        """Return the remaining steps."""
        return self._stream.take(Fraction(0))


class EngineArticulator:
    """The mouth that another engine gives a placeholder face, as the sound comes in.

    Args:
        make_mouth: Given the sound as it comes in, yields the placeholder's mouth.
        lookahead: Seconds of sound that engine hears ahead.
        calibration: Where to learn the range of its mouth.
    """

    def __init__(
        self,
        make_mouth: MouthMaker,
        lookahead: Fraction,
        calibration: Calibration,
    ) -> None:
        self._lookahead = lookahead + STILL_WINDOW
        self._stream = MouthStream(calibration, learn=True)
        self._steps: Lockstep[Audio, MouthMeasures] = Lockstep(make_mouth)
        self._end = Fraction(0)

    @property
    def lookahead(self) -> Fraction:
        """Return the seconds of audio after a step that must be heard before it is certain."""
        return self._lookahead

    def push(self, audio: Audio) -> Articulation:
        """Take audio; return the steps that have become certain."""
        self._end = audio.end
        for measures in self._steps.send(audio):
            self._stream.push(measures)
        return self._stream.take(self._end)

    def flush(self) -> Articulation:
        """Return the remaining steps."""
        for measures in self._steps.finish():
            self._stream.push(measures)
        self._stream.finish()
        return self._stream.take(self._end)

    def close(self) -> None:
        """Stop the other engine before its end."""
        self._steps.close()


def _calibrated(
    measures: Iterator[MouthMeasures], calibration: Calibration
) -> Iterator[MouthMeasures]:
    """Yield the same measures; the calibration has seen the first minute before the first comes."""
    kept = []
    for record in measures:
        calibration.observe(record)
        kept.append(record)
        if record.time >= _CALIBRATED_ON:
            break
    yield from itertools.chain(kept, measures)
