"""Downmix of multichannel audio to stereo, and of stereo to a mono that cannot cancel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray

_MINUS_3_DB = 0.5**0.5

#: Gains of loudspeakers, by FFmpeg's names, in the left and right channel of a stereo downmix
#: (ITU-R BS.775-3, table 2). The low-frequency channel carries no voice and is left out.
_STEREO_GAINS = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "DL": (1.0, 0.0), "DR": (0.0, 1.0),
    "FC": (_MINUS_3_DB, _MINUS_3_DB), "BC": (0.5, 0.5), "TC": (0.5, 0.5),
    "FLC": (1.0, 0.0), "FRC": (0.0, 1.0), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0),
    "SL": (_MINUS_3_DB, 0.0), "SR": (0.0, _MINUS_3_DB),
    "BL": (_MINUS_3_DB, 0.0), "BR": (0.0, _MINUS_3_DB),
    "WL": (_MINUS_3_DB, 0.0), "WR": (0.0, _MINUS_3_DB),
}  # fmt: skip

#: Loudspeakers of a file that names none, by their number (WAVE_FORMAT_EXTENSIBLE's order).
_USUAL_ORDER = ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")
_NAMELESS = frozenset({"NONE", "UNSD", "UNK"})

#: Correlation of left and right below which one side counts as inverted.
_INVERTED_CORRELATION = -0.5


def stereo_matrix(channels: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the (channels, 2) gains of a downmix to stereo.

    Args:
        channels: FFmpeg's names of the loudspeakers; six or eight without names are 5.1 or 7.1,
            others of unknown place keep their power on both sides.
    """
    if len(channels) in (6, 8) and _NAMELESS.issuperset(channels):
        channels = _USUAL_ORDER[: len(channels)]
    unknown = (len(channels) ** -0.5,) * 2
    return np.array([_STEREO_GAINS.get(name, unknown) for name in channels], np.float32)


class MonoMixer:
    """A mono mix of one or two channels that keeps the voice when one side is inverted.

    The polarity follows the correlation of both channels over the stream so far, so that it
    does not flip from block to block.
    """

    def __init__(self) -> None:
        self._products = np.zeros(3)

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Return (N,) mono samples of (N, channels) float32 in [-1, 1]."""
        if samples.shape[1] != 2:
            return np.asarray(samples.mean(axis=1, dtype=np.float32), np.float32)
        left, right = samples[:, 0], samples[:, 1]
        self._products += [left @ left, right @ right, left @ right]
        power = float(np.sqrt(self._products[0] * self._products[1]))
        inverted = self._products[2] < _INVERTED_CORRELATION * power
        mixed = left - right if inverted else left + right
        return np.asarray(mixed * np.float32(0.5), np.float32)
