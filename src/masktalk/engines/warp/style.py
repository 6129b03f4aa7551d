"""Colours and light of the mouth's interior, measured in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.faces.painted import flatness
from masktalk.landmarks import (
    CHEEKS,
    INNER_LIP_CONTOUR,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    LOWER_LIDS,
    LOWER_LIP_INNER,
    OUTER_LIP_CONTOUR,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
    UPPER_LIDS,
    UPPER_LIP_INNER,
)
from masktalk.types import FloatArray, UInt8Array

# The skin around the mouth: how far it reaches in eye distances, which of its pixels, from
# darker to brighter ones in percent, tell of light, and how much whiter than they is white.
_AROUND, _LIT, _WHITER = 0.10, (75.0, 90.0), 1.32
# A mouth that is open so far, in eye distances, shows how bright its inside is at the most;
# a bound to that, for one may show no teeth.
_OPEN, _DARKEST = 0.06, 0.6


@dataclass(frozen=True, eq=False)
class Style:
    """Colours are RGB, 0 to 255.

    Attributes:
        lips: The lips' colour.
        skin: The cheeks' colour.
        white: What a white thing would look like in this light.
        blur: Standard deviation in pixels that a sharp edge is blurred by.
        grain: Standard deviation of the picture's noise.
        flat: 1 for flat colours (a cartoon), 0 for shaded ones.
        saturation: 0 for a grey picture, 1 for a coloured one.
        light: (2,) towards the light along the picture's x and y, at most 1 long.
    """

    lips: FloatArray
    skin: FloatArray
    white: FloatArray
    blur: float
    grain: float
    flat: float
    saturation: float
    light: FloatArray


def read_style(pixels: UInt8Array, mesh: FloatArray) -> Style:
    """Look at a face: (H, W, 3|4) picture, (478, 3) mesh in its pixels."""
    rgb = np.ascontiguousarray(pixels[..., :3])
    points = mesh[:, :2]
    unit = float(np.linalg.norm(points[RIGHT_EYE_OUTER] - points[LEFT_EYE_OUTER]))
    lips = _mean_colour(rgb, points[list(OUTER_LIP_CONTOUR)])
    cheeks = np.stack([_at(rgb, points[index], unit * 0.04) for index in CHEEKS])
    skin = np.median(cheeks, axis=0).astype(np.float32)
    bright = cheeks[cheeks.sum(axis=1).argsort()[-3:]].mean(axis=0)
    white = _teeth(rgb, points, skin)
    if white is None:
        white = _white(rgb, points, bright.astype(np.float32))
        white *= min(_WHITER * _light_at_mouth(rgb, points, unit) / float(white.mean()), 1.0)
        white *= _shown(rgb, points, unit, float(white.mean()))
    face = _crop(rgb, points)
    chroma = float(np.ptp(cheeks.mean(axis=0)) + np.ptp(lips)) / 2
    return Style(
        lips=lips,
        skin=skin,
        white=white,
        blur=_blur(face),
        grain=_grain(face),
        flat=flatness(face),
        saturation=float(np.clip(chroma / 40.0, 0.0, 1.0)),
        light=_light(face),
    )


def _teeth(rgb: UInt8Array, points: FloatArray, skin: FloatArray) -> FloatArray | None:
    """Return the colour of teeth that show in the picture itself."""
    ring = points[list(INNER_LIP_CONTOUR)]
    height = float(np.linalg.norm(points[UPPER_LIP_INNER] - points[LOWER_LIP_INNER]))
    mask = _filled(rgb.shape, ring)
    shrunk = cv2.erode(mask, np.ones((3, 3), np.uint8))
    inside = rgb[shrunk > 0].astype(np.float32)
    if height < 5 or len(inside) < 40:
        return None
    bright = inside[inside.mean(axis=1) > 0.62 * skin.mean()]
    pale = bright[np.ptp(bright, axis=1) < 0.45 * bright.mean(axis=1)]
    if len(pale) < 0.15 * len(inside):
        return None
    order = pale.mean(axis=1).argsort()
    white = pale[order[len(order) // 2 :]].mean(axis=0) / 0.9
    return np.asarray(np.clip(white, 0, 250), np.float32)


def _white(rgb: UInt8Array, points: FloatArray, bright: FloatArray) -> FloatArray:
    """Return the eyes' white, the one white thing a face has; the skin bounds what it may be."""
    samples = [bright]
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        ring = points[[*upper, *reversed(lower)]]
        if np.ptp(ring[:, 1]) < 4:
            continue
        inside = rgb[_filled(rgb.shape, ring) > 0]
        if len(inside) >= 12:
            order = inside.astype(np.float32).sum(axis=1).argsort()
            samples.append(inside[order[int(0.85 * len(order)) :]].mean(axis=0))
    brightest = max(samples, key=lambda colour: float(np.sum(colour)))
    light = float(max(np.mean(brightest), 1.15 * np.mean(bright)))
    # Most of the light's tint stays: enamel takes it on; some of it is the skin's own colour.
    tint = brightest / max(float(np.mean(brightest)), 1.0)
    return np.clip(light * (0.35 + 0.65 * tint), 0, 250).astype(np.float32)


def _shown(rgb: UInt8Array, points: FloatArray, unit: float, white: float) -> float:
    """0..1, how much of white an open mouth lets one expect that shows no bright teeth."""
    upper, lower = points[UPPER_LIP_INNER], points[LOWER_LIP_INNER]
    inside = rgb[_filled(rgb.shape, points[list(INNER_LIP_CONTOUR)]) > 0]
    if float(np.linalg.norm(lower - upper)) < _OPEN * unit or not len(inside):
        return 1.0
    brightest = float(np.percentile(inside.mean(axis=1), 97))
    return float(np.clip(_WHITER * brightest / white, _DARKEST, 1.0))


def _light_at_mouth(rgb: UInt8Array, points: FloatArray, unit: float) -> float:
    """Measure the brightness of lit lips and skin around the mouth.

    A mouth may lie in the shadow of a nose, a beard or a hat, and its teeth lie there too:
    above and below count the same.
    """
    outline = points[list(OUTER_LIP_CONTOUR)]
    reach = max(round(_AROUND * unit), 1)
    x0, y0 = np.maximum(np.floor(outline.min(axis=0)).astype(int) - reach, 0)
    x1, y1 = np.ceil(outline.max(axis=0)).astype(int) + reach
    grey = rgb[y0 : max(y1, 0), x0 : max(x1, 0)].mean(axis=2)
    if not grey.size:
        return 255.0
    lips = _filled(grey.shape, outline - [x0, y0])
    around: UInt8Array = np.asarray(
        cv2.dilate(lips, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8
    )
    around[_filled(grey.shape, points[list(INNER_LIP_CONTOUR)] - [x0, y0]) > 0] = 0
    line = max(int(points[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], 1].mean()) - y0, 0)
    halves = [grey[rows][around[rows] > 0] for rows in (slice(line), slice(line, None))]
    lit = [float(np.percentile(half, _LIT).mean()) for half in halves if half.size]
    return float(np.mean(lit)) if lit else 255.0


def _filled(shape: tuple[int, ...], ring: FloatArray) -> UInt8Array:
    """(h, w) 1 inside a ring (P, 2) of pixels, 0 outside."""
    mask: UInt8Array = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], (1,))
    return mask


def _mean_colour(rgb: UInt8Array, outline: FloatArray) -> FloatArray:
    mask = _filled(rgb.shape, outline)
    if not mask.any():
        return np.array([150, 90, 85], np.float32)
    return np.asarray(np.median(rgb[mask > 0], axis=0), np.float32)


def _at(rgb: UInt8Array, point: FloatArray, radius: float) -> FloatArray:
    r = max(int(radius), 1)
    x = int(np.clip(point[0], r, rgb.shape[1] - r - 1))
    y = int(np.clip(point[1], r, rgb.shape[0] - r - 1))
    near = rgb[y - r : y + r + 1, x - r : x + r + 1].reshape(-1, 3)
    return np.asarray(near.mean(axis=0), np.float32)


def _crop(rgb: UInt8Array, points: FloatArray) -> UInt8Array:
    height, width = rgb.shape[:2]
    x0, y0 = np.clip(points.min(axis=0).astype(int), 0, [width - 16, height - 16])
    x1, y1 = np.clip(points.max(axis=0).astype(int), [16, 16], [width, height])
    return rgb[y0 : max(y1, y0 + 16), x0 : max(x1, x0 + 16)]


def _blur(face: UInt8Array) -> float:
    """From the steepest edges: a step blurred by s has a slope of height / (s sqrt(2 pi))."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8))
    local = cv2.dilate(grey, np.ones((1, 9))) - cv2.erode(grey, np.ones((1, 9)))
    strong = local > max(30.0, float(np.percentile(local, 97)))
    if not strong.any():
        return 1.5
    slope = float(np.percentile(across[strong] / local[strong], 90))
    return float(np.clip(1.0 / (slope * np.sqrt(2 * np.pi) + 1e-6), 0.5, 6.0))


def _grain(face: UInt8Array) -> float:
    """Robust noise from the diagonal second difference (Immerkaer, CVIU 1996)."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    laplace = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, laplace))
    return float(np.clip(np.median(response) / (6 * 0.6745), 0.0, 8.0))


def _light(face: UInt8Array) -> FloatArray:
    """From which side a face is brighter; from above when it cannot be told."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA)
    small = (small - small.mean()) / max(float(small.std()), 8.0)
    ramp = np.linspace(-1, 1, 16, dtype=np.float32)
    seen = np.array([(small * ramp).mean(), (small * ramp[:, None]).mean()])
    light = 1.2 * seen + np.array([0.0, -0.7])
    return np.asarray(light / max(float(np.linalg.norm(light)), 1.0), np.float32)
