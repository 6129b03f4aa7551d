"""Open and close the mouth of one frame."""

from __future__ import annotations

import cv2
import numpy as np

from masktalk.engines.warp.field import sampling_map
from masktalk.engines.warp.interior import Place, Plates, blend, grain_for, render_interior
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import (
    Box,
    Moved,
    Scene,
    above_mask,
    mouth_box,
    move,
    opening_mask,
)
from masktalk.engines.warp.shape import CHIN_BACK, CHIN_DROP, Channels, mouth_motion
from masktalk.types import FloatArray, Patch, UInt8Array


def speak_frame(
    pixels: UInt8Array, scene: Scene, rig: Rig, plates: Plates, channels: Channels
) -> Patch:
    """The patch that makes one frame's mouth do what the channels say.

    Args:
        pixels: (H, W, 3|4) the frame.
        scene: Where its face is.
        rig: The avatar's mouth at rest.
        plates: The avatar's inside of the mouth.
        channels: What the mouth shall do.
    """
    motion = mouth_motion(channels, rig.rest.thickness)
    moved = move(scene, rig.deltas(scene.lips, motion))
    box = mouth_box(scene, moved)
    patch = _warped(pixels, scene, moved, box)
    opening = opening_mask(box, moved)
    if opening.max() > 0:
        place = _place(scene, rig, channels, box)
        unit = scene.pose.unit * mouth_size(rig)
        inside = render_interior(plates, place, opening, unit)
        if plates.grain > 0:
            inside += grain_for(opening.shape, plates.grain)
        grid = scene.grid
        left, top = box.x - grid.x, box.y - grid.y
        area = patch[top : top + box.height, left : left + box.width]
        area[..., :3] = blend(area[..., :3], inside, opening)
    return Patch(patch, scene.grid.x, scene.grid.y)


def _warped(pixels: UInt8Array, scene: Scene, moved: Moved, box: Box) -> UInt8Array:
    """(h, w, 4) the grid's rectangle of the frame, moved; alpha 255 wherever the window holds."""
    grid = scene.grid
    above = sampling_map(grid, moved.upper)
    below = sampling_map(grid, moved.lower)
    left, top = box.x - grid.x, box.y - grid.y
    rows, columns = slice(top, top + box.height), slice(left, left + box.width)
    side = above_mask(box, moved)
    maps = []
    middle = top + box.height // 2
    for over, under, corner in zip(above, below, (grid.x, grid.y), strict=True):
        mixed = under
        mixed[:middle] = over[:middle]
        mixed[rows, columns] = under[rows, columns]
        mixed[rows, columns] += (over[rows, columns] - under[rows, columns]) * side
        maps.append(mixed + np.float32(corner))
    colours = np.ascontiguousarray(pixels[..., :3])
    moved_pixels = cv2.remap(
        colours, maps[0], maps[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(moved_pixels, cv2.COLOR_RGB2RGBA), np.uint8)


def mouth_size(rig: Rig) -> float:
    return float(np.clip(rig.rest.width / 0.52, 0.35, 1.15))


def _place(scene: Scene, rig: Rig, channels: Channels, box: Box) -> Place:
    size = mouth_size(rig)
    middle = rig.rest.upper.shape[1] // 2
    line = (rig.rest.upper[-1, middle] + rig.rest.lower[-1, middle]) / 2
    drop = np.array([0, CHIN_DROP, CHIN_BACK], np.float32) * channels.jaw * rig.amplitude
    raised = drop - np.array([0, 0.03 * size * channels.tongue, 0], np.float32)
    stand = scene.pose.project(np.stack([line, line + drop, line + raised]))
    stand = stand - np.array([box.x, box.y], np.float32)
    axes = scene.pose.axes[:, :2] * size
    return Place(np.asarray(axes, np.float32), stand[0], stand[1], stand[2])
