"""Open and close the mouth of one frame."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from masktalk.engines.warp.edges import Box, LipEdges, mouth_box
from masktalk.engines.warp.field import PixelGrid
from masktalk.engines.warp.flesh import with_flesh
from masktalk.engines.warp.head import Lean
from masktalk.engines.warp.interior import InteriorLayers, Place, blend, render_interior, softened
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Moved, Scene, head_shift, move
from masktalk.engines.warp.seal import Seal
from masktalk.engines.warp.shape import CHIN_BACK, CHIN_DROP, Channels, mouth_motion
from masktalk.types import FloatArray, Frame, Patch, UInt8Array

_FLAT = 0.4  # a picture that shades no more than so is drawn flat, without flesh


def speak_frame(
    frame: Frame,
    scene: Scene,
    rig: Rig,
    plates: InteriorLayers,
    channels: Channels,
    lean: Lean | None = None,
    seal: Seal | None = None,
) -> Patch:
    """Return the patch that makes one frame's mouth do what the channels say.

    Args:
        frame: Whose mouth it is.
        scene: Where its face is.
        rig: The avatar's mouth at rest.
        plates: The avatar's inside of the mouth.
        channels: What the mouth shall do.
        lean: How the head moves, if it does.
        seal: Its lips without what shows between them, if they are apart.
    """
    motion = mouth_motion(channels, *rig.profiles)
    scene, moved = _narrowed(scene, move(scene, rig, rig.deltas(scene.lips, motion), lean))
    box = mouth_box(scene, moved)
    edges = LipEdges.seen_from(box, moved.line_above, moved.line_below)
    patch = _patch(_lips_moved(frame, scene.grid, moved, box, edges, seal), scene.grid)
    opening = edges.opening()
    if opening.any():
        place = inside_place(scene, rig, channels, box, lean)
        opening = softened(opening, plates)
        inside = render_interior(plates, place, opening, scene.pose.unit * rig.mouth_size)
        area = patch.pixels[box.inside]
        lips = np.ascontiguousarray(area[..., :3])
        if plates.shade > _FLAT:
            inside = with_flesh(inside, lips, opening, edges.aside, plates.flesh, scene.pose.unit)
        area[..., :3] = blend(lips, inside, opening)
    return patch


def _narrowed(scene: Scene, moved: Moved) -> tuple[Scene, Moved]:
    """Return the part of a moved scene outside of which nothing moves.

    What stays as it is would only be copied.
    """
    grid, box = scene.grid, mouth_box(scene, moved)
    moves = np.logical_or(*np.moveaxis((moved.above != 0) | (moved.below != 0), -1, 0))
    for_lips = [slice(part.start // grid.step, -(-part.stop // grid.step)) for part in box.inside]
    moves[for_lips[0], for_lips[1]] = True
    # One node more on each side is still, so that what lies between nodes is the same.
    rows, columns = (
        slice(max(int(kept[0]) - 1, 0), int(kept[-1]) + 2)
        for kept in (np.nonzero(moves.any(axis=1))[0], np.nonzero(moves.any(axis=0))[0])
    )
    rows = slice(rows.start, min(rows.stop, grid.rows))
    columns = slice(columns.start, min(columns.stop, grid.columns))
    part = replace(
        moved,
        above=np.ascontiguousarray(moved.above[rows, columns]),
        below=np.ascontiguousarray(moved.below[rows, columns]),
        upside=moved.upside[rows, columns],
    )
    return replace(scene, grid=grid.part(rows, columns)), part


def _lips_moved(
    frame: Frame, grid: PixelGrid, moved: Moved, box: Box, edges: LipEdges, seal: Seal | None
) -> UInt8Array:
    """(height, width, 3|4) the grid's rectangle as it looks when both lips have moved.

    Beside the mouth both fields are one; around the lips the lip line decides between the
    two pictures they make, to a part of a pixel.
    """
    sources = grid.sources(np.where(moved.upside, moved.above, moved.below))
    above, below = (grid.sources(field, *box.inside) for field in (moved.above, moved.below))
    sources[box.inside] = below
    pixels = _taken(frame, sources, seal)
    upper, lower = _taken(frame, above, seal), np.ascontiguousarray(pixels[box.inside])
    side = edges.above()
    pixels[box.inside] = cv2.blendLinear(upper, lower, side, 1 - side)
    return pixels


def warp_pixels(frame: Frame, grid: PixelGrid, shift: FloatArray) -> Patch:
    """Sample the frame for every pixel of the grid's rectangle.

    Args:
        frame: The frame.
        grid: The rectangle.
        shift: (rows, columns, 2) pixels from result to source on its nodes.
    """
    return _patch(_taken(frame, grid.sources(shift)), grid)


def _taken(frame: Frame, sources: FloatArray, seal: Seal | None = None) -> UInt8Array:
    """(h, w, 3|4) the frame's pixels at columns and rows (h, w, 2)."""
    left, right = _reach(sources[..., 0], frame.width)
    top, bottom = _reach(sources[..., 1], frame.height)
    pixels = frame.region(left, top, right, bottom)
    if seal is not None:
        pixels = seal.laid_on(pixels, left, top)
    places = sources - np.array([left, top], np.float32)
    taken = cv2.remap(  # type: ignore[call-overload]  # the stubs know no map of two channels
        pixels, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(taken, np.uint8)


def _patch(moved: UInt8Array, grid: PixelGrid) -> Patch:
    """Return the patch of the grid's rectangle, (h, w, 3|4)."""
    if moved.shape[2] == 3:
        return Patch(np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGB2RGBA), np.uint8), grid.x, grid.y)
    matte = moved[..., 3].copy()
    moved[..., 3] = 255
    return Patch(moved, grid.x, grid.y, matte)


def _reach(places: FloatArray, limit: int) -> tuple[int, int]:
    """Return the rows or columns that interpolation at some places looks at; at least one."""
    low = min(max(int(places.min()) - 2, 0), limit - 1)
    return low, max(min(int(places.max()) + 4, limit), low + 1)


def inside_place(scene: Scene, rig: Rig, channels: Channels, box: Box, lean: Lean | None) -> Place:
    """Locate the mouth's interior in a box around the lips."""
    size = rig.mouth_size
    line = rig.rest.line
    drop = np.array([0, CHIN_DROP, CHIN_BACK], np.float32) * channels.jaw * rig.amplitude
    raised = drop - np.array([0, 0.03 * size * channels.tongue, 0], np.float32)
    stand = scene.pose.project(np.stack([line, line + drop, line + raised]))
    stand = (
        stand + head_shift(scene, lean, stand[None, :1])[0] - np.array([box.x, box.y], np.float32)
    )
    axes = np.asarray(scene.pose.axes[:, :2] * size, np.float32)
    light = 1 - 0.55 * min(channels.pucker + channels.funnel, 1.0)
    return Place(axes, stand[0], stand[1], stand[2], light)
