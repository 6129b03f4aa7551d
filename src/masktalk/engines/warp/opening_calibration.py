"""Calibration of a video's mouth opening, learnt from its own frames.

Speech asks for an average talker's opening, and real talkers differ: the mean opening over
one second predicts that of the next ones with a slope of about 0.6. So what a video shows
of its own speaking counts the more, the longer it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from masktalk.engines.warp.shape import Channels
from masktalk.types import FloatArray

#: Mean opening that speech asks for while somebody talks, in eye distances.
ASKED = 0.085
# Mean and spread of tracked talkers' openings.
_MEAN, _SPREAD = 0.095, 0.056
#: How far a video follows the sound about its mean. A sound tells about half of what a mouth
#: does (r 0.5), so half is most probable and all of it as lively as real mouths are.
_FOLLOWED = 0.65
#: Seconds of a talker's own speaking that count as much as what is known of others.
_AS_MUCH = 0.7
_STEEPEST = 1.8  # of the way down to a closed mouth
# A mouth speaks where its opening changes by so much within so many seconds to either side.
_TALKING, _AROUND = 0.03, 0.3
# What a full channel adds to the opening of an average face (``masktalk.speech.measures``).
_JAW, _LOWER, _UPPER = 0.36, 0.06, 0.03


@dataclass(frozen=True)
class OpeningCalibration:
    """Opening calibration of one speaker; the identity by default.

    Attributes:
        mean: Opening where ``ASKED`` is asked for, in eye distances.
        reach: By how much it departs from that where 1 more is asked for.
        steepest: How many times what is asked for it opens at most, so that lips that
            shall meet do.
    """

    mean: float = ASKED
    reach: float = 1.0
    steepest: float = 1.0

    @classmethod
    def seen_in(cls, gaps: FloatArray, rate: float, size: float = 1.0) -> OpeningCalibration:
        """Return the posture of a video.

        Args:
            gaps: (N,) opening in each frame in eye distances.
            rate: Frames per second.
            size: Of its movements against an average face's (``Rig.amplitude``).
        """
        own = gaps[_talking(gaps, max(round(_AROUND * rate), 1))]
        if not len(own):
            return cls()
        seconds = len(own) / rate
        trust = seconds / (seconds + _AS_MUCH)
        mean = (_MEAN + trust * (float(own.mean()) - _MEAN)) / size
        spread = _SPREAD + trust * (float(own.std()) - _SPREAD)
        lively = float(np.clip(0.5 + 0.5 * spread / _SPREAD, 0.6, 1.4))
        return cls(mean, _FOLLOWED * lively, _STEEPEST * max(mean / ASKED, 1.0))

    def opening(self, asked: float) -> float:
        """Map an opening that is asked for, both in inter-ocular distances of an average face."""
        return max(min(self.mean + self.reach * (asked - ASKED), self.steepest * asked), 0.0)

    def taken(self, channels: Channels) -> Channels:
        """Return the channels of an average talker as this one does them."""
        lower, upper = float(channels.lower_down.mean()), float(channels.upper_up.mean())
        asked = _JAW * channels.parting + _LOWER * lower + _UPPER * upper
        if asked <= 0 or self == OpeningCalibration():
            return channels
        factor = np.float32(self.opening(asked) / asked)
        return replace(
            channels,
            jaw=channels.jaw + (float(factor) - 1) * channels.parting,
            lower_down=channels.lower_down * factor,
            upper_up=channels.upper_up * factor,
        )


def _talking(gaps: FloatArray, around: int) -> FloatArray:
    """(N,) whether the mouth moves around each frame."""
    padded = np.pad(gaps, around, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)
    return np.asarray(np.ptp(windows, axis=1) > _TALKING)
