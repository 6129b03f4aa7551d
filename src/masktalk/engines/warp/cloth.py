"""Cloth over a mouth: it does not open, it moves with what is under it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.engines.warp.field import sampling_map
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Scene
from masktalk.engines.warp.shape import CHIN_DROP, Channels
from masktalk.engines.warp.topology import CHIN, NOSE_BASE
from masktalk.types import FloatArray, Patch, UInt8Array

_STEPS = 3  # of the fixed point that turns the field round
_SHADE = 0.9
_SHADE_LIMIT = 0.22

#: The movements cloth makes, in the order of ``Drape.shifts``.
_JAW, _ROUND, _SPREAD = range(3)


@dataclass(frozen=True, eq=False)
class Drape:
    """How the cloth of one frame moves when what is under it moves by one unit.

    Attributes:
        shifts: (3, rows, columns, 2) pixels from source to result for the jaw's drop,
            the lips' rounding and their spreading.
        heights: (3, rows, columns) how far the cloth comes forward with each, in eye
            distances.
    """

    shifts: FloatArray
    heights: FloatArray


def drape(scene: Scene, rig: Rig) -> Drape:
    """Lay cloth over the face of a scene."""
    pose = scene.pose
    middle = (rig.rest.corners[0] + rig.rest.corners[1]) / 2
    flat = np.linalg.pinv(pose.axes[:, :2].astype(np.float64)).astype(np.float32)
    place = (scene.nodes - pose.project(middle[None])) @ flat.T
    shape = (scene.grid.rows, scene.grid.columns)
    x, y = place[:, 0].reshape(shape), place[:, 1].reshape(shape)
    top = float(pose.frontal[NOSE_BASE, 1] - middle[1])
    chin = float(pose.frontal[CHIN, 1] - middle[1])
    sideways = np.exp(-((np.abs(x) / 0.50) ** 3))
    jaw = _smooth((y - 0.3 * top) / (chin - 0.3 * top)) * _smooth((chin + 0.55 - y) / 0.5)
    jaw = jaw * sideways
    mound = np.exp(-((x / 0.26) ** 2) - ((y / 0.20) ** 2))
    chin_mound = np.exp(-((x / 0.30) ** 2) - (((y - chin) / 0.22) ** 2))
    zero = np.zeros(shape, np.float32)
    across = np.stack(
        [
            np.stack([-0.10 * x * jaw, jaw], axis=-1),
            np.stack([-x * mound, -0.5 * y * mound], axis=-1),
            np.stack([x * mound, zero], axis=-1),
        ]
    )
    shifts = (across @ pose.axes[:, :2].T) * scene.window[..., None]
    heights = np.stack([0.8 * chin_mound - 0.7 * mound, mound, -0.4 * mound]) * scene.window
    return Drape(np.asarray(shifts, np.float32), np.asarray(heights, np.float32))


def cloth_frame(
    pixels: UInt8Array,
    scene: Scene,
    cloth: Drape,
    channels: Channels,
    *,
    strength: float,
    light: FloatArray,
) -> Patch:
    """The patch that moves the cloth over one frame's mouth.

    Args:
        pixels: (H, W, 3|4) the frame.
        scene: Where its face is.
        cloth: How its cloth moves.
        channels: What the mouth under it does.
        strength: 1 moves the cloth as far as the skin under it moves.
        light: (2,) towards the light along the picture's x and y.
    """
    amounts = strength * cloth_amounts(channels)
    forward = np.tensordot(amounts, cloth.shifts, axes=1).astype(np.float32)
    backward = turned_round(forward, scene.grid.step)
    grid = scene.grid
    across, down = sampling_map(grid, backward)
    across += np.float32(grid.x)
    down += np.float32(grid.y)
    colours = np.ascontiguousarray(pixels[..., :3])
    moved = cv2.remap(colours, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    height = np.tensordot(amounts, cloth.heights, axes=1).astype(np.float32)
    shaded = _shaded(moved, scene, forward, height, light)
    return Patch(np.asarray(cv2.cvtColor(shaded, cv2.COLOR_RGB2RGBA), np.uint8), grid.x, grid.y)


def cloth_amounts(channels: Channels) -> FloatArray:
    """(3,) drop of the jaw, rounding and spreading of the lips, in eye distances or shares."""
    c = channels
    spread = 0.5 * float(c.stretch.mean()) + 0.5 * float(c.smile.mean())
    amounts = [CHIN_DROP * c.jaw, 0.30 * c.pucker + 0.22 * c.funnel, 0.30 * spread]
    return np.array(amounts, np.float32)


def turned_round(forward: FloatArray, step: int) -> FloatArray:
    """(rows, columns, 2) the displacement from result to source of one from source to result.

    Fixed-point iteration: b(y) = -f(y + b(y)), which converges while f's slope is below 1.
    """
    rows, columns = forward.shape[:2]
    at_x, at_y = np.meshgrid(
        np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    )
    backward = -forward
    for _ in range(_STEPS):
        backward = -cv2.remap(
            forward,
            at_x + backward[..., 0] / step,
            at_y + backward[..., 1] / step,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return np.asarray(backward, np.float32)


def _shaded(
    moved: UInt8Array, scene: Scene, forward: FloatArray, height: FloatArray, light: FloatArray
) -> UInt8Array:
    """Cloth that turns towards the light is lighter; cloth that is pushed together is darker."""
    step, unit = scene.grid.step, scene.pose.unit
    slope_y, slope_x = np.gradient(height * unit / step)
    squeeze = np.gradient(forward[..., 0] / step, axis=1) + np.gradient(
        forward[..., 1] / step, axis=0
    )
    tone = -(slope_x * light[0] + slope_y * light[1]) + 0.35 * squeeze
    tone = np.clip(_SHADE * tone, -_SHADE_LIMIT, _SHADE_LIMIT) * scene.window
    gain = scene.grid.spread((1.0 + tone).astype(np.float32))
    lit = moved * gain[..., None]
    return np.asarray(np.clip(lit + 0.5, 0, 255), np.uint8)


def _smooth(t: FloatArray) -> FloatArray:
    clipped = np.clip(t, 0.0, 1.0)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float32)
