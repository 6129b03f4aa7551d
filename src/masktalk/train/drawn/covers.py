"""Occluders over the mouth of a drawn face."""

from __future__ import annotations

import numpy as np

from masktalk.train.drawn.pen import Pen, Points, any_colour_like, box, curve, oval
from masktalk.train.drawn.plan import Plan, any_colour


def draw_cover(pen: Pen, plan: Plan, outline: Points) -> None:
    """Draw a mask, a bandana, a scarf, a hood, a hand, a plate or a collar over the mouth."""
    rng = pen.rng
    kind = rng.choice(
        ["mask", "mask", "bandana", "scarf", "hood", "hood", "hand", "plate", "collar"]
    )
    colour = any_colour(rng, 5, 250)
    if rng.random() < 0.4:
        colour = np.full(3, rng.choice([20.0, 40.0, 235.0, 250.0])) + rng.normal(0, 5, 3)
    if rng.random() < 0.08:
        colour = np.clip(plan.skin * 0.9, 0, 255)
    colour = np.clip(colour, 0, 255)
    top = plan.nose + rng.uniform(-0.18, 0.1) * (plan.mouth[1] - plan.eyes[1])
    top = max(top, plan.eyes[1] + plan.eye_size[1] * 0.6)
    {"mask": _mask, "bandana": _bandana, "scarf": _scarf, "hood": _hood, "hand": _hand,
     "plate": _plate, "collar": _scarf}[str(kind)](pen, plan, outline, colour, top)  # fmt: skip


def _below(outline: Points, top: float, grow: float) -> Points:
    """Return the part of an outline, (N, 2), that lies below a height."""
    ring = outline * [grow, 1.04]
    ring = ring[ring[:, 1] > top]
    return ring if len(ring) > 2 else oval(0, top + 0.3, 0.8, 0.3)


def _bowed(outline: Points, top: float, grow: float, bow: float) -> Points:
    ring = _below(outline, top, grow)
    first, last = ring[0], ring[-1]
    return np.vstack([ring, curve((last[0], last[1]), (0, top - bow), (first[0], first[1]))])


def _mask(pen: Pen, plan: Plan, outline: Points, colour: Points, top: float) -> None:
    rng = pen.rng
    ring = _bowed(outline, top, rng.uniform(0.85, 1.04), rng.uniform(-0.05, 0.3))
    if rng.random() < 0.4:  # one that leaves the chin's sides free
        w = rng.uniform(0.5, 0.85)
        ring = np.vstack(
            [
                curve((-w, top + 0.1), (0, top - 0.15), (w, top + 0.1)),
                curve((w, plan.chin * 0.8), (0, plan.chin * 1.15), (-w, plan.chin * 0.8)),
            ]
        )
        for side in (-1, 1):
            pen.stroke(
                np.array([[side * w, top + 0.15], [side * 1.0, plan.eyes[1] + 0.1]]),
                colour * 0.8,
                0.03,
            )
    pen.shape(ring, colour, plan.line, plan.line_width, surface=False)
    for level in np.linspace(top, plan.chin, int(rng.integers(2, 6)))[1:-1]:
        if rng.random() < 0.7:
            pen.stroke(
                curve((-0.6, level), (0, level + rng.normal(0.05, 0.06)), (0.6, level)),
                colour * 0.75,
                plan.line_width * 0.6,
            )
    if rng.random() < 0.12:  # a mouth printed on it would be one: teeth of a pattern are not
        for _ in range(6):
            spot = np.array([-0.5, top]) + rng.random(2) * [1.0, plan.chin - top]
            pen.fill(oval(spot[0], spot[1], 0.05, 0.05), any_colour(rng))


def _bandana(pen: Pen, plan: Plan, outline: Points, colour: Points, top: float) -> None:
    del outline
    rng = pen.rng
    ring = np.vstack(
        [
            curve((-1.02, top - 0.1), (0, top + rng.uniform(-0.1, 0.15)), (1.02, top - 0.1)),
            [
                [0.8, plan.chin * 0.7],
                [rng.uniform(-0.2, 0.2), plan.chin + rng.uniform(0.2, 0.9)],
                [-0.8, plan.chin * 0.7],
            ],
        ]
    )
    pen.shape(ring, colour, plan.line, plan.line_width, surface=False)
    for _ in range(int(rng.integers(0, 4))):
        x = rng.uniform(-0.7, 0.7)
        pen.stroke(
            curve((x, top + 0.1), (x * 0.7, plan.chin * 0.7), (0, plan.chin)),
            colour * 0.7,
            plan.line_width * 0.7,
        )


def _scarf(pen: Pen, plan: Plan, outline: Points, colour: Points, top: float) -> None:
    rng = pen.rng
    low, wide = plan.chin + rng.uniform(0.2, 0.9), rng.uniform(1.0, 1.4)
    level = min(top, plan.mouth[1] - 0.15)
    ring = np.vstack(
        [
            curve((-wide, level - 0.1), (0, level + 0.12), (wide, level - 0.1)),
            curve((wide * 1.1, low), (0, low + 0.3), (-wide * 1.1, low)),
        ]
    )
    pen.shape(ring, colour, plan.line, plan.line_width, surface=False)
    for share in np.linspace(0, 1, int(rng.integers(2, 7)))[1:-1]:
        y = level + share * (low - level)
        pen.stroke(
            curve((-wide, y - 0.1), (rng.uniform(-0.4, 0.4), y + 0.25), (wide, y - 0.1)),
            np.clip(colour * rng.uniform(0.6, 1.2), 0, 255),
            plan.line_width * rng.uniform(0.6, 2),
        )
    del outline


def _hood(pen: Pen, plan: Plan, outline: Points, colour: Points, top: float) -> None:
    rng = pen.rng
    shell = outline * rng.uniform(1.02, 1.12)
    high = plan.eyes[1] - plan.eye_size[1] - rng.uniform(0.1, 0.35)
    wide = min(plan.eyes[0] + plan.eye_size[0] + rng.uniform(0.05, 0.3), 1.0)
    low = max(plan.eyes[1] + plan.eye_size[1] * 1.05, min(top, plan.mouth[1] - 0.1))
    slit = box(-wide, high, wide, low)
    if rng.random() < 0.5:
        slit = np.vstack(
            [
                curve(
                    (-wide, (high + low) / 2), (-wide, high), (wide, high), (wide, (high + low) / 2)
                ),
                curve(
                    (wide, (high + low) / 2), (wide, low), (-wide, low), (-wide, (high + low) / 2)
                ),
            ]
        )
    pen.fill(np.vstack([shell, shell[:1], slit, slit[:1], shell[:1]]), colour, surface=False)
    if plan.line is not None:
        pen.stroke(shell, plan.line, plan.line_width, closed=True, surface=False)
    pen.stroke(slit, colour * 0.6, plan.line_width, closed=True, surface=False)
    for _ in range(int(rng.integers(0, 4))):
        y = low + rng.random() * (plan.chin - low)
        pen.stroke(
            curve((-0.7, y), (0, y + 0.1), (0.7, y - 0.05)),
            np.clip(colour * 0.7 + 12, 0, 255),
            plan.line_width * 0.8,
        )


def _hand(pen: Pen, plan: Plan, outline: Points, colour: Points, top: float) -> None:
    del colour, outline, top
    rng = pen.rng
    x, y = plan.mouth
    side = 1 if rng.random() < 0.5 else -1
    skin = np.clip(plan.skin * rng.uniform(0.92, 1.04), 0, 255)
    line = plan.line if plan.line is not None else plan.skin * 0.75
    thick = rng.uniform(0.1, 0.16)
    reach = plan.mouth_width + rng.uniform(0.15, 0.4)
    pen.shape(oval(x + side * reach * 1.5, y + 0.4, reach, 0.5), skin, line, plan.line_width)
    for finger in range(4):
        row = y + (finger - 1.3) * thick * 1.9
        tip = x - side * reach * rng.uniform(0.8, 1.1)
        pen.shape(
            np.vstack(
                [
                    oval(tip, row, thick, thick, 90, 270) * [1, 1],
                    [[x + side * reach * 1.6, row - thick], [x + side * reach * 1.6, row + thick]],
                ]
            )
            if side > 0
            else np.vstack(
                [
                    oval(tip, row, thick, thick, -90, 90),
                    [[x + side * reach * 1.6, row + thick], [x + side * reach * 1.6, row - thick]],
                ]
            ),
            skin,
            line,
            plan.line_width,
        )


def _plate(pen: Pen, plan: Plan, outline: Points, colour: Points, top: float) -> None:
    rng = pen.rng
    del outline
    w, low = max(plan.mouth_width * 1.3, 0.4), plan.chin * rng.uniform(0.95, 1.1)
    n = int(rng.integers(5, 9))
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False) + rng.uniform(0, 2)
    middle = (top + low) / 2
    high = max((low - top) / 2, plan.mouth_width * 0.8, 0.2)
    ring = np.stack([w * 1.2 * np.cos(angles), middle + high * 1.1 * np.sin(angles)], axis=1)
    pen.shape(ring, colour, plan.line, plan.line_width)
    for side in (-1, 1):
        if rng.random() < 0.5:
            pen.shape(
                oval(side * w * 0.8, middle + 0.2 * high, w * 0.35, w * 0.35),
                any_colour_like(colour, rng, 30),
                plan.line,
                plan.line_width,
            )
