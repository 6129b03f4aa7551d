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
    """The shipped table, in the order of ``phones``."""
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
        return self._smooth.delay

    def push(self, rows: FloatArray) -> FloatArray:
        """Push (N, phones) posteriors; return (M, gestures)."""
        return self._divided(self._smooth.push(rows @ self._columns))

    def flush(self) -> FloatArray:
        return self._divided(self._smooth.flush())

    def _divided(self, rows: FloatArray) -> FloatArray:
        if not len(rows):
            return np.zeros((0, 3), np.float32)
        return np.column_stack([rows[:, 0] / rows[:, 1], rows[:, 2] / rows[:, 3], rows[:, 4]])
