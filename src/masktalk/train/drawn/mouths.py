"""Mouths of many kinds, and where each is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from masktalk.train.drawn.pen import Pen, Points, any_colour_like, box, curve, oval
from masktalk.train.drawn.plan import Plan

State: TypeAlias = Literal["closed", "open", "none", "covered"]
STATES: tuple[State, ...] = ("closed", "open", "none", "covered")


@dataclass(frozen=True, eq=False)
class Mouth:
    """Position and size of a drawn mouth.

    Attributes:
        state: What it is.
        points: (4, 2) left corner, right corner, upper and lower middle, head coordinates.
    """

    state: State
    points: Points


def around(points: Points, state: State) -> Mouth:
    """Return the mouth that fills the bounding box of (N, 2) points."""
    left, right = points[points[:, 0].argmin()], points[points[:, 0].argmax()]
    middle = points[:, 0].mean() if state == "closed" else (left[0] + right[0]) / 2
    near = points[np.abs(points[:, 0] - middle) <= 0.3 * max(right[0] - left[0], 1e-3)]
    near = near if len(near) else points
    top, bottom = near[:, 1].min(), near[:, 1].max()
    if state == "closed":
        top = bottom = (top + bottom) / 2
    return Mouth(state, np.array([left, right, [middle, top], [middle, bottom]]))


def line_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Draw a closed line: bent, wavy, a smirk, a cat's; with a fang, lips, cheek marks."""
    rng, (x, y), w = pen.rng, plan.mouth, plan.mouth_width
    kind = rng.choice(["bow", "bow", "bow", "short", "wave", "cat", "smirk", "zigzag", "lips"])
    width = plan.line_width * rng.uniform(0.7, 1.6)
    bend = rng.uniform(-0.5, 0.9) * w
    tilt = rng.normal(0, 0.12) * w
    if kind == "short":
        w *= 0.4
        bend *= 0.3
    points = curve((x - w, y - bend / 3 - tilt), (x, y + bend), (x + w, y - bend / 3 + tilt))
    if kind == "wave":
        t = np.linspace(-1, 1, 17)
        points = np.stack([x + w * t, y + w * 0.15 * np.sin(t * rng.uniform(4, 9))], axis=1)
    elif kind == "cat":
        dip = w * rng.uniform(0.25, 0.7)
        left = oval(x - w / 2, y, w / 2, dip, 180, 0)
        points = np.vstack([left, oval(x + w / 2, y, w / 2, dip, 180, 0)])
    elif kind == "smirk":
        side = 1 if rng.random() < 0.5 else -1
        points = curve((x - side * w, y), (x, y + 0.1 * w), (x + side * w, y - 0.5 * w))
    elif kind == "zigzag":
        t = np.linspace(-1, 1, 9)
        points = np.stack([x + w * t, y + w * 0.12 * (-1.0) ** np.arange(9)], axis=1)
    elif kind == "lips":
        _lips(pen, plan, w)
    if rng.random() < 0.15:
        dash = oval(x, y + w * rng.uniform(0.4, 0.8) + 0.03, w * 0.3, 0.03, 20, 160)
        pen.stroke(dash, plan.ink, width * 0.6)
    pen.stroke(points, plan.ink, width)
    if rng.random() < 0.12:
        at = points[len(points) // 3]
        fang = at + w * np.array([[0, 0], [0.3, 0], [0.15, 0.3]])
        pen.shape(fang, np.full(3, 255.0), plan.ink, width * 0.6)
    if rng.random() < 0.15:
        for end in (points[0], points[-1]):
            pen.stroke(oval(end[0], end[1], 0.05, 0.07, 60, 300), plan.ink, width * 0.7)
    return around(points, "closed")


def _lips(pen: Pen, plan: Plan, w: float) -> None:
    (x, y), rng = plan.mouth, pen.rng
    colour = any_colour_like(np.array([190.0, 80, 85]), rng, 40)
    thick = w * rng.uniform(0.2, 0.5)
    upper = curve(
        (x - w, y), (x - w * 0.4, y - 1.6 * thick), (x + w * 0.4, y - 1.6 * thick), (x + w, y)
    )
    lower = curve((x + w, y), (x, y + 2 * thick), (x - w, y))
    pen.fill(np.vstack([upper, lower]), colour, alpha=rng.uniform(0.5, 1))


def open_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Draw an opening: a half disc, an oval, a triangle, a box; with teeth and a tongue."""
    rng, (x, y), w = pen.rng, plan.mouth, plan.mouth_width
    w *= rng.uniform(0.5, 1.1)
    ratio = rng.uniform(0.4, 1.5)
    kind = rng.choice(["disc", "disc", "oval", "triangle", "box", "grin", "frown", "cat"])
    h = w * ratio
    room = max(plan.chin - y, 0.08)
    h = min(h, room * 1.3)
    top = y - h * 0.45
    if kind in ("disc", "cat"):
        bow = rng.uniform(-0.2, 0.45) * h
        lower = curve(
            (x + w, top), (x + w * 0.8, top + 1.35 * h), (x - w * 0.8, top + 1.35 * h), (x - w, top)
        )
        if kind == "cat":
            upper = np.vstack(
                [oval(x - w / 2, top, w / 2, bow, 180, 0), oval(x + w / 2, top, w / 2, bow, 180, 0)]
            )
        else:
            upper = curve((x - w, top), (x, top + bow), (x + w, top))
        ring = np.vstack([upper, lower])
    elif kind == "oval":
        ring = oval(x, y, w * rng.uniform(0.4, 0.9), h / 2)
    elif kind == "triangle":
        skew = rng.uniform(-0.8, 0.8) * w
        ring = np.array([[x - w, top], [x + w, top], [x + skew, top + h]])
    elif kind == "box":
        ring = box(x - w, y - h * 0.3, x + w, y + h * 0.3)
    elif kind == "grin":
        bend = h * rng.uniform(0.2, 0.6)
        upper = curve((x - w, top), (x, top + bend), (x + w, top))
        ring = np.vstack([upper, curve((x + w, top), (x, top + bend + h), (x - w, top))])
    else:
        upper = curve((x - w, y + h * 0.3), (x, y - h), (x + w, y + h * 0.3))
        ring = np.vstack(
            [upper, curve((x + w, y + h * 0.3), (x, y + h * 0.1), (x - w, y + h * 0.3))]
        )
    _inside(pen, plan, ring, str(kind))
    return around(ring, "open")


def _inside(pen: Pen, plan: Plan, ring: Points, kind: str) -> None:
    rng = pen.rng
    dark = any_colour_like(np.array([110.0, 35, 40]), rng, 35)
    if rng.random() < 0.3:
        dark = any_colour_like(np.array([225.0, 110, 110]), rng, 30)
    white = np.full(3, 255.0) * rng.uniform(0.92, 1)
    empty = rng.random() < 0.15
    if empty:
        dark = np.full(3, 250.0) if rng.random() < 0.5 else plan.ink
    low, high = ring.min(axis=0), ring.max(axis=0)
    size = high - low
    teeth = kind in ("grin", "box") and rng.random() < 0.8
    pen.fill(ring, white if teeth else dark)
    if not teeth and not empty:
        middle = (low + high) / 2
        near = middle + (ring - middle) * 0.86
        if rng.random() < 0.6:
            level = low[1] + size[1] * rng.uniform(0.45, 0.75)
            tongue = near.copy()
            tongue[:, 1] = np.maximum(
                tongue[:, 1], level + 0.1 * size[1] * np.abs(tongue[:, 0] - middle[0]) / size[0]
            )
            pen.fill(tongue, any_colour_like(np.array([230.0, 110, 110]), rng, 35))
        if rng.random() < 0.45:
            level = low[1] + size[1] * rng.uniform(0.15, 0.35)
            upper = near.copy()
            upper[:, 1] = np.minimum(upper[:, 1], level)
            pen.fill(upper, white)
    if teeth and rng.random() < 0.6:
        ink = plan.ink
        pen.stroke(
            np.array([[low[0], (low[1] + high[1]) / 2], [high[0], (low[1] + high[1]) / 2]]),
            ink,
            plan.line_width * 0.5,
        )
        for share in np.linspace(0, 1, int(rng.integers(4, 8)))[1:-1]:
            column = low[0] + share * size[0]
            pen.stroke(
                np.array([[column, low[1] + 0.2 * size[1]], [column, high[1] - 0.2 * size[1]]]),
                ink,
                plan.line_width * 0.5,
            )
    if plan.line is not None or rng.random() < 0.3:
        pen.stroke(ring, plan.ink, plan.line_width * rng.uniform(0.6, 1.3), closed=True)
    elif rng.random() < 0.3:
        pen.stroke(
            ring,
            any_colour_like(np.array([190.0, 70, 75]), rng, 40),
            plan.line_width * 1.6,
            closed=True,
        )


def grille_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Draw a robot's: bars, a speaker, a display's wave, a slot."""
    rng, (x, y), w = pen.rng, plan.mouth, max(plan.mouth_width, 0.2)
    h = w * rng.uniform(0.25, 0.7)
    frame = box(x - w, y - h / 2, x + w, y + h / 2)
    back = any_colour_like(plan.skin * rng.uniform(0.3, 1.4), rng, 20)
    bars = int(rng.integers(3, 9))
    pen.shape(frame, np.clip(back, 0, 255), plan.ink, plan.line_width)
    kind = rng.choice(["bars", "rows", "dots", "wave", "slot"])
    if kind == "bars":
        for column in np.linspace(x - w, x + w, bars + 2)[1:-1]:
            pen.stroke(
                np.array([[column, y - h / 2], [column, y + h / 2]]), plan.ink, plan.line_width
            )
    elif kind == "rows":
        for row in np.linspace(y - h / 2, y + h / 2, 5)[1:-1]:
            pen.stroke(np.array([[x - w, row], [x + w, row]]), plan.ink, plan.line_width)
    elif kind == "dots":
        for column in np.linspace(x - w, x + w, bars + 2)[1:-1]:
            pen.fill(oval(column, y, h * 0.15, h * 0.15), plan.ink)
    elif kind == "wave":
        t = np.linspace(-0.9, 0.9, 25)
        wave = np.stack([x + w * t, y + 0.3 * h * np.sin(t * 12)], axis=1)
        pen.stroke(wave, any_colour_like(np.array([90.0, 230, 190]), rng, 60), plan.line_width)
    return around(frame, "open" if kind == "slot" else "closed")


def beak_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Draw a beak, closed or open."""
    rng, (x, y), w = pen.rng, plan.mouth, max(plan.mouth_width * 0.8, 0.15)
    colour = any_colour_like(np.array([245.0, 170, 50]), rng, 40)
    h = w * rng.uniform(0.5, 1.2)
    opened = rng.random() < 0.45
    gap = h * rng.uniform(0.3, 1.0) if opened else 0.0
    left, right = (x - w, y), (x + w, y)
    if opened:
        inner = np.vstack(
            [curve(left, (x, y + 0.2 * h), right), curve(right, (x, y + gap * 2), left)]
        )
        pen.shape(inner, np.array([120.0, 30, 40]), plan.line, plan.line_width)
    lower = np.vstack(
        [curve(left, (x, y + 2 * gap), right), curve(right, (x, y + h + 2 * gap), left)]
    )
    pen.shape(lower, colour * 0.9, plan.line, plan.line_width)
    upper = np.vstack([curve(left, (x, y - 1.6 * h), right), curve(right, (x, y + 0.5 * h), left)])
    pen.shape(upper, colour, plan.line, plan.line_width)
    pen.stroke(curve(left, (x, y + 0.5 * h), right), plan.ink, plan.line_width)
    if opened:
        return around(inner, "open")
    return around(curve(left, (x, y + 0.5 * h), right), "closed")


def muzzle_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Draw an animal's muzzle: a pale patch, a nose, a line down to the mouth."""
    rng, (x, y), w = pen.rng, plan.mouth, max(plan.mouth_width, 0.18)
    if rng.random() < 0.75:
        pale = np.clip(plan.skin + rng.uniform(-60, 90), 0, 255)
        rise = y - plan.nose
        patch = oval(
            x, y - rise * 0.3, w * rng.uniform(1.2, 1.9), rise * rng.uniform(0.9, 1.6) + 0.1
        )
        pen.shape(patch, pale, plan.line if rng.random() < 0.4 else None, plan.line_width)
    width = w * rng.uniform(0.25, 0.6)
    nose = plan.nose
    pen.fill(
        oval(x, nose, width, width * rng.uniform(0.5, 0.9)),
        any_colour_like(np.array([40.0, 30, 35]), rng, 40),
    )
    if rng.random() < 0.75:
        pen.stroke(np.array([[x, nose], [x, y]]), plan.ink, plan.line_width)
    for side in (-1, 1):
        for row in range(int(rng.integers(0, 4))):
            start = np.array([x + side * w * 1.1, y - 0.06 * row])
            pen.stroke(
                start + np.array([[0, 0], [side * 0.5, 0.06 * (row - 1)]]),
                plan.ink,
                plan.line_width * 0.4,
            )
    if rng.random() < 0.4:
        return open_mouth(pen, plan)
    dip = w * rng.uniform(0.2, 0.6)
    points = np.vstack(
        [oval(x - w / 2, y, w / 2, dip, 180, 0), oval(x + w / 2, y, w / 2, dip, 180, 0)]
    )
    if rng.random() < 0.3:
        points = curve((x - w, y - dip / 2), (x, y + dip), (x + w, y - dip / 2))
    pen.stroke(points, plan.ink, plan.line_width)
    if rng.random() < 0.2:
        pen.shape(
            oval(x, y + dip, w * 0.25, w * 0.4, 0, 180),
            np.array([240.0, 120, 130]),
            plan.line,
            plan.line_width,
        )
    return around(points, "closed")


def no_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Leave the face without one."""
    del pen
    (x, y), w = plan.mouth, plan.mouth_width
    return Mouth("none", np.array([[x - w, y], [x + w, y], [x, y], [x, y]]))


def draw_mouth(pen: Pen, plan: Plan) -> Mouth:
    """Draw the mouth of a head."""
    kinds: list[Callable[[Pen, Plan], Mouth]] = [line_mouth, open_mouth, no_mouth]
    shares = [0.49, 0.48, 0.03]
    if plan.style == "robot":
        kinds, shares = [*kinds, grille_mouth], [0.2, 0.2, 0.05, 0.55]
    elif plan.style == "animal":
        kinds, shares = [*kinds, muzzle_mouth, beak_mouth], [0.1, 0.15, 0.02, 0.58, 0.15]
    elif plan.style == "mascot":
        kinds, shares = [*kinds, beak_mouth], [0.4, 0.45, 0.05, 0.1]
    index = int(pen.rng.choice(len(kinds), p=shares))
    return kinds[index](pen, plan)
