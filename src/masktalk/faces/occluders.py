"""Paints things over mouths: material to fit and to test how covered faces are found.

Cloths, masks, hoods, hands and helmets of random cut, colour, texture and fold, laid over
a face whose mesh is known. Deterministic for a given generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.landmarks import (
    CHIN,
    FACE_OVAL,
    LEFT_EAR,
    LEFT_EYE_OUTER,
    MASK_EDGE,
    MOUTH,
    NOSE_LINE,
    RIGHT_EAR,
    RIGHT_EYE_OUTER,
)
from masktalk.types import FloatArray, UInt8Array

_RIGHT_SIDE, _LEFT_SIDE = FACE_OVAL.index(RIGHT_EAR), FACE_OVAL.index(LEFT_EAR)


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A picture and the face frame in it: unit is the interocular distance, y is down."""

    pixels: UInt8Array
    mesh: FloatArray
    rng: np.random.Generator

    @property
    def unit(self) -> float:
        return float(np.linalg.norm(self.mesh[RIGHT_EYE_OUTER, :2] - self.mesh[LEFT_EYE_OUTER, :2]))

    @property
    def across(self) -> FloatArray:
        return (self.mesh[RIGHT_EYE_OUTER, :2] - self.mesh[LEFT_EYE_OUTER, :2]) / self.unit

    @property
    def down(self) -> FloatArray:
        return np.array([-self.across[1], self.across[0]], np.float32)

    @property
    def mouth(self) -> FloatArray:
        return np.asarray(self.mesh[list(MOUTH), :2].mean(axis=0))

    def at(self, index: int, right: float = 0.0, down: float = 0.0) -> FloatArray:
        """Return a mesh point moved along the face's own axes, in interocular distances."""
        moved = self.mesh[index, :2] + self.unit * (right * self.across + down * self.down)
        return np.asarray(moved)

    def oval(self, grow: float) -> FloatArray:
        """(36, 2) the face's outline, grown about its middle."""
        ring = self.mesh[list(FACE_OVAL), :2]
        return np.asarray(ring.mean(axis=0) + (ring - ring.mean(axis=0)) * grow)

    def mask(self, *polygons: FloatArray) -> FloatArray:
        """(H, W) 0..1 inside the polygons, with an edge as soft as a picture's own."""
        inside = np.zeros(self.pixels.shape[:2], np.uint8)
        for polygon in polygons:
            eighths = np.round(polygon * 8).astype(np.int32)
            cv2.fillPoly(inside, [eighths], (255,), lineType=cv2.LINE_AA, shift=3)
        blur = max(0.3, self.unit * self.rng.uniform(0.003, 0.015))
        return np.asarray(cv2.GaussianBlur(inside, (0, 0), blur), np.float32) / 255


def _below(canvas: _Canvas, grow: float, top: list[FloatArray]) -> FloatArray:
    """Return the outline below the ears, closed by a line from the left ear to the right one."""
    ring = canvas.oval(grow)[_RIGHT_SIDE : _LEFT_SIDE + 1]
    return np.concatenate([ring, np.stack(top)])


def _mask(canvas: _Canvas) -> list[FloatArray]:
    """Return a surgical mask or a cloth: from the nose to below the chin."""
    rng = canvas.rng
    nose = rng.choice(NOSE_LINE)
    side = rng.uniform(-0.15, 0.35)
    bow = rng.uniform(-0.1, 0.1)
    top = [
        canvas.at(MASK_EDGE[0], -0.05, side),
        canvas.at(MASK_EDGE[1], 0, side / 2 + bow),
        canvas.at(nose, 0, rng.uniform(-0.08, 0.05)),
        canvas.at(MASK_EDGE[2], 0, side / 2 + bow),
        canvas.at(MASK_EDGE[3], 0.05, side),
    ]
    return [_below(canvas, rng.uniform(0.95, 1.12), top)]


def _scarf(canvas: _Canvas) -> list[FloatArray]:
    """Return a scarf: like a mask, and down over the neck."""
    rng = canvas.rng
    drop, width = rng.uniform(0.2, 1.2), rng.uniform(0.5, 1.0)
    neck = [canvas.at(CHIN, -width, drop), canvas.at(CHIN, width, drop)]
    return [*_mask(canvas), np.stack([*neck, canvas.at(RIGHT_EAR), canvas.at(LEFT_EAR)])]


def _hood(canvas: _Canvas) -> list[FloatArray]:
    """Return a ninja's hood: the whole head but a slit for the eyes."""
    rng = canvas.rng
    high, low, wide = rng.uniform(0.18, 0.45), rng.uniform(0.15, 0.35), rng.uniform(0.0, 0.25)
    slit = np.stack(
        [
            canvas.at(LEFT_EYE_OUTER, -wide, -high),
            canvas.at(LEFT_EYE_OUTER, -wide, low),
            canvas.at(6, 0, low + rng.uniform(-0.1, 0.15)),
            canvas.at(RIGHT_EYE_OUTER, wide, low),
            canvas.at(RIGHT_EYE_OUTER, wide, -high),
        ]
    )
    outline = canvas.oval(rng.uniform(1.05, 1.35))
    # One outline with the slit cut out: walk to the slit, round it, and back.
    return [np.concatenate([outline, outline[:1], slit, slit[:1], outline[:1]])]


def _hand(canvas: _Canvas) -> list[FloatArray]:
    """Fingers laid over the mouth from one side."""
    rng = canvas.rng
    tilt = rng.uniform(-0.7, 0.7) + (np.pi if rng.random() < 0.5 else 0)
    along = np.cos(tilt) * canvas.across + np.sin(tilt) * canvas.down
    beside = np.array([-along[1], along[0]])
    thick, reach = canvas.unit * rng.uniform(0.2, 0.28), canvas.unit * rng.uniform(0.45, 0.9)
    fingers = []
    for finger in range(4):
        start = canvas.mouth + beside * thick * (finger - 1.5)
        tip = start + along * reach * rng.uniform(0.85, 1.1)
        back = start - along * canvas.unit * 1.3
        angles = np.linspace(-np.pi / 2, np.pi / 2, 9)
        round_tip = [tip + thick * 0.52 * (np.cos(a) * along + np.sin(a) * beside) for a in angles]
        fingers.append(np.stack([*round_tip, back + beside * thick / 2, back - beside * thick / 2]))
    return fingers


def _plate(canvas: _Canvas) -> list[FloatArray]:
    """Return a helmet's chin guard or a respirator: a hard shape around the mouth alone."""
    rng = canvas.rng
    corners = int(rng.integers(4, 9))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2)
    size = canvas.unit * rng.uniform(0.5, 0.75, corners)[:, None]
    ring = np.cos(angles)[:, None] * canvas.across * 1.15 + np.sin(angles)[:, None] * canvas.down
    return [canvas.mouth + 0.05 * canvas.unit * canvas.down + ring * size]


_CUTS: dict[str, Callable[[_Canvas], list[FloatArray]]] = {
    "mask": _mask,
    "scarf": _scarf,
    "hood": _hood,
    "hand": _hand,
    "plate": _plate,
}
COVERS = tuple(_CUTS)


def _skin(canvas: _Canvas) -> FloatArray:
    """(3,) the colour between the brows, where a covered face is still bare."""
    x, y = np.round(canvas.mesh[9, :2]).astype(int)
    reach = max(1, int(canvas.unit * 0.06))
    height, width = canvas.pixels.shape[:2]
    x, y = int(np.clip(x, reach, width - reach)), int(np.clip(y, reach, height - reach))
    patch = canvas.pixels[y - reach : y + reach, x - reach : x + reach]
    return np.asarray(np.median(patch.reshape(-1, 3), axis=0), np.float32)


def _colour(canvas: _Canvas, kind: str) -> FloatArray:
    rng = canvas.rng
    if kind == "hand" or rng.random() < 0.2:
        return np.clip(_skin(canvas) * rng.uniform(0.85, 1.1) + rng.normal(0, 5, 3), 0, 255)
    if rng.random() < 0.5:
        return np.asarray(np.full(3, rng.uniform(8, 245)) + rng.normal(0, 6, 3))
    return np.asarray(rng.uniform(10, 245, 3))


def _cloth(canvas: _Canvas, kind: str) -> FloatArray:
    """(H, W, 3) a surface of the kind: colour, light, folds, weave, sometimes a pattern."""
    rng = canvas.rng
    height, width = canvas.pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    u = (columns - canvas.mouth[0]) * canvas.across[0] + (rows - canvas.mouth[1]) * canvas.across[1]
    v = (columns - canvas.mouth[0]) * canvas.down[0] + (rows - canvas.mouth[1]) * canvas.down[1]
    u, v = u / canvas.unit, v / canvas.unit
    surface = np.broadcast_to(_colour(canvas, kind), (height, width, 3)).astype(np.float32)
    light = 1 + rng.uniform(-0.25, 0.25) * u + rng.uniform(-0.25, 0.15) * v
    light -= rng.uniform(0, 0.35) * np.minimum(u * u, 1.5)
    for _ in range(int(rng.integers(0, 5))):
        turn, bend = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6)
        wave = np.cos(turn) * u + np.sin(turn) * v + bend * u * v
        light += rng.uniform(0.02, 0.12) * np.sin(wave * rng.uniform(3, 25) + rng.uniform(0, 6))
    if rng.random() < 0.25:
        stripes = np.sin((u if rng.random() < 0.5 else v) * rng.uniform(10, 40)) > rng.uniform(
            -0.5, 0.5
        )
        surface = np.where(stripes[..., None], _colour(canvas, kind), surface)
    noise = rng.normal(0, rng.uniform(0, 9), (height, width)).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.5)) * 2
    return np.asarray(surface * np.clip(light, 0.15, 1.8)[..., None] + grain[..., None])


def cover_mouth(
    pixels: UInt8Array, mesh: FloatArray, kind: str, rng: np.random.Generator
) -> UInt8Array:
    """Return the picture with something painted over its mouth.

    Args:
        pixels: (H, W, 3) uint8.
        mesh: (478, 3) of the face in pixels.
        kind: One of ``COVERS``.
        rng: Where the shape, colour and folds come from.
    """
    canvas = _Canvas(pixels, mesh, rng)
    alpha = canvas.mask(*_CUTS[kind](canvas))[..., None]
    covered = pixels * (1 - alpha) + _cloth(canvas, kind) * alpha
    return np.asarray(np.clip(covered + 0.5, 0, 255), np.uint8)
