"""Crops of the photograph that ships with masktalk, bare and under painted covers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from masktalk.faces.occluders import COVERS, cover_mouth
from masktalk.landmarks import (
    CHIN,
    LEFT_EYE_CORNERS,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    NOSE_TIP,
    RIGHT_EYE_CORNERS,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)
from masktalk.types import FloatArray, UInt8Array

_POINTS = (
    LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, (NOSE_TIP,), (LEFT_MOUTH_CORNER,), (RIGHT_MOUTH_CORNER,),
    (UPPER_LIP_INNER,), (LOWER_LIP_INNER,), (CHIN,),
)  # fmt: skip


@cache
def _portrait() -> tuple[UInt8Array, FloatArray]:
    from masktalk.faces import locate
    from masktalk.types import Frame

    data = files("masktalk.demo").joinpath("material/portrait.jpg").read_bytes()
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    pixels = np.asarray(decoded, np.uint8)[:, :, ::-1]
    face = locate(Frame(np.ascontiguousarray(pixels)))
    assert face is not None
    scale = 220 / float(np.ptp(face.mesh[:, 1]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small), (face.mesh * scale).astype(np.float32)


@cache
def _covered(seed: int) -> UInt8Array:
    pixels, mesh = _portrait()
    rng = np.random.default_rng(seed)
    return cover_mouth(pixels, mesh, str(rng.choice(COVERS)), rng)


def photograph_crop(
    rng: np.random.Generator, side: int
) -> tuple[UInt8Array, FloatArray, FloatArray, int]:
    """Return a (side, side, 3) crop, its (8, 2) points, (4,) box and state."""
    pixels, mesh = _portrait()
    state = 0
    if rng.random() < 0.5:
        pixels = _covered(int(rng.integers(150)))
        state = 3
    tilt = rng.normal(0, 0.25)
    size = side * rng.uniform(0.42, 0.82)
    scale = size / float(np.ptp(mesh[:, 1]))
    cos, sin = np.cos(tilt) * scale, np.sin(tilt) * scale
    turn = np.array([[cos * rng.uniform(0.85, 1.15), -sin], [sin, cos * rng.uniform(0.9, 1.1)]])
    turn[0, 1] += rng.normal(0, 0.06) * scale
    middle = side * (0.5 + rng.normal(0, 0.05, 2))
    centre = (mesh[:, :2].min(axis=0) + mesh[:, :2].max(axis=0)) / 2
    matrix = np.column_stack([turn, middle - turn @ centre])
    crop = cv2.warpAffine(
        pixels, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    placed = mesh[:, :2] @ turn.T + matrix[:, 2]
    points = np.stack([placed[list(index)].mean(axis=0) for index in _POINTS])
    box = np.concatenate([placed.min(axis=0), placed.max(axis=0)])
    return (
        _graded(rng, np.asarray(crop, np.uint8)),
        points.astype(np.float32),
        box.astype(np.float32),
        state,
    )


def _graded(rng: np.random.Generator, pixels: UInt8Array) -> UInt8Array:
    light = pixels.astype(np.float32) * rng.uniform(0.6, 1.25, 3) + rng.normal(0, 12)
    light = 255 * (np.clip(light, 0, 255) / 255) ** rng.uniform(0.6, 1.6)
    side = pixels.shape[0]
    shade = cv2.resize(
        rng.normal(1, 0.15, (3, 3)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    light = light * shade[..., None] + rng.normal(0, rng.uniform(0, 8), pixels.shape)
    out = np.clip(light, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.3:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 1.4)), np.uint8)
    return np.asarray(out, np.uint8)
