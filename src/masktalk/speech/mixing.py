"""Two opinions about the mouth made one, with the reach of real mouths."""

from __future__ import annotations

import numpy as np

from masktalk.speech.gestures import REST_WIDTH
from masktalk.types import FloatArray

# Middle and spread of each opinion over speech, so that they can be averaged.
_SHAPE_APERTURE, _SHAPE_WIDTH = (0.0811, 0.0240), (0.5622, 0.0149)
_NETWORK_APERTURE, _NETWORK_WIDTH = (0.0746, 0.0318), (0.5620, 0.0198)
# How much the network counts against the phones' mean shapes: it hears openings as well as
# they do, widths less well.
_APERTURE_SHARE, _WIDTH_SHARE = 0.8, 0.4
# What that average stands for on an average face: an average of guesses moves less than any
# mouth does, so it is widened to what was measured. Narrow openings shrink faster: lips that
# nearly meet, meet.
_MIDDLE, _REACH = 0.088, 0.060
_KNEE, _FALL = -0.4, 0.085
_WIDTH_REACH = 0.040
#: How far heard p, b, m close the lips beyond that, in spreads.
_PRESS = 0.7


def mixed(shape: FloatArray, gestures: FloatArray) -> FloatArray:
    """(N, gestures) from (N, 3) mean shapes and (N, gestures) of the network."""
    closure = np.clip(0.5 * shape[:, 2] + 0.5 * gestures[:, 2], 0, 1)
    opening = _average(
        shape[:, 0], _SHAPE_APERTURE, gestures[:, 0], _NETWORK_APERTURE, _APERTURE_SHARE
    )
    opening -= _PRESS * closure
    aperture = _MIDDLE + _REACH * opening
    aperture -= (_FALL - _REACH) * np.maximum(_KNEE - opening, 0)
    widening = _average(shape[:, 1], _SHAPE_WIDTH, gestures[:, 1], _NETWORK_WIDTH, _WIDTH_SHARE)
    pressed = np.clip((closure - 0.25) / 0.45, 0, 1)
    return np.column_stack(
        [
            np.maximum(aperture, 0),
            REST_WIDTH + _WIDTH_REACH * widening,
            pressed,
            np.clip((gestures[:, 3] - 0.2) / 0.5, 0, 1),
            np.clip((gestures[:, 4] - 0.2) / 0.5, 0, 1),
        ]
    ).astype(np.float32)


def _average(
    shape: FloatArray,
    shape_scale: tuple[float, float],
    network: FloatArray,
    network_scale: tuple[float, float],
    share: float,
) -> FloatArray:
    """(N,) both in spreads from their middle, averaged."""
    first = (shape - shape_scale[0]) / shape_scale[1]
    second = (network - network_scale[0]) / network_scale[1]
    averaged: FloatArray = (first + share * second) / (1 + share)
    return averaged
