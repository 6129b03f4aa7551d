"""Eyes, brows, noses and marks of drawn faces."""

from __future__ import annotations

import numpy as np

from masktalk.train.drawn.pen import Pen, Points, any_colour_like, box, curve, oval
from masktalk.train.drawn.plan import Plan, any_colour

_WHITE = np.full(3, 255.0)


def draw_eyes(pen: Pen, plan: Plan) -> None:
    """Draw both eyes, alike more often than not."""
    rng = pen.rng
    kinds = {
        "anime": ["anime"] * 8 + ["arc", "line"],
        "chibi": ["anime"] * 5 + ["arc", "dot", "tall"],
        "robot": ["box", "dot", "disc", "visor", "ring"],
        "emoji": ["dot", "tall", "arc", "heart", "cross", "white"],
        "animal": ["dot", "anime", "white", "tall", "arc", "slit"],
        "pixel": ["box", "white", "dot"],
        "painterly": ["anime", "real", "real"],
        "pencil": ["real", "anime", "white", "dot"],
    }.get(
        plan.style,
        ["dot", "white", "white", "tall", "arc", "real", "line", "anime", "cross", "heart", "ring"],
    )
    kind = str(rng.choice(kinds))
    angry = rng.normal(0, 0.12)
    brow = rng.random() < 0.6
    for side in (-1, 1):
        seen = str(rng.choice(kinds)) if rng.random() < 0.06 else kind
        _eye(pen, plan, seen, side)
        if brow:
            _brow(pen, plan, side, angry)
    if rng.random() < 0.14:
        _glasses(pen, plan)
    elif rng.random() < 0.03:
        _patch(pen, plan)


def _eye(pen: Pen, plan: Plan, kind: str, side: int) -> None:
    rng = pen.rng
    x, y = side * plan.eyes[0], plan.eyes[1]
    w, h = plan.eye_size
    line = plan.line_width
    look = pen.yaw * 0.2
    if kind == "anime":
        white = curve(
            (x - w, y), (x - w * 0.7, y - 1.3 * h), (x + w * 0.7, y - 1.3 * h), (x + w, y)
        )
        white = np.vstack(
            [white, curve((x + w, y), (x + w * 0.6, y + h), (x - w * 0.6, y + h), (x - w, y))]
        )
        pen.fill(white, _WHITE)
        iris = oval(x + look * w, y - 0.05 * h, w * 0.68, h * 0.85)
        pen.fill(iris, plan.iris)
        pen.fill(oval(x + look * w, y - 0.1 * h, w * 0.34, h * 0.5), plan.iris * 0.3)
        pen.fill(oval(x + look * w, y - 0.5 * h, w * 0.6, h * 0.35), plan.iris * 0.4, alpha=0.6)
        pen.fill(oval(x + look * w - 0.25 * w, y - 0.4 * h, w * 0.2, h * 0.22), _WHITE)
        pen.stroke(white[:17], plan.ink, line * 1.8)
        if rng.random() < 0.5:
            pen.stroke(white[22:29], plan.ink, line * 0.7)
    elif kind in ("real", "white", "slit"):
        h = h * 0.55 if kind == "real" else h
        ring = oval(x, y, w, h)
        pen.shape(ring, _WHITE, plan.ink if rng.random() < 0.7 else None, line * 0.8)
        px, py = x + rng.normal(look, 0.1) * w, y + rng.normal(0, 0.1) * h
        size = min(w, h) * rng.uniform(0.35, 0.9)
        if kind == "real":
            pen.fill(oval(px, py, size, size), plan.iris)
            size *= 0.5
            pen.stroke(oval(x, y, w, h, 180, 360), plan.ink, line * 1.3)
        pen.fill(
            oval(px, py, size * (0.3 if kind == "slit" else 1), size),
            plan.ink if plan.ink.mean() < 120 else np.zeros(3),
        )
    elif kind in ("dot", "tall", "disc"):
        radii = (w * 0.6, w * 0.6) if kind == "dot" else (w * 0.5, h) if kind == "tall" else (w, w)
        pen.fill(oval(x, y, *radii), plan.iris if kind == "disc" else plan.ink)
        if rng.random() < 0.4:
            pen.fill(
                oval(x - radii[0] * 0.3, y - radii[1] * 0.35, radii[0] * 0.3, radii[1] * 0.25),
                _WHITE,
            )
    elif kind == "arc":
        up = rng.random() < 0.6
        pen.stroke(
            oval(x, y, w, h * 0.6, 180 if up else 0, 360 if up else 180), plan.ink, line * 1.5
        )
    elif kind == "line":
        pen.stroke(np.array([[x - w, y], [x + w, y + side * 0.1 * w]]), plan.ink, line * 1.4)
    elif kind == "cross":
        for turn in (-1, 1):
            pen.stroke(
                np.array([[x - w, y - turn * w], [x + w, y + turn * w]]) * [1, 1], plan.ink, line
            )
    elif kind == "heart":
        t = np.linspace(0, 2 * np.pi, 25)
        heart = np.stack(
            [np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t)) / 16], axis=1
        )
        pen.fill(heart * w * 1.1 + [x, y], any_colour_like(np.array([230.0, 50, 80]), rng, 60))
    elif kind == "ring":
        pen.stroke(oval(x, y, w, w), plan.ink, line)
        pen.fill(oval(x, y, w * 0.3, w * 0.3), plan.ink)
    else:  # box, visor
        pen.shape(box(x - w, y - h * 0.6, x + w, y + h * 0.6), plan.iris, plan.ink, line)
        pen.fill(
            box(x - w * 0.4, y - h * 0.3, x + w * 0.4, y + h * 0.3),
            _WHITE if rng.random() < 0.5 else plan.ink,
        )


def _brow(pen: Pen, plan: Plan, side: int, angry: float) -> None:
    x, y = side * plan.eyes[0], plan.eyes[1] - plan.eye_size[1] * 1.3 - 0.1
    w = plan.eye_size[0] * 1.1 + 0.03
    rise = side * angry
    points = curve((x - w, y + rise), (x, y - 0.08), (x + w, y - rise))
    pen.stroke(points, plan.ink, plan.line_width * pen.rng.uniform(0.6, 2.2))


def _glasses(pen: Pen, plan: Plan) -> None:
    rng = pen.rng
    w, h = plan.eye_size[0] * 1.3 + 0.05, plan.eye_size[1] * rng.uniform(0.9, 1.3) + 0.06
    frame = any_colour(rng, 0, 120)
    dark = rng.random() < 0.35
    x, y = plan.eyes
    for side in (-1, 1):
        lens = (
            oval(side * x, y, w, h)
            if rng.random() < 0.6
            else box(side * x - w, y - h, side * x + w, y + h)
        )
        if dark:
            pen.fill(lens, any_colour(rng, 0, 90))
        pen.stroke(lens, frame, plan.line_width * 1.2, closed=True)
    pen.stroke(np.array([[-x + w, y], [x - w, y]]), frame, plan.line_width)


def _patch(pen: Pen, plan: Plan) -> None:
    side = 1 if pen.rng.random() < 0.5 else -1
    x, y = side * plan.eyes[0], plan.eyes[1]
    w = plan.eye_size[0] * 1.4 + 0.05
    pen.fill(oval(x, y, w, w), any_colour(pen.rng, 0, 60))
    pen.stroke(np.array([[-side * 1.0, y - 0.9], [side * 1.0, y + 0.1]]), np.zeros(3), 0.05)


def draw_nose(pen: Pen, plan: Plan) -> None:
    """Draw a nose, or none."""
    rng, y, x = pen.rng, plan.nose, plan.mouth[0] * 0.5
    kind = rng.choice(["none", "dot", "dash", "hook", "shadow", "ball", "nostrils", "long"])
    size = rng.uniform(0.04, 0.16)
    shade = np.clip(plan.skin * rng.uniform(0.6, 0.92), 0, 255)
    if kind == "dot":
        pen.fill(oval(x, y, 0.025, 0.025), plan.ink)
    elif kind == "dash":
        pen.stroke(np.array([[x, y - size], [x - size * 0.3, y]]), plan.ink, plan.line_width * 0.7)
    elif kind == "hook":
        side = 1 if rng.random() < 0.5 else -1
        pen.stroke(
            curve((x, y - 2 * size), (x + side * size * 1.5, y), (x - side * 0.2 * size, y)),
            plan.ink,
            plan.line_width * 0.8,
        )
    elif kind == "shadow":
        pen.fill(np.array([[x, y - size], [x + size * 0.7, y], [x - size * 0.7, y]]), shade)
    elif kind == "ball":
        colour = (
            shade if rng.random() < 0.7 else any_colour_like(np.array([220.0, 60, 60]), rng, 50)
        )
        pen.shape(
            oval(x, y, size, size * 0.8),
            colour,
            plan.line if rng.random() < 0.5 else None,
            plan.line_width * 0.8,
        )
    elif kind == "nostrils":
        for side in (-1, 1):
            pen.fill(oval(x + side * size * 0.6, y, size * 0.25, size * 0.18), plan.ink)
    elif kind == "long":
        pen.stroke(
            np.array([[x, plan.eyes[1]], [x + 0.05, y], [x - size * 0.5, y]]),
            plan.ink,
            plan.line_width * 0.8,
        )


def draw_marks(pen: Pen, plan: Plan, outline: Points) -> None:
    """Draw what faces carry besides: shade, blush, freckles, wrinkles, a beard."""
    rng = pen.rng
    x, y = plan.eyes[0], (plan.eyes[1] + plan.mouth[1]) / 2
    if rng.random() < 0.35:
        side = 1 if rng.random() < 0.5 else -1
        shaded = outline.copy()
        shaded[:, 0] = np.clip(shaded[:, 0] * side, rng.uniform(0.2, 0.6), None) * side
        pen.fill(shaded, plan.skin * 0.6, alpha=rng.uniform(0.2, 0.7), surface=False)
    if rng.random() < 0.35:
        for side in (-1, 1):
            pen.fill(
                oval(side * x * 1.15, y, 0.18, 0.1),
                np.array([250.0, 110, 120]),
                alpha=rng.uniform(0.2, 0.7),
            )
            if rng.random() < 0.3:
                for k in (-1, 0, 1):
                    at = np.array([side * x * 1.15 + k * 0.07, y])
                    pen.stroke(
                        np.array([[0.03, -0.05], [-0.03, 0.05]]) + at,
                        plan.ink,
                        plan.line_width * 0.4,
                    )
    if rng.random() < 0.08:
        for _ in range(8):
            spot = rng.normal(0, 1, 2) * [0.35, 0.08] + [0, y]
            pen.fill(oval(spot[0], spot[1], 0.02, 0.02), plan.skin * 0.6)


def draw_beard(pen: Pen, plan: Plan, outline: Points) -> None:
    """Draw a beard and a moustache around the place of the mouth."""
    rng, (x, y) = pen.rng, plan.mouth
    colour = np.clip(plan.hair, 0, 255)
    if rng.random() < 0.6:
        beard = outline.copy()
        level = plan.nose + rng.uniform(0.0, 0.25)
        beard[:, 1] = np.maximum(beard[:, 1] * 1.1, level)
        pen.fill(beard, colour, surface=False)
    w = max(plan.mouth_width, 0.15) * rng.uniform(0.9, 1.6)
    top = plan.nose + 0.05
    tash = np.vstack(
        [
            curve((x - w, y), (x - w / 2, top - 0.1), (x, top)),
            curve((x, top), (x + w / 2, top - 0.1), (x + w, y)),
        ]
    )
    pen.fill(np.vstack([tash, curve((x + w, y), (x, y - 0.05), (x - w, y))]), colour * 0.9)
