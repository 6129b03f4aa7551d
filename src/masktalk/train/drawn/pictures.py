"""Pictures of drawn heads with their truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.train.drawn.covers import draw_cover
from masktalk.train.drawn.features import draw_beard, draw_eyes, draw_marks, draw_nose
from masktalk.train.drawn.finish import background, finish, scatter
from masktalk.train.drawn.heads import (
    draw_back_hair,
    draw_body,
    draw_ears,
    draw_feelers,
    draw_front_hair,
    draw_hat,
    head_outline,
)
from masktalk.train.drawn.mouths import STATES, Mouth, draw_mouth
from masktalk.train.drawn.pen import Pen, Points
from masktalk.train.drawn.plan import Plan, make_plan
from masktalk.types import FloatArray, UInt8Array

#: The points of a head, in the order of every truth and answer.
POINTS = (
    "left_eye", "right_eye", "nose", "left_corner", "right_corner", "upper_lip", "lower_lip",
    "chin",
)  # fmt: skip
_FINE = 2  # drawn so many times larger than used


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth of a drawn picture.

    Attributes:
        points: (8, 2) as in ``POINTS``, pixels.
        box: (4,) x0, y0, x1, y1 of the head's outline without hair, pixels.
        state: Index into ``STATES``.
        animal: Whether it is an animal's head.
        style: The plan's style.
    """

    points: FloatArray
    box: FloatArray
    state: int
    animal: bool
    style: str


def draw_head(pen: Pen, plan: Plan) -> Truth:
    """Draw a head and say where everything is, in the pen's pixels."""
    rng = pen.rng
    human = plan.human
    bald = not human or plan.bodiless or rng.random() < 0.08
    outline = head_outline(plan)
    if not bald:
        draw_back_hair(pen, plan)
    if not plan.bodiless and rng.random() < 0.85:
        draw_body(pen, plan)
    if not plan.bodiless and rng.random() < 0.75:
        draw_ears(pen, plan)
    if plan.bodiless:
        pen.pixels[:] = np.clip(plan.skin, 0, 255)
    elif plan.style == "robot":
        draw_feelers(pen, plan)
    chin = outline.copy()
    chin[:, 0] += 0.25 * pen.yaw * np.clip(outline[:, 1], 0, None)
    if not plan.bodiless:
        pen.shape(chin, plan.skin, plan.line, plan.line_width, surface=False)
    draw_marks(pen, plan, chin)
    bearded = human and rng.random() < 0.07
    if bearded:
        draw_beard(pen, plan, chin)
    draw_eyes(pen, plan)
    if plan.style != "animal":
        draw_nose(pen, plan)
    mouth = draw_mouth(pen, plan)
    covered = not bearded and rng.random() < 0.22
    if covered:
        if rng.random() < 0.5 and not bald:
            draw_front_hair(pen, plan)
            bald = True
        draw_cover(pen, plan, chin)
        x, y, w = *plan.mouth, plan.mouth_width
        mouth = Mouth("covered", np.array([[x - w, y], [x + w, y], [x, y], [x, y]]))
    if not bald:
        draw_front_hair(pen, plan)
    if not plan.bodiless and rng.random() < 0.2:
        draw_hat(pen, plan)
    return _truth(pen, plan, mouth, chin)


def _truth(pen: Pen, plan: Plan, mouth: Mouth, outline: Points) -> Truth:
    x, y = plan.eyes
    features = np.vstack([[[-x, y], [x, y], [0, plan.nose]], mouth.points])
    low = outline[outline[:, 1].argmax()][None]
    points = np.vstack([pen.placed(features), pen.placed(low, surface=False)])
    ring = pen.placed(outline, surface=False)
    box = np.concatenate([ring.min(axis=0), ring.max(axis=0)])
    return Truth(
        points.astype(np.float32),
        box.astype(np.float32),
        STATES.index(mouth.state),
        plan.style == "animal",
        plan.style,
    )


def head_matrix(
    rng: np.random.Generator, plan: Plan, middle: tuple[float, float], size: float
) -> FloatArray:
    """Return the (2, 3) map that puts a tilted head of ``size`` pixels at a place."""
    tilt = rng.normal(0, 0.2) if rng.random() < 0.75 else rng.uniform(-0.8, 0.8)
    scale = size / max(plan.top + plan.chin, 2.0)
    stretch = np.diag([scale * rng.uniform(0.92, 1.08), scale])
    cos, sin = np.cos(tilt), np.sin(tilt)
    turn = np.array([[cos, -sin], [sin, cos]]) @ stretch
    centre = turn @ np.array([0, (plan.chin - plan.top) / 2])
    return np.column_stack([turn, np.array(middle) - centre]).astype(np.float32)


def _pen(rng: np.random.Generator, pixels: UInt8Array, matrix: FloatArray, plan: Plan) -> Pen:
    yaw = float(rng.normal(0, 0.18) if rng.random() < 0.6 else rng.uniform(-0.6, 0.6))
    wobble = rng.uniform(0, 0.02) if plan.style in ("line", "pencil") or rng.random() < 0.1 else 0
    return Pen(pixels, matrix, yaw, rng, wobble)


def crop_picture(
    rng: np.random.Generator, side: int, style: str | None = None
) -> tuple[UInt8Array, Truth]:
    """Draw one head that fills about half of a (side, side, 3) picture."""
    fine = side * _FINE
    plan = make_plan(rng, style)
    pixels = background(rng, fine)
    middle = fine * (0.5 + rng.normal(0, 0.05, 2))
    size = fine * rng.uniform(0.42, 0.82)
    matrix = head_matrix(rng, plan, (middle[0], middle[1]), size)
    truth = draw_head(_pen(rng, pixels, matrix, plan), plan)
    pixels = finish(rng, pixels, plan.style, side)
    return pixels, _shrunk(truth)


def empty_picture(rng: np.random.Generator, side: int) -> UInt8Array:
    """Draw a picture without a head."""
    pixels = background(rng, side * _FINE)
    scatter(rng, pixels, int(rng.integers(0, 30)))
    style = str(rng.choice(["flat", "pencil", "painterly", "pixel"]))
    return finish(rng, pixels, style, side)


def _shrunk(truth: Truth) -> Truth:
    return Truth(truth.points / _FINE, truth.box / _FINE, truth.state, truth.animal, truth.style)
