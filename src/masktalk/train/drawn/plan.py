"""The plan of one drawn head: its manner, proportions, colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.train.drawn.pen import Colour

STYLES = (
    "anime", "chibi", "cartoon", "flat", "painterly", "pencil", "line", "pixel",
    "emoji", "mascot", "robot", "animal",
)  # fmt: skip
_WEIGHTS = np.array([5, 2, 3, 3, 2, 2, 3, 2, 1.5, 2, 2, 3])


@dataclass(eq=False)
class Plan:
    """Plan of a head: lengths in half head widths, y down, origin at the head's middle.

    Attributes:
        style: One of ``STYLES``.
        top: Height of the crown above the origin.
        chin: Depth of the chin below it.
        taper: How much narrower the jaw is than the temples, 0 to 1.
        power: Exponent of the superellipse: 2 is round, 6 nearly square.
        eyes: Half the distance of the eyes, and their height.
        eye_size: Half width and half height of one.
        nose: Height of its tip.
        mouth: Its middle's offset and height.
        mouth_width: Half of its width.
        line_width: Of outlines.
        skin, hair, cloth, iris: Fill colours.
        line: Outline colour; None for shapes without outlines.
        ink: Colour of lines inside the face.
        bodiless: Whether there is a face on a plain ground and nothing around it.
    """

    style: str
    top: float
    chin: float
    taper: float
    power: float
    eyes: tuple[float, float]
    eye_size: tuple[float, float]
    nose: float
    mouth: tuple[float, float]
    mouth_width: float
    line_width: float
    skin: Colour
    hair: Colour
    cloth: Colour
    iris: Colour
    line: Colour | None
    ink: Colour
    bodiless: bool = False

    @property
    def human(self) -> bool:
        """Tell if hair, ears and clothes are a person's."""
        return self.style not in ("emoji", "mascot", "robot", "animal")


def any_colour(rng: np.random.Generator, low: float = 20, high: float = 245) -> Colour:
    """Return a colour of any hue."""
    return rng.uniform(low, high, 3)


def skin_colour(rng: np.random.Generator) -> Colour:
    """Return a colour that people are drawn in."""
    tones = np.array(
        [[255, 228, 205], [252, 240, 232], [240, 195, 160], [200, 145, 105], [140, 90, 60],
         [95, 58, 40], [250, 212, 90], [255, 220, 180]]
    )  # fmt: skip
    return np.asarray(np.clip(tones[rng.integers(len(tones))] + rng.normal(0, 8, 3), 5, 255))


def make_plan(rng: np.random.Generator, style: str | None = None) -> Plan:
    """Invent a head."""
    style = style or str(rng.choice(STYLES, p=_WEIGHTS / _WEIGHTS.sum()))
    u = rng.uniform
    tall = style in ("anime", "cartoon", "flat", "painterly", "pencil", "line")
    chin = u(0.85, 1.35) if tall else u(0.7, 1.1)
    big = style in ("anime", "chibi")
    eye_y = u(0.0, 0.45) * chin if big else u(-0.3, 0.25) * chin
    eye_x = u(0.34, 0.55) if big else u(0.2, 0.55)
    half = u(0.15, 0.3) if big else u(0.06, 0.26)
    half = min(half, eye_x * 0.9)
    below = chin - eye_y
    nose = eye_y + below * u(0.3, 0.5)
    mouth_y = eye_y + below * (u(0.5, 0.82) if tall else u(0.42, 0.8))
    skin = skin_colour(rng)
    if style in ("mascot", "robot", "animal", "emoji", "pixel") or rng.random() < 0.1:
        skin = any_colour(rng) if rng.random() < 0.7 else skin
    dark = np.clip(rng.uniform(0, 60, 3) * np.array([1, 0.8, 0.8]), 0, 255)
    ink = dark if rng.random() < 0.7 or skin.mean() < 90 else skin * u(0.25, 0.6)
    if skin.mean() < 110 and rng.random() < 0.35:
        ink = np.clip(skin * u(1.8, 2.6) + u(20, 80), 0, 255)
    line = ink if rng.random() < (0.35 if style in ("flat", "emoji", "mascot") else 0.8) else None
    hair = any_colour(rng) if rng.random() < 0.6 else np.array([60, 40, 30]) * u(0.2, 2.5)
    if style in ("line", "pencil"):
        skin, line = np.full(3, u(225, 255)), ink if rng.random() < 0.8 else any_colour(rng, 0, 120)
        ink = line
        hair = skin if rng.random() < 0.5 else dark
    thin = style in ("anime", "painterly") or rng.random() < 0.2
    plan = Plan(
        style=style,
        top=u(0.85, 1.25),
        chin=chin,
        taper=u(0.1, 0.75) if tall else u(0.0, 0.35),
        power=u(3.0, 8.0) if style in ("robot", "pixel") or rng.random() < 0.08 else u(1.8, 2.6),
        eyes=(eye_x, eye_y),
        eye_size=(half, half * u(0.5, 1.7)),
        nose=nose,
        mouth=(rng.normal(0, 0.05), max(mouth_y, nose + 0.08)),
        mouth_width=u(0.06, 0.3) if big else u(0.08, 0.55) if tall else u(0.1, 0.6),
        line_width=u(0.01, 0.03)
        if thin
        else u(0.015, 0.06)
        if rng.random() < 0.75
        else u(0.06, 0.11),
        skin=skin,
        hair=np.clip(hair, 0, 255),
        cloth=any_colour(rng, 5, 250),
        iris=any_colour(rng, 10, 230),
        line=line,
        ink=ink,
    )
    plan.bodiless = style not in ("anime", "painterly") and rng.random() < 0.08
    if rng.random() < 0.12:
        _gather(plan, u(0.35, 0.75), u(-0.4, 0.4))
    return plan


def _gather(plan: Plan, share: float, shift: float) -> None:
    """Draw the features small in the middle of a large head or body."""
    plan.eyes = (plan.eyes[0] * share, plan.eyes[1] * share + shift)
    plan.eye_size = (plan.eye_size[0] * share, plan.eye_size[1] * share)
    plan.nose = plan.nose * share + shift
    plan.mouth = (plan.mouth[0] * share, plan.mouth[1] * share + shift)
    plan.mouth_width *= share
    plan.line_width = max(plan.line_width * share, 0.012)
