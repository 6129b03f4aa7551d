"""Heads, hair, ears, hats and clothes."""

from __future__ import annotations

import numpy as np

from masktalk.train.drawn.pen import Pen, Points, any_colour_like, box, curve, oval
from masktalk.train.drawn.plan import Plan, any_colour


def head_outline(plan: Plan) -> Points:
    """Return the (48, 2) outline of a head from the right clockwise."""
    angles = np.linspace(0, 2 * np.pi, 49)[:-1]
    cos, sin = np.cos(angles), np.sin(angles)
    x = np.sign(cos) * np.abs(cos) ** (2 / plan.power)
    y = np.sign(sin) * np.abs(sin) ** (2 / plan.power)
    y = np.where(y > 0, y * plan.chin, y * plan.top)
    low = np.clip(y / plan.chin, 0, 1)
    return np.stack([x * (1 - plan.taper * low**2 * 0.75), y], axis=1)


def draw_body(pen: Pen, plan: Plan) -> None:
    """Draw neck and shoulders."""
    rng = pen.rng
    neck, width, drop = rng.uniform(0.2, 0.5), rng.uniform(0.7, 2.2), rng.uniform(0.1, 0.5)
    c = plan.chin
    if rng.random() < 0.8:
        skin = plan.skin * rng.uniform(0.75, 1)
        pen.shape(
            box(-neck, c - 0.4, neck, c + drop + 0.3),
            skin,
            plan.line,
            plan.line_width,
            surface=False,
        )
    y = c + drop
    body = np.array(
        [
            [-neck * 1.1, y],
            [-width, y + 0.35],
            [-width * 1.1, y + 4],
            [width * 1.1, y + 4],
            [width, y + 0.35],
            [neck * 1.1, y],
        ]
    )
    pen.shape(body, plan.cloth, plan.line, plan.line_width, surface=False)
    if rng.random() < 0.4:
        colour = any_colour(rng)
        if rng.random() < 0.5:
            collar = np.array([[-neck * 1.3, y - 0.05], [0, y + 0.7], [neck * 1.3, y - 0.05]])
            pen.shape(collar, colour, plan.line, plan.line_width, surface=False)
        else:  # a scarf that leaves the mouth free
            pen.shape(
                oval(0, y + 0.05, neck + 0.35, 0.28),
                colour,
                plan.line,
                plan.line_width,
                surface=False,
            )


def draw_back_hair(pen: Pen, plan: Plan) -> None:
    """Draw the hair behind a head."""
    rng = pen.rng
    wide, low = rng.uniform(1.0, 1.5), rng.uniform(0.0, 3.0)
    top = plan.top * rng.uniform(1.05, 1.3)
    ring = np.vstack(
        [
            oval(0, 0, wide, top, 180, 360),
            curve((wide, 0), (wide * 1.2, low * 0.7), (wide * rng.uniform(0.6, 1.1), low))[1:],
            curve((-wide * rng.uniform(0.6, 1.1), low), (-wide * 1.2, low * 0.7), (-wide, 0)),
        ]
    )
    pen.shape(ring, plan.hair * rng.uniform(0.7, 1), plan.line, plan.line_width, surface=False)
    if rng.random() < 0.25:
        for side in (-1, 1):
            at = rng.uniform(1.0, 1.4)
            pen.shape(
                oval(
                    side * at, rng.uniform(-0.6, 0.6), rng.uniform(0.2, 0.5), rng.uniform(0.3, 1.2)
                ),
                plan.hair,
                plan.line,
                plan.line_width,
                surface=False,
            )


def draw_ears(pen: Pen, plan: Plan) -> None:
    """Draw a person's, an animal's or a robot's ears."""
    rng = pen.rng
    line, width = plan.line, plan.line_width
    kind = "human"
    if plan.style == "animal" or (
        plan.style in ("anime", "chibi", "mascot") and rng.random() < 0.25
    ):
        kind = str(rng.choice(["pointed", "round", "long", "floppy"]))
    elif plan.style in ("emoji", "mascot", "robot"):
        kind = "none" if rng.random() < 0.6 else "box"
    size, at = rng.uniform(0.25, 0.6), rng.uniform(0.45, 0.8)
    for side in (-1, 1):
        if kind == "human":
            pen.shape(
                oval(side * 1.0, plan.eyes[1] + 0.15, size * 0.35, size * 0.5),
                plan.skin,
                line,
                width,
                surface=False,
            )
            continue
        if kind == "none":
            continue
        top = -plan.top * 0.8
        shapes = {
            "pointed": np.array(
                [
                    [side * (at - 0.35), top - 0.1],
                    [side * (at + 0.2), top - size * 1.6],
                    [side * (at + 0.35), top + 0.45],
                ]
            ),
            "round": oval(side * at, top, size * 0.8, size * 0.8),
            "long": oval(side * at * 0.6, top - size * 1.4, size * 0.35, size * 2),
            "floppy": oval(side * 1.0, top + 0.8, size * 0.5, size * 1.5),
            "box": box(side * 1.0 - 0.12, -0.25, side * 1.0 + 0.12, 0.25),
        }
        colour = plan.hair if plan.human else np.clip(plan.skin * rng.uniform(0.7, 1.1), 0, 255)
        pen.shape(shapes[kind], colour, line, width, surface=False)
        if kind in ("pointed", "round", "long"):
            middle = shapes[kind].mean(axis=0)
            pen.fill(
                middle + (shapes[kind] - middle) * 0.6, np.array([240.0, 170, 170]), surface=False
            )


def draw_front_hair(pen: Pen, plan: Plan) -> None:
    """Draw fringes: spikes, a curtain, a swoop; side locks over the cheeks."""
    rng = pen.rng
    count = int(rng.integers(1, 9))
    low = plan.eyes[1] - rng.uniform(-0.15, 0.6)
    root = oval(0, 0, 1.06, plan.top * 1.12, 180, 360)
    line, width = plan.line, plan.line_width
    tips = [[1.05, 0.0]]
    edges = np.linspace(1.0, -1.0, count + 1)
    part = rng.integers(0, count) if rng.random() < 0.4 else -1
    for k in range(count):
        depth = low + rng.uniform(-0.25, 0.15)
        if k == part:
            depth = -plan.top * 0.6
        tips.append([(edges[k] + edges[k + 1]) / 2 + rng.normal(0, 0.1), depth])
        tips.append([edges[k + 1], min(low, 0) - rng.uniform(0.1, 0.5)])
    tips[-1] = [-1.05, 0.0]
    fringe = np.vstack([root, np.array(tips)])
    if rng.random() < 0.12:  # hair over one eye
        side = 1 if rng.random() < 0.5 else -1
        swoop = np.array(
            [
                [-side * 0.5, -plan.top],
                [side * 1.05, -plan.top * 0.6],
                [side * 1.0, plan.chin * 0.8],
                [side * plan.eyes[0] * 0.7, plan.eyes[1] + 0.3],
            ]
        )
        pen.shape(swoop, plan.hair, line, width, surface=False)
    if rng.random() < 0.4:
        for side in (-1, 1):
            lock = curve(
                (side * 0.8, low - 0.3),
                (side * 1.2, 0.4),
                (side * rng.uniform(0.7, 1.0), plan.chin * rng.uniform(0.5, 1.4)),
            )
            pen.shape(np.vstack([lock, [[side * 1.1, 0.2]]]), plan.hair, line, width, surface=False)
    pen.shape(fringe, plan.hair, line, width, surface=False)
    if rng.random() < 0.4:
        pen.stroke(
            oval(0, -plan.top * 0.1, 0.8, plan.top * 0.65, 210, 330),
            np.clip(plan.hair + 60, 0, 255),
            width * 1.5,
            surface=False,
        )


def draw_hat(pen: Pen, plan: Plan) -> None:
    """Draw a hat, a headband or a hood that leaves the face free."""
    rng, t = pen.rng, plan.top
    colour = any_colour(rng)
    kind = rng.choice(["cap", "brim", "band", "hood", "bow"])
    line, width = plan.line, plan.line_width
    if kind == "cap":
        pen.shape(
            np.vstack([oval(0, -t * 0.45, 1.1, t * 0.8, 180, 360)]),
            colour,
            line,
            width,
            surface=False,
        )
        pen.shape(oval(0, -t * 0.45, 1.3, 0.12), colour * 0.8, line, width, surface=False)
    elif kind == "brim":
        pen.shape(
            oval(0, -t * 0.55, rng.uniform(1.4, 2.2), 0.22), colour, line, width, surface=False
        )
        pen.shape(
            box(-0.8, -t * 1.5, 0.8, -t * 0.6),
            any_colour_like(colour, rng, 15),
            line,
            width,
            surface=False,
        )
    elif kind == "band":
        pen.shape(box(-1.03, -t * 0.55, 1.03, -t * 0.35), colour, line, width, surface=False)
    elif kind == "hood":
        outer = oval(0, 0.1, 1.3, t * 1.25)
        inner = oval(0, 0.15, 0.95, t * 0.98)[::-1]
        pen.fill(np.vstack([outer, inner, outer[-1:]]), colour, surface=False)
        if line is not None:
            pen.stroke(inner, line, width, surface=False)
    else:
        x = rng.uniform(-0.8, 0.8)
        pen.shape(
            np.array(
                [
                    [x, -t],
                    [x - 0.4, -t - 0.3],
                    [x - 0.4, -t + 0.3],
                    [x + 0.4, -t - 0.3],
                    [x + 0.4, -t + 0.3],
                ]
            ),
            colour,
            line,
            width,
            surface=False,
        )


def draw_feelers(pen: Pen, plan: Plan) -> None:
    """Draw a robot's antenna and screws."""
    rng = pen.rng
    if rng.random() < 0.6:
        x = rng.uniform(-0.4, 0.4)
        pen.stroke(
            np.array([[x, -plan.top], [x, -plan.top - 0.4]]),
            plan.ink,
            plan.line_width,
            surface=False,
        )
        pen.fill(oval(x, -plan.top - 0.45, 0.1, 0.1), plan.iris, surface=False)
    if rng.random() < 0.4:
        level = plan.top * 0.4
        pen.stroke(
            np.array([[-1, -level], [1, -level]]), plan.ink, plan.line_width * 0.6, surface=False
        )
