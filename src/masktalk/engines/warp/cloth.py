"""Cloth over a mouth: it does not open, it moves with what is under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from masktalk.engines.warp.field import DENSITY, sample, smooth_step, turned_round
from masktalk.engines.warp.head import Lean
from masktalk.engines.warp.mouth import warp_pixels
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Scene, displacement, leaned
from masktalk.engines.warp.shape import CHIN_DROP, Channels
from masktalk.engines.warp.topology import CHIN, CORNERS, NOSE_BASE
from masktalk.types import FloatArray, Frame, Patch, UInt8Array

_SHADE = 0.3
_SHADE_LIMIT = 0.10
_SHEEN = 10


@dataclass(frozen=True, eq=False)
class Drape:
    """How an avatar's cloth moves when what is under it moves by one unit.

    Attributes:
        shifts: (3, rows, columns, 2) on the rig's grid, counted in nodes, from source to
            result, for the jaw's drop, the lips' rounding and their spreading.
        heights: (3, rows, columns) how far the cloth comes forward with each, in eye
            distances.
    """

    shifts: FloatArray
    heights: FloatArray

    #: The chin's drop at a jaw that is all open, in eye distances.
    drop: ClassVar[float] = CHIN_DROP

    @classmethod
    def over(cls, rig: Rig) -> Drape:
        """Lay cloth over the face of a rig."""
        middle = rig.base[list(CORNERS[:2])].mean(axis=0)
        shape = (rig.grid.rows, rig.grid.columns)
        x, y = (column.reshape(shape) for column in (rig.grid.nodes() - middle).T)
        top, chin = (float(rig.base[index, 1] - middle[1]) for index in (NOSE_BASE, CHIN))
        sideways = np.exp(-((np.abs(x) / 0.58) ** 4))
        jaw = smooth_step((y - 0.3 * top) / (chin - 0.3 * top))
        jaw = jaw * smooth_step((chin + 0.55 - y) / 0.5) * sideways
        mound = np.exp(-((x / 0.27) ** 2) - ((y / 0.19) ** 2))
        moves = [(0 * x, jaw), (-x * mound, -0.5 * y * mound), (x * mound, 0 * y)]
        shifts = np.stack([np.stack(move, axis=-1) for move in moves])
        shifts *= rig.window[..., None] * DENSITY
        heights = _relief(x, y, top, chin) * rig.window
        return cls(shifts.astype(np.float32), heights.astype(np.float32))


def _relief(x: FloatArray, y: FloatArray, top: float, chin: float) -> FloatArray:
    """(3, rows, columns) how the cloth rises and folds with jaw, rounding and spreading.

    Pulled down it hollows over the mouth, rises over the chin and folds from the nose to
    the jaw's sides; pushed forward it rises; spread it creases at the mouth's corners.
    """
    mouth = np.exp(-((x / 0.33) ** 2) - (((y - 0.02) / 0.21) ** 2))
    chin_rise = np.exp(-((x / 0.36) ** 2) - (((y - chin) / 0.20) ** 2))
    down = np.clip((y - top) / (chin - top), 0, 1)
    side = np.abs(x)
    folds = sum(
        np.exp(-(((side - start - slope * down) / 0.034) ** 2))
        for start, slope in ((0.14, 0.16), (0.23, 0.24), (0.34, 0.26))
    ) * np.sin(np.pi * down)
    creases = np.exp(-(((side - 0.33 + 0.8 * y**2) / 0.035) ** 2) - ((y / 0.16) ** 2))
    jaw = 0.34 * chin_rise - 0.20 * mouth + 0.07 * folds
    rounding = 0.22 * mouth
    spreading = -0.14 * mouth + 0.06 * creases
    return np.stack([jaw, rounding, spreading])


def cloth_frame(
    frame: Frame,
    scene: Scene,
    cloth: Drape,
    channels: Channels,
    *,
    strength: float,
    light: FloatArray,
    lean: Lean | None = None,
) -> Patch:
    """The patch that moves the cloth over one frame's mouth.

    Args:
        frame: Whose cloth it is.
        scene: Where its face is.
        cloth: How its cloth moves.
        channels: What the mouth under it does.
        strength: 1 moves the cloth as far as the skin under it moves.
        light: (2,) towards the light along the picture's x and y.
        lean: How the head moves, if it does.
    """
    amounts = strength * cloth_amounts(channels)
    forward = np.tensordot(amounts, cloth.shifts, axes=1).astype(np.float32)
    height = np.tensordot(amounts, cloth.heights, axes=1).astype(np.float32)
    at = leaned(scene, lean)
    away = displacement(scene, at, turned_round(forward, at) - at)
    patch = warp_pixels(frame, scene.grid, *scene.grid.absolute(scene.grid.spread(away)))
    tone = sample(_tone(forward, height, light), at)
    _light_up(patch.pixels, scene.grid.spread(tone))
    return patch


def cloth_amounts(channels: Channels) -> FloatArray:
    """(3,) drop of the jaw, rounding and spreading of the lips, in eye distances or shares."""
    c = channels
    spread = 0.5 * float(c.stretch.mean()) + 0.5 * float(c.smile.mean())
    amounts = [CHIN_DROP * c.jaw, 0.30 * c.pucker + 0.22 * c.funnel, 0.30 * spread]
    return np.array(amounts, np.float32)


def _light_up(pixels: UInt8Array, tone: FloatArray) -> None:
    """Shade in place; black cloth shines too, so a part of the light does not depend on it."""
    gain = (tone * 256.0).astype(np.int16)[..., None]
    lit = pixels[..., :3].astype(np.int16)
    lit += (lit + _SHEEN) * gain >> 8
    np.clip(lit, 0, 255, out=lit)
    pixels[..., :3] = lit


def _tone(forward: FloatArray, height: FloatArray, light: FloatArray) -> FloatArray:
    """Cloth that turns towards the light is lighter; cloth that is pushed together is darker."""
    slope_y, slope_x = np.gradient(height * DENSITY)
    squeeze = np.gradient(forward[..., 0], axis=1) + np.gradient(forward[..., 1], axis=0)
    tone = -(slope_x * light[0] + slope_y * light[1]) + 0.35 * squeeze
    return np.asarray(np.clip(_SHADE * tone, -_SHADE_LIMIT, _SHADE_LIMIT), np.float32)
