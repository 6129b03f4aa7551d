"""From phone posteriors to mouth shapes through the mean shape of each phone.

A phone pulls the mouth towards its mean shape with its own strength; what is heard over some
tenths of a second is averaged with these weights (dominance, Cohen & Massaro 1993).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from masktalk.speech.gestures import REST_WIDTH
from masktalk.speech.stages import Smoother
from masktalk.types import FloatArray

#: Steps over which a phone pulls (standard deviation): the jaw is quicker than the corners.
APERTURE_SPREAD, WIDTH_SPREAD = 4.0, 7.0
PAST, FUTURE = 18, 8


@dataclass(frozen=True, eq=False)
class PhoneShapes:
    """Mouth shapes of P phones.

    Attributes:
        shape: (P, 2) mean aperture and width, in distances between the outer eye corners.
        pull: (P, 2) how strongly it insists on each.
        lips: (P,) 1 where the lips meet.
    """

    shape: FloatArray
    pull: FloatArray
    lips: FloatArray


@lru_cache(maxsize=2)
def load_phone_shapes(phones: tuple[str, ...]) -> PhoneShapes:
    """Return the shipped table, in the order of ``phones``."""
    text = (files("masktalk.speech") / "data" / "shapes.json").read_text("utf-8")
    table = json.loads(text)
    rows = [table[name] for name in phones]
    return PhoneShapes(
        np.array([[row["aperture"], row["width"]] for row in rows], np.float32),
        np.array([[row["aperture_pull"], row["width_pull"]] for row in rows], np.float32),
        np.array([row.get("lips", 0.0) for row in rows], np.float32),
    )


class ShapeStage:
    """(N, P) posteriors in, (N, 3) aperture, width and closed lips out."""

    def __init__(self, shapes: PhoneShapes) -> None:
        pulled = shapes.pull * shapes.shape
        self._columns = np.column_stack(
            [pulled[:, 0], shapes.pull[:, 0], pulled[:, 1], shapes.pull[:, 1], shapes.lips]
        )
        self._smooth = Smoother(
            (APERTURE_SPREAD, APERTURE_SPREAD, WIDTH_SPREAD, WIDTH_SPREAD, 2.0), PAST, FUTURE
        )

    @property
    def delay(self) -> int:
        """Return the delay in steps."""
        return self._smooth.delay

    def push(self, rows: FloatArray) -> FloatArray:
        """Push (N, phones) posteriors; return (M, gestures)."""
        return self._divided(self._smooth.push(rows @ self._columns))

    def flush(self) -> FloatArray:
        """Return the remaining rows."""
        return self._divided(self._smooth.flush())

    def _divided(self, rows: FloatArray) -> FloatArray:
        if not len(rows):
            return np.zeros((0, 3), np.float32)
        return np.column_stack([rows[:, 0] / rows[:, 1], rows[:, 2] / rows[:, 3], rows[:, 4]])


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
