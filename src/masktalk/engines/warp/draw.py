"""A mouth drawn in the picture's own manner, for faces that have none or a painted line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import cv2
import numpy as np

from masktalk.engines.warp.cloth import Drape
from masktalk.engines.warp.edges import Box, LipEdges, box_around
from masktalk.engines.warp.field import smooth_step, turned_round
from masktalk.engines.warp.head import Lean
from masktalk.engines.warp.interior import Plates, blend, render_interior
from masktalk.engines.warp.mouth import inside_place, warp_pixels
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Scene, displacement, head_shift, leaned, smooth_lines
from masktalk.engines.warp.shape import Channels, mouth_motion
from masktalk.engines.warp.style import Style
from masktalk.engines.warp.topology import LIP_COLUMNS
from masktalk.types import FloatArray, Frame, Patch, UInt8Array

Manner: TypeAlias = Literal["cartoon", "sketch", "grille"]

_STROKE = 0.022  # width of an outline, in eye distances
_JAW = 0.5  # the chin of a drawn face drops less than a real one's
_SHOWS = 0.03  # opening at which the drawn mouth has taken the painted line's place
_FINE = 4  # how many times finer than pixels an outline is drawn
_SLATS = 0.055  # from one bar of a grille to the next


@dataclass(frozen=True, eq=False)
class Canvas:
    """One frame, ready to be drawn on.

    Attributes:
        pixels: (H, W, 3|4) the frame.
        bare: The same without the line that was its mouth; the frame itself if it had none.
        bend: How far the line's middle lies below its ends, in eye distances.
        manner: How the picture is made.
        ink: (3,) colour of its outlines.
    """

    pixels: UInt8Array
    bare: UInt8Array
    bend: float
    manner: Manner
    ink: FloatArray

    @property
    def has_line(self) -> bool:
        return self.bare is not self.pixels


def read_canvas(pixels: UInt8Array, scene: Scene, rig: Rig, style: Style) -> Canvas:
    """Look how a face is drawn and where its painted mouth is."""
    line = scene.pose.project(rig.rest.corners[:2])
    middle, unit = line.mean(axis=0), scene.pose.unit
    reach = np.array([0.62 * rig.rest.width + 0.1, 0.16]) * unit
    x0, y0 = np.clip((middle - reach).astype(int), 0, [pixels.shape[1] - 8, pixels.shape[0] - 8])
    x1, y1 = np.clip((middle + reach).astype(int) + 1, [8, 8], [pixels.shape[1], pixels.shape[0]])
    window = np.ascontiguousarray(pixels[y0:y1, x0:x1, :3])
    ink, manner = _ink(pixels, scene), _manner(style)
    strokes = _strokes(window, unit)
    strokes = _mouth_line(strokes, rig.rest.width * unit)
    if not strokes.any():
        return Canvas(pixels, pixels, 0.0, manner, ink)
    bare = pixels.copy()
    wide = cv2.dilate(strokes, np.ones((3, 3), np.uint8), iterations=max(round(0.012 * unit), 1))
    bare[y0:y1, x0:x1, :3] = cv2.inpaint(window, wide, 0.03 * unit + 1, cv2.INPAINT_TELEA)
    return Canvas(pixels, bare, _bend(strokes, unit), manner, ink)


def _strokes(window: UInt8Array, unit: float) -> UInt8Array:
    """255 where something thin and darker than its surroundings is drawn."""
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    size = 2 * max(round(0.05 * unit), 1) + 1
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, shape)
    return np.asarray((hat > 40).astype(np.uint8) * 255, np.uint8)


def _mouth_line(strokes: UInt8Array, width: float) -> UInt8Array:
    """255 on the stroke that is long and flat enough to be a mouth, if there is one."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(strokes)
    line = np.zeros_like(strokes)
    if count > 1:
        widest = 1 + int(boxes[1:, cv2.CC_STAT_WIDTH].argmax())
        across, down = (
            int(boxes[widest, side]) for side in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)
        )
        if across > 0.4 * width and across > 1.8 * down:
            line[labels == widest] = 255
    return line


def _bend(strokes: UInt8Array, unit: float) -> float:
    rows, columns = np.nonzero(strokes)
    half = max(float(np.ptp(columns)) / 2, 1.0)
    across = (columns - (columns.min() + columns.max()) / 2) / half
    curve = np.polyfit(across, rows, 2)[0]
    return float(np.clip(-curve / unit, -0.12, 0.12))


def _ink(pixels: UInt8Array, scene: Scene) -> FloatArray:
    """The darkest colour that the face has enough of to draw with."""
    corners = scene.pose.pixel(np.array([[-0.6, -0.3], [0.6, 0.8]], np.float32))
    x0, y0 = np.clip(corners.min(axis=0).astype(int), 0, None)
    x1, y1 = corners.max(axis=0).astype(int) + 1
    face = pixels[y0:y1, x0:x1, :3].reshape(-1, 3).astype(np.float32)
    if not len(face):
        return np.array([30, 20, 20], np.float32)
    tone = face.mean(axis=1)
    return np.asarray(face[tone <= np.percentile(tone, 2)].mean(axis=0) * 0.9, np.float32)


def _manner(style: Style) -> Manner:
    if style.saturation > 0.35:
        return "cartoon"
    return "sketch" if float(style.skin.mean()) > 150 else "grille"


def draw_frame(
    canvas: Canvas,
    scene: Scene,
    rig: Rig,
    plates: Plates,
    cloth: Drape,
    channels: Channels,
    lean: Lean | None = None,
) -> Patch:
    """The patch that draws one frame's mouth.

    Args:
        canvas: The frame.
        scene: Where its face is.
        rig: Where its mouth would be.
        plates: Teeth and tongue in its manner.
        cloth: How its chin follows.
        channels: What the mouth shall do.
        lean: How the head moves, if it does.
    """
    at = leaned(scene, lean)
    drop = np.float32(_JAW * channels.jaw * rig.amplitude * cloth.drop)
    away = displacement(scene, at, turned_round(cloth.shifts[0] * drop, at) - at)
    maps = scene.grid.absolute(scene.grid.spread(away))
    patch = warp_pixels(Frame(canvas.pixels), scene.grid, *maps)
    lines = _lines(scene, rig, channels, canvas.bend)
    lines = lines + head_shift(scene, lean, lines.mean(axis=(0, 1)))
    gap = float(np.abs((lines[1] - lines[0]) @ scene.pose.down).max()) / scene.pose.unit
    share = float(smooth_step(np.array(gap / _SHOWS, np.float32))) if canvas.has_line else 1.0
    if share <= 0:
        return patch
    ends = scene.pose.project(rig.rest.corners[:2])
    box = box_around(scene, np.vstack([ends, *lines]), 0.10 * scene.pose.unit + 2)
    area = patch.pixels[box.inside]
    drawn = area[..., :3].astype(np.float32)
    if canvas.has_line:
        drawn = warp_pixels(Frame(canvas.bare), scene.grid, *maps).pixels[box.inside][..., :3] * 1.0
    drawn = _drawn(drawn.astype(np.float32), canvas, scene, rig, plates, channels, box, lines)
    area[..., :3] = blend(area[..., :3], drawn, np.full(drawn.shape[:2], share, np.float32))
    return patch


def _lines(scene: Scene, rig: Rig, channels: Channels, bend: float) -> FloatArray:
    """(2, P, 2) the edges of a mouth that is a line from corner to corner at rest."""
    motion = mouth_motion(channels, *rig.profiles)
    left, right = rig.rest.corners[0], rig.rest.corners[1]
    share = np.linspace(0, 1, LIP_COLUMNS + 2, dtype=np.float32)[:, None]
    rest = left + (right - left) * share
    rest[:, 1] += bend * (1 - (2 * share[:, 0] - 1) ** 2)
    ends = motion.corners[:1], motion.corners[1:]
    edges = [
        rest + rig.amplitude * np.vstack([ends[0], lip[-1], ends[1]])
        for lip in (motion.upper, motion.lower)
    ]
    pixels = scene.pose.project(np.vstack(edges)).reshape(2, -1, 2)
    return smooth_lines(scene, pixels)


def _drawn(
    below: FloatArray,
    canvas: Canvas,
    scene: Scene,
    rig: Rig,
    plates: Plates,
    channels: Channels,
    box: Box,
    lines: FloatArray,
) -> FloatArray:
    ring = np.vstack([lines[0], lines[1][::-1]])
    opening = LipEdges.seen_from(box, lines[0], lines[1]).opening()
    inside = _inside(canvas, scene, rig, plates, channels, box, opening)
    drawn = below + (inside - below) * opening[..., None]
    width = _STROKE * scene.pose.unit * max(rig.mouth_size, 0.6)
    outline = _stroke(box, ring, width)[..., None]
    return np.asarray(drawn + (canvas.ink - drawn) * outline, np.float32)


def _inside(
    canvas: Canvas,
    scene: Scene,
    rig: Rig,
    plates: Plates,
    channels: Channels,
    box: Box,
    opening: FloatArray,
) -> FloatArray:
    if canvas.manner == "cartoon":
        place = inside_place(scene, rig, channels, box, None)
        sunk = canvas.bend * scene.pose.unit * scene.pose.down
        place = replace(
            place, skull=place.skull + sunk, jaw=place.jaw + sunk, tongue=place.tongue + sunk
        )
        return render_interior(plates, place, opening, scene.pose.unit * rig.mouth_size)
    inside = np.empty((*opening.shape, 3), np.float32)
    inside[:] = canvas.ink
    if canvas.manner == "grille":
        steps = np.arange(box.width, dtype=np.float32) / (_SLATS * scene.pose.unit)
        bars = np.clip(3 * np.abs((steps % 1) - 0.5) - 0.75, 0, 0.5)[None, :, None]
        inside += (140 - inside) * bars
    return inside


def _stroke(box: Box, ring: FloatArray, width: float) -> FloatArray:
    """(h, w) 0..1 a closed line of ``width`` pixels."""
    fine: UInt8Array = np.zeros((box.height * _FINE, box.width * _FINE), np.uint8)
    shifted = (ring - np.array([box.x, box.y], np.float32) + 0.5) * _FINE - 0.5
    points = np.round(shifted * 16).astype(np.int32)
    cv2.polylines(fine, [points], True, (255,), max(round(width * _FINE), 1), cv2.LINE_AA, 4)
    coarse = cv2.resize(fine, (box.width, box.height), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse.astype(np.float32) * np.float32(1 / 255))
