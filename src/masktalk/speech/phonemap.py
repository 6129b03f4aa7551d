"""From phone posteriors to gestures through the mean mouth shape of each phone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from masktalk.speech.gestures import GESTURES
from masktalk.types import FloatArray

_SILENT = ("SIL", "+NSN+", "+SPN+")


@dataclass(frozen=True, eq=False)
class PhoneShapes:
    """Mean gestures per phone.

    Attributes:
        phones: P names.
        gestures: (P, len(GESTURES)).
    """

    phones: tuple[str, ...]
    gestures: FloatArray

    def mix(self, posteriors: FloatArray) -> FloatArray:
        """(N, len(GESTURES)) expected gestures of (N, P) posteriors."""
        return posteriors @ self.gestures

    def voice(self, posteriors: FloatArray) -> FloatArray:
        """(N, 1) probability that it is speech."""
        speech = np.array([[name not in _SILENT] for name in self.phones], np.float32)
        return posteriors @ speech


@lru_cache(maxsize=1)
def load_phone_shapes(phones: tuple[str, ...]) -> PhoneShapes:
    """The shipped table, in the order of ``phones``."""
    table = json.loads((files("masktalk.speech") / "data" / "shapes.json").read_text("utf-8"))
    rows = [[float(table[name].get(key, 0.0)) for key in GESTURES] for name in phones]
    return PhoneShapes(phones, np.asarray(rows, np.float32))
