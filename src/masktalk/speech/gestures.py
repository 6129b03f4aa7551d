"""Between what a mouth does and the ARKit channels that show it.

A gesture row says, for an average face: how far the inner lips are apart and how wide the
mouth is (both in distances between the outer eye corners), whether the lips are pressed
together, whether the lower lip touches the upper teeth, and whether the tongue shows.
``channels_of`` turns gestures into channels; ``measures`` reads them back out of channels
by the same linear model of a face, so that what is drawn is what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.types import CHANNELS, Articulation, FloatArray

GESTURES: tuple[str, ...] = ("aperture", "width", "closure", "teeth", "tongue")

#: Mouth width at rest, in distances between the outer eye corners.
REST_WIDTH = 0.56
#: Aperture under which lips count as meeting half.
MEETING = 0.03

# Distances between the outer eye corners by which a channel at 1 moves the average face.
_JAW, _LOWER, _UPPER = 0.36, 0.06, 0.03
_STRETCH, _SMILE, _PUCKER, _FUNNEL = 0.10, 0.08, 0.16, 0.10
# Pressed lips: mouthPress at closure 1, and how far the jaw stays open behind them.
_PRESS, _BEHIND = 0.45, 0.08
_MAX_APERTURE = 0.34
#: Where a channel is; both sides of one that has sides.
_COLUMNS: dict[str, list[int]] = {}
for _index, _name in enumerate(CHANNELS):
    _COLUMNS.setdefault(_name.removesuffix("Left").removesuffix("Right"), []).append(_index)


@dataclass(frozen=True, eq=False)
class Measures:
    """Measures of an average face under channels, one value a step.

    Attributes:
        aperture: (N,) distance of the inner lips, in distances between outer eye corners.
        width: (N,) distance of the mouth corners, same unit.
        closure: (N,) 0..1, whether the lips meet.
    """

    aperture: FloatArray
    width: FloatArray
    closure: FloatArray


def channels_of(gestures: FloatArray) -> FloatArray:
    """Convert (N, len(GESTURES)) gestures to (N, len(CHANNELS)) channels in 0..1."""
    closure, teeth, tongue = np.clip(gestures[:, 2:], 0, 1).T
    aperture = np.clip(gestures[:, 0], 0, _MAX_APERTURE)
    wider = gestures[:, 1] - REST_WIDTH
    opening = aperture / 0.4
    narrow = np.maximum(-wider, 0)
    funnelled = np.clip(aperture / 0.15, 0, 1)
    rounding = narrow / (_PUCKER * (1 - funnelled) + _FUNNEL * funnelled)
    spread = np.maximum(wider, 0) / (_STRETCH + _SMILE)
    relaxed = 1 - 0.6 * np.clip(rounding, 0, 1)
    lower = 0.5 * opening * relaxed
    upper = 0.35 * opening * relaxed + 0.2 * teeth * np.clip(aperture / MEETING, 0, 1)
    gap = np.maximum(aperture - _LOWER * lower - _UPPER * upper, 0) / _JAW
    values = {
        "jawOpen": gap + _BEHIND * closure,
        "mouthClose": _BEHIND * closure,
        "mouthFunnel": rounding * funnelled,
        "mouthPucker": rounding * (1 - funnelled),
        "mouthStretch": spread,
        "mouthSmile": spread,
        "mouthUpperUp": upper,
        "mouthLowerDown": lower,
        "mouthPress": _PRESS * closure,
        "mouthRollLower": np.maximum(0.25 * closure, 0.5 * teeth),
        "mouthRollUpper": 0.2 * closure,
        "tongueOut": 0.3 * tongue,
    }
    rows = np.zeros((len(gestures), len(CHANNELS)), np.float32)
    for name, value in values.items():
        for column in _COLUMNS[name]:
            rows[:, column] = value
    return np.clip(rows, 0, 1, out=rows)


def measures(articulation: Articulation) -> Measures:
    """Compute the measures of an average face under (N, len(CHANNELS)) channels."""

    def mean(name: str) -> FloatArray:
        averaged: FloatArray = articulation.values[:, _COLUMNS[name]].mean(axis=1)
        return averaged

    gap = np.maximum(mean("jawOpen") - mean("mouthClose"), 0)
    aperture = _JAW * gap + _LOWER * mean("mouthLowerDown") + _UPPER * mean("mouthUpperUp")
    width = REST_WIDTH + _STRETCH * mean("mouthStretch") + _SMILE * mean("mouthSmile")
    width -= _PUCKER * mean("mouthPucker") + _FUNNEL * mean("mouthFunnel")
    meeting = 1 - aperture / (2 * MEETING)
    closure = np.clip(np.maximum(meeting, mean("mouthPress") / _PRESS), 0, 1)
    return Measures(
        aperture.astype(np.float32), width.astype(np.float32), closure.astype(np.float32)
    )
