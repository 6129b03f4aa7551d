"""An articulation that is known already, let out as its sound is heard."""

from __future__ import annotations

from fractions import Fraction

from masktalk.types import Articulation, Audio


class Playback:
    """An articulator for speech whose articulation was made beforehand.

    Args:
        articulation: Of the whole speech, from its beginning.
    """

    lookahead = Fraction(0)

    def __init__(self, articulation: Articulation) -> None:
        self._whole = articulation
        self._given = 0
        self._heard = Fraction(0)

    def push(self, audio: Audio) -> Articulation:
        """The steps up to the end of the sound heard so far."""
        self._heard += audio.duration
        return self._until(int(self._heard * self._whole.frame_rate))

    def flush(self) -> Articulation:
        """The steps that are left."""
        return self._until(len(self._whole))

    def _until(self, end: int) -> Articulation:
        begin, self._given = self._given, max(self._given, min(end, len(self._whole)))
        return self._whole[begin : self._given]
