"""Track the mouth of a talking video, to measure with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from masktalk.faces.follow import follow_mouth
from masktalk.faces.measures import MouthMeasures

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MouthTrack:
    """The mouth of one video, one record a frame.

    Attributes:
        records: In the order of the frames.
    """

    records: tuple[MouthMeasures, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def t(self) -> Curve:
        """(N,) seconds."""
        return np.array([float(record.time) for record in self.records])

    @property
    def tracked(self) -> npt.NDArray[np.bool_]:
        """(N,) whether there was a face."""
        return np.array([record.tracked for record in self.records], np.bool_)

    def curve(self, name: str) -> Curve:
        """(N,) one length by its name in ``MouthMeasures``; NaN without a face."""
        return np.array([getattr(record, name) for record in self.records], np.float64)

    @property
    def aperture(self) -> Curve:
        """(N,) gap between the inner lips in eye distances; NaN without a face."""
        return self.curve("aperture")

    @property
    def width(self) -> Curve:
        """(N,) mouth width in eye distances; NaN without a face."""
        return self.curve("width")


def track_mouth(path: str | os.PathLike[str]) -> MouthTrack:
    """Track the most prominent face of a video.

    Raises:
        MediaError: The file cannot be read.
    """
    from masktalk.media import open_source

    frames = open_source(Path(path)).frames()
    return MouthTrack(tuple(measures for _, _, measures in follow_mouth(frames)))
