"""Expressions by name, as ARKit channels.

The action units of each are those of EMFACS (Friesen and Ekman, 1983): happiness 6+12,
sadness 1+4+15, anger 4+5+7+23, surprise 1+2+5+26, fear 1+2+4+5+20, disgust 9+15+16.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from masktalk.errors import OptionError


def _both(**sides: float) -> dict[str, float]:
    return {f"{name}{side}": weight for name, weight in sides.items() for side in ("Left", "Right")}


#: Name to ARKit weights at full strength.
EXPRESSIONS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "happy": _both(mouthSmile=0.9, cheekSquint=0.7, eyeSquint=0.35, browOuterUp=0.15),
        "sad": {**_both(mouthFrown=0.9, browDown=0.25, eyeBlink=0.18), "browInnerUp": 0.95},
        "angry": _both(browDown=1.0, eyeSquint=0.45, noseSneer=0.4, mouthPress=0.4,
                       mouthFrown=0.35),
        "surprised": {**_both(browOuterUp=0.95, eyeWide=0.9), "browInnerUp": 0.9, "jawOpen": 0.25},
        "afraid": {**_both(browOuterUp=0.35, eyeWide=0.8, mouthStretch=0.7, browDown=0.2),
                   "browInnerUp": 1.0, "jawOpen": 0.08},
        "disgusted": _both(noseSneer=1.0, browDown=0.6, eyeSquint=0.55, mouthUpperUp=0.35,
                           mouthFrown=0.5, cheekSquint=0.4),
    }
)  # fmt: skip


def parse_expression(text: str) -> dict[str, float]:
    """Return the ARKit weights of an expression such as ``happy`` or ``happy:0.4``.

    Args:
        text: Names with strengths 0..1, joined by ``+``; empty or ``neutral`` for none.

    Raises:
        OptionError: No such expression, or a strength outside 0..1.
    """
    weights: dict[str, float] = {}
    for part in filter(None, text.split("+")):
        name, _, number = part.strip().partition(":")
        if name == "neutral":
            continue
        if name not in EXPRESSIONS:
            known = ", ".join(EXPRESSIONS)
            raise OptionError(f"`expression` {text}", "no such expression", f"use one of {known}")
        try:
            strength = float(number or 1)
        except ValueError:
            strength = -1.0
        if not 0 <= strength <= 1:
            raise OptionError(f"`expression` {text}", "needs a strength in 0..1, as in happy:0.4")
        for channel, weight in EXPRESSIONS[name].items():
            weights[channel] = min(weights.get(channel, 0.0) + strength * weight, 1.0)
    return weights
