"""The shapes of the masks in face coordinates: outline, relief and material.

An outline is a signed distance in inter-ocular distances, positive inside. On the canonical
face the nose's tip lies at v .40, the mouth at .73, the chin at 1.20 and the ears at u .76.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from masktalk.types import FloatArray

MaskKind: TypeAlias = Literal["hood", "scarf", "surgical", "visor", "hand", "microphone"]
MASK_KINDS: tuple[MaskKind, ...] = get_args(MaskKind)

#: Kinds that do not move with the jaw.
RIGID_KINDS = frozenset({"visor", "hand", "microphone"})


@dataclass(frozen=True, eq=False)
class Layer:
    """One mask over every pixel.

    Attributes:
        distance: (H, W) signed distance to the outline, positive inside.
        relief: (H, W) height of the surface towards the camera, beyond the face's own.
        albedo: (H, W, 3) linear colour 0..1 under full light.
        gloss: Share of the light that is mirrored, 0..1.
    """

    distance: FloatArray
    relief: FloatArray
    albedo: FloatArray
    gloss: float = 0.0


@dataclass(frozen=True, eq=False)
class ShapeInput:
    """Inputs of a shape.

    Attributes:
        u: (H, W) face coordinate to the right.
        v: (H, W) face coordinate down.
        outline: (H, W) signed distance to the face's outline, positive inside.
        mouth: Face coordinates of the mouth's corners, left then right, each (u, v).
        rng: Source of cut, colour and folds.
        skin: (3,) linear colour of the face's skin 0..1.
    """

    u: FloatArray
    v: FloatArray
    outline: FloatArray
    mouth: tuple[tuple[float, float], tuple[float, float]]
    rng: np.random.Generator
    skin: FloatArray


def make_layer(kind: MaskKind, given: ShapeInput) -> Layer:
    """Return the mask of a kind."""
    return _SHAPES[kind](given)


def face_relief(u: FloatArray, v: FloatArray, nose: float) -> FloatArray:
    """Return the (H, W) height of the canonical head, its nose as prominent as told.

    Args:
        u: (H, W) face coordinate to the right.
        v: (H, W) face coordinate down.
        nose: Height of the nose in inter-ocular distances; less under cloth.
    """
    head = np.sqrt(np.maximum(1 - (u / 1.05) ** 2 - ((v - 0.25) / 1.7) ** 2, 0.02))
    ridge = nose * np.exp(-((u / 0.16) ** 2) - ((v - 0.34) / 0.26) ** 2)
    chin = 0.07 * np.exp(-((u / 0.3) ** 2) - ((v - 1.08) / 0.2) ** 2)
    neck = 0.5 * np.sqrt(np.maximum(1 - (u / (0.8 + 0.2 * np.maximum(v - 1.2, 0))) ** 2, 0.0))
    # A smooth maximum: under cloth nothing has a sharp inner edge.
    front, below = 0.85 * head + ridge + chin, neck * _step((v - 0.9) / 0.3)
    return np.asarray(np.logaddexp(8 * front, 8 * below) / 8, np.float32)


def _colour(rng: np.random.Generator) -> FloatArray:
    """Return a cloth's (3,) linear colour: mostly dark or muted, now and then bright."""
    value = rng.uniform(0.03, 0.75) ** 1.5
    tint = rng.uniform(0.6, 1.0, 3) if rng.random() < 0.6 else rng.uniform(0.15, 1.0, 3)
    return np.asarray(value * tint / tint.max() + 0.01, np.float32)


def _plain(colour: FloatArray, like: FloatArray) -> FloatArray:
    return np.broadcast_to(colour, (*like.shape, 3)).astype(np.float32)


def _weave(u: FloatArray, v: FloatArray, pitch: float) -> FloatArray:
    """Return the (H, W) relief of a weave, a few thousandths of a unit high."""
    return np.asarray(0.5 * (np.sin(u * pitch) * np.sin(v * pitch)) * 0.25 / pitch, np.float32)


def _folds(given: ShapeInput, count: int, height: float, across: bool) -> FloatArray:
    """Return the (H, W) relief of folds that bend over the face."""
    rng, u, v = given.rng, given.u, given.v
    relief = np.zeros_like(u)
    for _ in range(count):
        turn = rng.normal(0, 0.25)
        along, beside = (u, v) if across else (v, u)
        bend = rng.uniform(-0.5, 0.5) * along**2 + turn * along
        centre = rng.uniform(-0.2, 1.6) if across else rng.uniform(-0.9, 0.9)
        width = rng.uniform(0.035, 0.09)
        place = (beside - centre - bend) / width
        relief += rng.uniform(0.4, 1.0) * height * np.exp(-(place**2))
    return relief


def _pattern(given: ShapeInput, albedo: FloatArray) -> FloatArray:
    """Return the albedo, striped now and then."""
    rng = given.rng
    if rng.random() > 0.25:
        return albedo
    along = given.v if rng.random() < 0.5 else given.u
    stripes = np.sin(along * rng.uniform(10, 35) + rng.uniform(0, 6)) > rng.uniform(-0.3, 0.7)
    return np.where(stripes[..., None], _colour(rng), albedo).astype(np.float32)


def _hood(given: ShapeInput) -> Layer:
    """Return a ninja's hood: the whole head and the neck but a slit for the eyes."""
    rng, u, v = given.rng, given.u, given.v
    head = _ellipse(u, v, (0, 0.14), (rng.uniform(0.92, 1.02), rng.uniform(1.22, 1.32)))
    neck = np.minimum(0.62 + 0.25 * np.maximum(v - 1.1, 0) - np.abs(u), v - 0.6)
    high, low, wide = rng.uniform(0.2, 0.3), rng.uniform(0.2, 0.27), rng.uniform(0.66, 0.74)
    dip = rng.uniform(0.0, 0.06) * np.exp(-((u / 0.2) ** 2))
    slit = _rounded(u, v - dip, (0.0, (low - high) / 2), (wide, (low + high) / 2), 0.16)
    distance = np.minimum(np.maximum(head, neck), -slit)
    hem = 0.02 * np.exp(-(((slit + 0.05) / 0.035) ** 2))
    relief = _folds(given, int(rng.integers(3, 8)), 0.02, across=bool(rng.random() < 0.6))
    relief += hem + _weave(u, v, rng.uniform(60, 120))
    return Layer(distance, relief, _pattern(given, _plain(_colour(rng), u)))


def _scarf(given: ShapeInput) -> Layer:
    """Return a scarf: from the nose over the chin and round the neck."""
    rng, u, v = given.rng, given.u, given.v
    top = rng.uniform(0.24, 0.34) + rng.uniform(0.05, 0.2) * u**2 + rng.normal(0, 0.03) * u
    spread = np.clip((v - 0.8) / 0.9, 0, 1)
    side = rng.uniform(0.82, 0.92) + rng.uniform(0.15, 0.4) * spread**2 * (3 - 2 * spread)
    bottom = rng.uniform(1.75, 2.2) - 0.15 * u**2
    distance = np.minimum(np.minimum(v - top, bottom - v), side - np.abs(u))
    limit = given.outline + 0.16 + np.maximum(v - 1.0, 0) * 3
    distance = np.minimum(distance, limit)
    relief = _folds(given, int(rng.integers(6, 12)), 0.035, across=True)
    relief += 0.02 * np.exp(-(((v - top - 0.05) / 0.04) ** 2))
    knit = rng.uniform(45, 80)
    relief += 0.2 / knit * np.abs(np.sin(u * knit + 0.6 * np.sin(v * knit)))
    return Layer(distance, relief, _pattern(given, _plain(_colour(rng), u)))


def _surgical(given: ShapeInput) -> Layer:
    """Return a surgical mask with its pleats and loops."""
    rng, u, v = given.rng, given.u, given.v
    top = rng.uniform(0.17, 0.25) + rng.uniform(0.2, 0.3) * u**2
    bottom = rng.uniform(1.25, 1.29) - 0.7 * u**2
    side = rng.uniform(0.58, 0.64) - 0.05 * np.cos(np.pi * np.clip((v - 0.7) / 0.5, -1, 1))
    body = np.minimum(np.minimum(v - top, bottom - v), side - np.abs(u))
    body = np.minimum(body, given.outline + 0.1)
    loops = np.full_like(u, -1.0)
    for begin, end in (((0.58, 0.36), (0.8, 0.12)), ((0.56, 0.92), (0.8, 0.3))):
        loop = 0.012 - _segment(np.abs(u), v, begin, end)
        loops = np.maximum(loops, np.minimum(loop, given.outline + 0.1))
    inside = (v - top) / np.maximum(bottom - top, 0.2)
    pleats = sum(0.02 * _step((inside - place) / 0.03) for place in (0.35, 0.5, 0.65))
    relief = np.asarray(pleats) + 0.012 * _step((0.04 - (v - top)) / 0.01)
    relief += 0.07 * np.exp(-((u / 0.3) ** 2) - ((v - 0.85) / 0.35) ** 2)  # stands off the lips
    colours = ((0.5, 0.68, 0.78), (0.75, 0.77, 0.78), (0.03, 0.03, 0.035), (0.72, 0.5, 0.55))
    colour = np.array(colours[int(rng.integers(len(colours)))], np.float32)
    albedo = _plain(colour * rng.uniform(0.85, 1.1), u)
    albedo[loops > body] = 0.7
    return Layer(np.maximum(body, loops), relief + _weave(u, v, 150.0), albedo)


def _visor(given: ShapeInput) -> Layer:
    """Return a full-face helmet with its visor open: a hard shell with a port for the eyes."""
    rng, u, v = given.rng, given.u, given.v
    shell = _ellipse(u, v, (0, 0.22), (rng.uniform(1.12, 1.22), rng.uniform(1.42, 1.52)))
    low = rng.uniform(0.24, 0.3)
    port = _rounded(u, v, (0, (low - 0.42) / 2), (0.78, (low + 0.42) / 2), 0.2)
    port = np.maximum(port, -1.0)
    distance = np.minimum(shell, -port)
    rubber = np.exp(-((port / 0.05) ** 2))
    dome = np.sqrt(np.maximum(1 - (u / 1.25) ** 2 - ((v - 0.22) / 1.55) ** 2, 0.02))
    relief = 1.1 * dome - face_relief(u, v, 0.15)
    relief += 0.16 * np.exp(-((u / 0.45) ** 2) - ((v - 0.85) / 0.3) ** 2) + 0.03 * rubber
    vent = _rounded(np.abs(u) - 0.2, v, (0, 0.85), (0.13, 0.05), 0.03)
    relief -= 0.05 * _step(vent / 0.02)
    albedo = _plain(_colour(rng), u)
    dark = np.maximum(rubber, _step(vent / 0.02))[..., None]
    albedo = albedo * (1 - dark) + 0.02 * dark
    return Layer(distance, relief, albedo.astype(np.float32), gloss=rng.uniform(0.3, 0.8))


def _hand(given: ShapeInput) -> Layer:
    """Return a hand laid over mouth and chin from one side."""
    rng = given.rng
    side = 1.0 if rng.random() < 0.5 else -1.0
    u, v = given.u * side, given.v
    tilt, thick = rng.uniform(-0.12, 0.2), rng.uniform(0.125, 0.14)
    distance, relief = np.full_like(u, -9.0), np.zeros_like(u)
    nail = np.zeros_like(u)
    for finger in range(4):
        row = 0.6 + finger * 1.62 * thick
        reach = (-0.5, -0.62, -0.58, -0.44)[finger] + rng.normal(0, 0.03)
        tip = reach, row + rng.normal(0, 0.01) - tilt * 0.5
        knuckle = 0.55, row + 0.1 + tilt * 0.3
        away = _segment(u, v, tip, knuckle)
        inside = thick * (1 - 0.12 * np.clip(-(u - reach - 0.2) / 0.2, 0, 1)) - away
        bulge = np.sqrt(np.maximum(inside * (2 * thick - inside), 0))
        relief = np.maximum(relief, bulge)
        distance = np.maximum(distance, inside)
        nail = np.maximum(nail, _step(-_rounded(u, v, (tip[0], tip[1]), (0.06, 0.06), 0.05) / 0.01))
    back = _ellipse(u, v, (0.78, 1.0), (0.52, 0.46))
    arm = 0.3 - _segment(u, v, (1.0, 1.3), (1.5, 3.2))
    rise = np.maximum(np.maximum(back, arm), 0)
    relief = np.maximum(relief, np.sqrt(rise * (0.5 - np.minimum(rise, 0.25))) * 0.55)
    distance = np.maximum(np.maximum(distance, back), arm)
    # Gaps between fingers are closed: nothing of the mouth shows through.
    gap = _rounded(u, v, (0.05, 0.6 + 2.43 * thick), (0.5, 2.43 * thick), 0.05)
    distance = np.maximum(distance, gap)
    tone = given.skin * rng.uniform(0.8, 1.1)
    crease = np.clip(1 - relief / (0.45 * thick), 0, 1)[..., None]
    albedo = _plain(tone, u) * (1 - crease * np.array([0.35, 0.5, 0.55]))
    nail = nail * (distance > 0.02)
    albedo = albedo * (1 - 0.3 * nail[..., None]) + 0.3 * nail[..., None] * (0.5 * tone + 0.35)
    return Layer(distance, relief, np.asarray(albedo, np.float32), gloss=0.06)


def _microphone(given: ShapeInput) -> Layer:
    """Return a microphone with a wind shield, held before mouth and chin."""
    rng, u, v = given.rng, given.u, given.v
    (left, _), (right, _) = given.mouth
    middle = (left + right) / 2 + rng.normal(0, 0.02), rng.uniform(0.94, 0.98)
    reach = max((right - left) / 2 - 0.3, 0)  # a broad smile needs a broad microphone
    size = rng.uniform(0.44, 0.5) + 1.4 * reach, rng.uniform(0.48, 0.54) + 0.3 * reach
    ball = _ellipse(u, v, middle, size)
    lean = rng.uniform(-0.25, 0.25)
    axis = u - middle[0] - lean * (v - middle[1])
    handle = np.minimum(rng.uniform(0.13, 0.17) - np.abs(axis), v - middle[1])
    across = np.clip((u - middle[0]) / size[0], -1, 1), np.clip((v - middle[1]) / size[1], -1, 1)
    dome = np.sqrt(np.maximum(1 - across[0] ** 2 - across[1] ** 2, 0))
    foam = rng.random() < 0.6
    grain = given.rng.normal(0, 0.004, u.shape) if foam else 0.004 * np.sin(u * 90) * np.sin(v * 90)
    rod = np.sqrt(np.maximum(0.15**2 - axis**2, 0))
    relief = np.where(ball > 0, 0.45 * dome + 0.1 + grain, rod)
    colour = _colour(rng) * (0.6 if foam else 1.0) if rng.random() < 0.5 else np.full(3, 0.02)
    albedo = _plain(np.asarray(colour, np.float32), u)
    albedo[(ball <= 0) & (handle > 0)] = 0.03
    flat = -face_relief(u, v, 0.15)
    return Layer(np.maximum(ball, handle), relief + flat, albedo, gloss=0.0 if foam else 0.5)


_SHAPES: dict[MaskKind, Callable[[ShapeInput], Layer]] = {
    "hood": _hood,
    "scarf": _scarf,
    "surgical": _surgical,
    "visor": _visor,
    "hand": _hand,
    "microphone": _microphone,
}


def _step(x: FloatArray) -> FloatArray:
    """Return a smooth step from 0 to 1 round x = 0."""
    return np.asarray(1 / (1 + np.exp(-4 * np.clip(x, -8, 8))), np.float32)


def _ellipse(
    u: FloatArray, v: FloatArray, middle: tuple[float, float], radii: tuple[float, float]
) -> FloatArray:
    """Return the approximate signed distance to an ellipse, positive inside."""
    away = np.hypot((u - middle[0]) / radii[0], (v - middle[1]) / radii[1])
    return np.asarray((1 - away) * min(radii), np.float32)


def _rounded(
    u: FloatArray,
    v: FloatArray,
    middle: tuple[float, float],
    half: tuple[float, float],
    radius: float,
) -> FloatArray:
    """Return the signed distance to a rectangle with round corners, positive inside."""
    x, y = np.abs(u - middle[0]) - half[0] + radius, np.abs(v - middle[1]) - half[1] + radius
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)
    return np.asarray(radius - outside, np.float32)


def _segment(
    u: FloatArray, v: FloatArray, begin: tuple[float, float], end: tuple[float, float]
) -> FloatArray:
    """Return the distance to a line segment."""
    du, dv = end[0] - begin[0], end[1] - begin[1]
    along = ((u - begin[0]) * du + (v - begin[1]) * dv) / (du * du + dv * dv)
    along = np.clip(along, 0, 1)
    return np.asarray(np.hypot(u - begin[0] - along * du, v - begin[1] - along * dv), np.float32)
