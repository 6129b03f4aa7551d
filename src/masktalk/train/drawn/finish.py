"""Backgrounds, and what paper, brush, printing and compression do to a drawing."""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.train.drawn.pen import Pen, box, oval
from masktalk.train.drawn.plan import any_colour
from masktalk.types import UInt8Array


def background(rng: np.random.Generator, side: int) -> UInt8Array:
    """Make (side, side, 3) of plain colour, a gradient, shapes, strokes or noise."""
    pixels = np.empty((side, side, 3), np.uint8)
    pixels[:] = np.full(3, 255) if rng.random() < 0.3 else any_colour(rng, 0, 255)
    kind = rng.random()
    if kind < 0.2:
        ramp = np.linspace(0, 1, side)[:, None, None]
        a, b = any_colour(rng), any_colour(rng)
        wide = np.broadcast_to(a + (b - a) * ramp, (side, side, 3))
        pixels = np.ascontiguousarray(
            wide if rng.random() < 0.5 else wide.transpose(1, 0, 2)
        ).astype(np.uint8)
    elif kind < 0.3:
        cells = int(rng.integers(3, 12))
        cells = int(rng.integers(3, 12))
        coarse = rng.integers(0, 255, [cells, cells, 3], np.uint8)
        pixels = np.asarray(
            cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8
        )
    if rng.random() < 0.5:
        scatter(rng, pixels, int(rng.integers(2, 14)))
    return pixels


def scatter(rng: np.random.Generator, pixels: UInt8Array, count: int) -> None:
    """Draw shapes that are no faces on (H, W, 3) pixels: blobs, boxes, lines, letters."""
    side = pixels.shape[0]
    pen = Pen(pixels, np.array([[side, 0, 0], [0, side, 0]], np.float32), 0.0, rng)
    for _ in range(count):
        x, y = rng.uniform(-0.1, 1.1, 2)
        w, h = rng.uniform(0.01, 0.25, 2)
        kind = rng.integers(5)
        line = any_colour(rng, 0, 120) if rng.random() < 0.5 else None
        if kind == 0:
            pen.shape(oval(x, y, w, h), any_colour(rng), line, 0.01, surface=False)
        elif kind == 1:
            pen.shape(box(x, y, x + w, y + h), any_colour(rng), line, 0.01, surface=False)
        elif kind == 2:
            walk = np.cumsum(rng.normal(0, 0.06, (12, 2)), axis=0) + np.array([x, y])
            pen.stroke(walk, any_colour(rng), rng.uniform(0.003, 0.03), surface=False)
        elif kind == 3:
            pen.shape(
                np.array([x, y]) + rng.normal(0, 0.12, (5, 2)),
                any_colour(rng),
                line,
                0.01,
                surface=False,
            )
        else:
            text = "".join(chr(c) for c in rng.integers(48, 122, 4))
            at = (int(x * side), int(y * side))
            cv2.putText(
                pixels,
                text,
                at,
                int(rng.integers(0, 8)),
                rng.uniform(0.2, 1) * side / 160,
                any_colour(rng).tolist(),
                1,
                cv2.LINE_AA,
            )


def finish(rng: np.random.Generator, pixels: UInt8Array, style: str, side: int) -> UInt8Array:
    """Shrink an (H, W, 3) drawing to ``side`` pixels and wear it down as its style would."""
    if style == "pencil":
        pixels = _pencil(rng, pixels)
    elif style == "painterly":
        pixels = _painted(rng, pixels)
    elif style == "pixel":
        pixels = _pixelated(rng, pixels)
    pixels = np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.15:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.1)), np.uint8)
    if rng.random() < 0.15:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        tint = rng.uniform(0.6, 1, 3) if rng.random() < 0.4 else np.ones(3)
        pixels = np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        table = np.clip((np.arange(256) / 255) ** rng.uniform(0.6, 1.6) * 255, 0, 255)
        pixels = table.astype(np.uint8)[pixels]
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 12), pixels.shape)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))]
        packed = cv2.imencode(".jpg", pixels, quality)[1]
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _pencil(rng: np.random.Generator, pixels: UInt8Array) -> UInt8Array:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = grey.shape[0]
    if rng.random() < 0.6:  # lines alone: dodge by a blurred negative
        blurred = cv2.GaussianBlur(255 - grey, (0, 0), rng.uniform(2, 6))
        grey = np.clip(grey * 255 / np.maximum(255 - blurred, 1), 0, 255)
    paper = cv2.resize(rng.normal(0, 1, (side // 2, side // 2)).astype(np.float32), (side, side))
    angle = rng.uniform(0, np.pi)
    rows, columns = np.mgrid[:side, :side]
    hatch = np.sin((np.cos(angle) * columns + np.sin(angle) * rows) * rng.uniform(0.6, 1.6))
    darkness = 1 - grey / 255
    grey = grey + paper * rng.uniform(0, 14) + hatch * darkness * rng.uniform(0, 60)
    tint = rng.uniform(0.7, 1, 3) if rng.random() < 0.3 else np.ones(3)
    return np.asarray(np.clip(grey[..., None] * tint, 0, 255), np.uint8)


def _painted(rng: np.random.Generator, pixels: UInt8Array) -> UInt8Array:
    side = pixels.shape[0]
    pixels = np.asarray(cv2.medianBlur(pixels, int(rng.choice([3, 5, 7]))), np.uint8)
    light = cv2.resize(
        rng.normal(1, 0.2, (4, 4, 3)).astype(np.float32),
        (side, side),
        interpolation=cv2.INTER_CUBIC,
    )
    strokes = cv2.GaussianBlur(
        rng.normal(0, 25, pixels.shape[:2]).astype(np.float32), (0, 0), rng.uniform(0.5, 3)
    )
    return np.clip(pixels * light + strokes[..., None], 0, 255).astype(np.uint8)


def _pixelated(rng: np.random.Generator, pixels: UInt8Array) -> UInt8Array:
    side = pixels.shape[0]
    cells = int(rng.integers(20, 56))
    how = cv2.INTER_AREA if rng.random() < 0.6 else cv2.INTER_NEAREST
    small = cv2.resize(pixels, (cells, cells), interpolation=how)
    if rng.random() < 0.5:
        small = small // 32 * 32 + 16
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)
