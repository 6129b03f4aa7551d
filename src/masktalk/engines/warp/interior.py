"""The inside of a mouth, painted in a picture's own light: cavity, teeth, tongue.

Everything is painted once, on small plates in mouth units (x right, y down from the
closed lip line, 1 = the distance between the outer eye corners of an average face);
a frame only places the plates. Tooth sizes are average adult crowns (Ash & Nelson,
"Wheeler's Dental Anatomy"), laid along a round arch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from masktalk.engines.warp.style import Style
from masktalk.types import FloatArray, UInt8Array

#: Half width and half height of a plate in mouth units.
PLATE_REACH = (0.34, 0.30)
_ARCH_RADIUS = 0.245
_UPPER_CROWNS = (0.095, 0.073, 0.082, 0.076, 0.074, 0.11)
_LOWER_CROWNS = (0.060, 0.066, 0.075, 0.076, 0.078, 0.12)
_UPPER_LENGTHS = (0.0, -0.010, -0.002, -0.012, -0.018, -0.024)
#: Where the cutting edges stand below the closed lip line.
UPPER_EDGE, LOWER_EDGE = 0.030, 0.038
#: What flesh around takes of each colour of the light, more or less than its share.
_FLESH = np.array([-0.14, 0.06, 0.12], np.float32)
# An opening as high as this, in mouth units, lets all light in; through a slit, what lies behind
# the upper teeth loses so much of it.
_BRIGHT_FROM, _DIMMED = 0.26, 0.7
_LOWER_SHADE = 0.24  # what the lower lip keeps from lower teeth
#: Of a picture's blur, what a plate is blurred by; placing it in a frame blurs it again.
_PLATE_BLUR = 0.55


@dataclass(frozen=True, eq=False)
class InteriorLayers:
    """Painted once for an avatar.

    Attributes:
        upper: (h, w, 4) float32 premultiplied RGBA, colours 0..255, alpha 0..1: teeth
            of the upper jaw.
        lower: The same for lower teeth.
        tongue: The same for the tongue.
        cavity: (3,) colour of the depth.
        scale: Plate pixels per mouth unit.
        shade: How much the lips' shadow darkens what is inside, 0 for flat colours.
        upper_shade: The same for upper teeth.
        tint: (3,) how much of each colour that shadow takes.
        flesh: (3,) colour of the lips' inner side, of brightness 1.
        grain: Standard deviation of noise to add.
        soft: Standard deviation in pixels that the picture blurs an edge by.
    """

    upper: FloatArray
    lower: FloatArray
    tongue: FloatArray
    cavity: FloatArray
    scale: float
    shade: float
    upper_shade: float
    tint: FloatArray
    flesh: FloatArray
    grain: float
    soft: float


def paint_plates(style: Style, unit: float) -> InteriorLayers:
    """Paint for a picture in which a mouth unit is ``unit`` pixels."""
    scale = float(np.clip(unit * 1.25, 40.0, 420.0))
    x, y = _plate_coordinates(scale)
    white = style.white * 0.97
    upper = _teeth(x, y - UPPER_EDGE, _UPPER_CROWNS, _UPPER_LENGTHS, white, style.flat)
    shaded = white * (1 - _LOWER_SHADE * (1 + 1.2 * style.saturation * _FLESH))
    lower = _teeth(
        x, LOWER_EDGE - y, _LOWER_CROWNS, (0.0,) * len(_LOWER_CROWNS), shaded, style.flat
    )
    lower *= 1.0 - style.flat  # a cartoon shows a row of teeth and a tongue, no more
    soft = _PLATE_BLUR * style.blur * scale / unit
    plates = [_blurred(plate, soft) for plate in (upper, lower, _tongue(x, y, style))]
    return InteriorLayers(
        upper=plates[0],
        lower=plates[1],
        tongue=plates[2],
        cavity=_cavity_colour(style),
        scale=scale,
        shade=0.9 - 0.75 * style.flat,
        upper_shade=0.9 - 0.75 * style.flat,
        tint=1 + style.saturation * _FLESH,
        flesh=_flesh(style),
        grain=style.grain,
        soft=style.blur,
    )


def upper_row(plates: InteriorLayers, edge: float) -> FloatArray:
    """(h, w) 0..1 the upper teeth on a plate, their cutting edges ``edge`` mouth units down."""
    x, y = _plate_coordinates(plates.scale)
    white = np.full(3, 255, np.float32)
    row = _teeth(x, y - edge, _UPPER_CROWNS, _UPPER_LENGTHS, white, flat=1.0)[..., 3]
    return _blurred(np.ascontiguousarray(row), plates.soft)


def _plate_coordinates(scale: float) -> tuple[FloatArray, FloatArray]:
    half_width, half_height = (int(np.ceil(reach * scale)) for reach in PLATE_REACH)
    across = np.arange(-half_width, half_width + 1, dtype=np.float32) / scale
    down = np.arange(-half_height, half_height + 1, dtype=np.float32) / scale
    x, y = np.meshgrid(across, down)
    return x.astype(np.float32), y.astype(np.float32)


def _teeth(
    x: FloatArray,
    below: FloatArray,
    crowns: tuple[float, ...],
    lengths: tuple[float, ...],
    white: FloatArray,
    flat: float,
) -> FloatArray:
    """Return a row of teeth; ``below`` is how far past the cutting edge's line a point lies."""
    turn = np.arcsin(np.clip(np.abs(x) / _ARCH_RADIUS, 0, 0.999))
    along = _ARCH_RADIUS * turn
    borders = np.concatenate([[0.0], np.cumsum(crowns)])
    number = np.clip(np.searchsorted(borders, along, side="right") - 1, 0, len(crowns) - 1)
    left, right = borders[number], borders[number + 1]
    local = (2 * along - left - right) / (right - left)
    edge = np.asarray(lengths)[number] - 0.05 * (x / _ARCH_RADIUS) ** 2
    edge = edge - (1 - flat) * 0.012 * local**6
    fine = 0.004
    alpha = _step((edge - below) / fine) * _step((0.985 * _ARCH_RADIUS - np.abs(x)) / (3 * fine))
    to_border = np.minimum(along - left, right - along)
    gap = np.exp(-((to_border / 0.0055) ** 2)) * (along < borders[-1])
    root = np.clip(-(below - edge) / 0.12, 0, 1)
    light = (1 - 0.22 * (1 - flat) * gap) * (
        1 - (1 - flat) * (0.10 * root + 0.05 * (1 - root) ** 6)
    )
    light = light * (1 - (1 - 0.6 * flat) * (1 - np.cos(turn)) * 0.75)
    warm = white * np.array([1.0, 0.975, 0.92])
    colour = (white + (warm - white) * (1 - flat) * 0.7)[None, None] * light[..., None]
    return _premultiplied(colour, alpha)


def _tongue(x: FloatArray, y: FloatArray, style: Style) -> FloatArray:
    top = -0.05 + 0.07 * (x / 0.2) ** 2
    alpha = _step((y - top) / (0.05 - 0.035 * style.flat)) * _step((0.21 - np.abs(x)) / 0.03)
    pink = 0.55 * style.lips + 0.45 * style.white * np.array([0.80, 0.46, 0.45])
    groove = 1 - (1 - style.flat) * 0.16 * np.exp(-((x / 0.018) ** 2))
    dome = 1 - (1 - style.flat) * 0.45 * np.clip(np.abs(x) / 0.21, 0, 1) ** 2
    back = 1 - (1 - style.flat) * 0.35 * np.exp(-(((y - top) / 0.06) ** 2))
    light = groove * dome * back * (0.74 + 0.1 * style.flat)
    grey = pink.mean()
    pink = grey + (pink - grey) * style.saturation
    return _premultiplied(pink[None, None] * light[..., None], alpha)


def _cavity_colour(style: Style) -> FloatArray:
    deep = 0.25 * style.lips + np.array([12.0, 2.0, 3.0]) * style.saturation
    bold = 0.42 * style.lips * np.array([1.0, 0.75, 0.75])
    return np.asarray(deep + (bold - deep) * style.flat, np.float32)


def _flesh(style: Style) -> FloatArray:
    hue = style.lips / max(float(style.lips.mean()), 1.0)
    return np.asarray(hue * (1 - style.saturation * _FLESH), np.float32)


def _premultiplied(colour: FloatArray, alpha: FloatArray) -> FloatArray:
    plate = np.empty((*alpha.shape, 4), np.float32)
    plate[..., 3] = alpha
    plate[..., :3] = np.clip(colour, 0, 255) * alpha[..., None]
    return plate


def _blurred(plate: FloatArray, sigma: float) -> FloatArray:
    if sigma < 0.3:
        return plate
    return np.asarray(cv2.GaussianBlur(plate, (0, 0), sigma), np.float32)


def _step(t: FloatArray) -> FloatArray:
    return np.clip(t + 0.5, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Place:
    """Placement of the mouth's interior layers in a box of the frame.

    Attributes:
        axes: (2, 2) box pixels per mouth unit, x and y of the mouth.
        skull: (2,) box pixel of the closed lip line's middle.
        jaw: (2,) box pixel it has moved to with the lower jaw.
        tongue: (2,) the same for the tongue.
        light: 0..1, how much light falls in; lips that round themselves let in less.
    """

    axes: FloatArray
    skull: FloatArray
    jaw: FloatArray
    tongue: FloatArray
    light: float = 1.0


def render_interior(
    plates: InteriorLayers, place: Place, opening: FloatArray, unit: float
) -> FloatArray:
    """(h, w, 3) float32 colours of the inside, to be shown where ``opening`` is above 0.

    Args:
        plates: What was painted.
        place: Where it lies.
        opening: (h, w) 0..1, how much of each pixel lies between the lips.
        unit: Pixels per mouth unit.
    """
    height, width = opening.shape
    inside = np.empty((height, width, 3), np.float32)
    inside[:] = plates.cavity
    size = (width, height)
    for plate, origin in ((plates.tongue, place.tongue), (plates.lower, place.jaw)):
        layer = _placed(plate, plates.scale, place.axes, origin, size)
        inside *= 1.0 - layer[..., 3:]
        inside += layer[..., :3]
    teeth = _placed(plates.upper, plates.scale, place.axes, place.skull, size)
    if plates.shade > 0:
        lost = _lost(opening, unit, plates, place.light)
        dimmed = 1 - plates.shade * _DIMMED * _slit(opening, unit)
        inside *= np.float32(dimmed) * (1 - np.float32(plates.shade) * lost)
        teeth[..., :3] *= 1 - np.float32(plates.upper_shade) * lost
    inside *= 1.0 - teeth[..., 3:]
    inside += teeth[..., :3]
    if plates.grain > 0:
        inside += _grain(height, width) * np.float32(plates.grain)
    return inside


def softened(opening: FloatArray, plates: InteriorLayers) -> FloatArray:
    """Blur the edge of an (h, w) opening as much as the picture's edges are."""
    sigma = 0.6 * plates.soft
    return np.asarray(cv2.GaussianBlur(opening, (0, 0), sigma), np.float32)


def _placed(
    plate: FloatArray, scale: float, axes: FloatArray, origin: FloatArray, size: tuple[int, int]
) -> FloatArray:
    matrix = np.empty((2, 3), np.float64)
    matrix[:, :2] = axes / scale
    centre = np.array([(plate.shape[1] - 1) / 2, (plate.shape[0] - 1) / 2])
    matrix[:, 2] = origin - matrix[:, :2] @ centre
    return np.asarray(cv2.warpAffine(plate, matrix, size, flags=cv2.INTER_LINEAR), np.float32)


def _lost(opening: FloatArray, unit: float, plates: InteriorLayers, light: float) -> FloatArray:
    """(h, w, 3) what light does not reach the inside, which flesh around it tints.

    Less reaches what lies close under the lips and deep in the corners.
    """
    sigma = max(0.035 * unit, 0.8)
    around = cv2.GaussianBlur(opening, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    reaching = (0.36 + 0.64 * np.clip(around * 1.15, 0, 1)) * light
    return np.asarray((1 - reaching)[..., None] * plates.tint, np.float32)


def _slit(opening: FloatArray, unit: float) -> float:
    """0..1, how much less light falls in through an opening than through a wide one."""
    height = float(opening.sum(axis=0).max()) / (_BRIGHT_FROM * unit)
    return (1 - min(height, 1.0)) ** 2


@cache
def _noise() -> FloatArray:
    return np.random.default_rng(7).standard_normal((256, 256, 1)).astype(np.float32)


def _grain(height: int, width: int) -> FloatArray:
    """(h, w, 1) the same noise every time, so that a still mouth stays still."""
    return (
        np.resize(_noise(), (height, width, 1))
        if height > 256 or width > 256
        else _noise()[:height, :width]
    )


def blend(below: UInt8Array, inside: FloatArray, opening: FloatArray) -> UInt8Array:
    """(h, w, 3) the inside laid over lips where the mouth is open."""
    weight = opening[..., None]
    mixed = below + (inside - below) * weight
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
