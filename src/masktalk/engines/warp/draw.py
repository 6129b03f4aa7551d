"""A mouth drawn in the picture's own manner, for faces that have none or a painted line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import cv2
import numpy as np

from masktalk.engines.warp.cloth import ClothDeformation
from masktalk.engines.warp.edges import Box, LipEdges, box_around
from masktalk.engines.warp.field import invert_displacement, smooth_step
from masktalk.engines.warp.head import Lean
from masktalk.engines.warp.interior import InteriorLayers, blend, render_interior
from masktalk.engines.warp.mouth import inside_place, warp_pixels
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Scene, displacement, head_shift, leaned, smooth_lines
from masktalk.engines.warp.shape import Channels, mouth_motion
from masktalk.engines.warp.style import Style
from masktalk.faces.painted import PaintedMouth, look_at_mouth
from masktalk.landmarks import LIP_COLUMNS
from masktalk.types import FloatArray, Frame, Patch, UInt8Array

Manner: TypeAlias = Literal["cartoon", "sketch", "grille"]

_STROKE = 0.022  # width of an outline, in eye distances
_JAW = 0.5  # the chin of a drawn face drops less than a real one's
_SHOWS = 0.03  # opening at which the drawn mouth has taken the painted line's place
_FINE = 4  # how many times finer than pixels an outline is drawn
_SHADED = 0.75  # brightness of a grille's bars before an opening


@dataclass(frozen=True, eq=False)
class Canvas:
    """One frame, ready to be drawn on.

    Attributes:
        pixels: (H, W, 3|4) the frame.
        bare: The same without the line that was its mouth; the frame itself if it had none.
        painted: What it shows where its mouth is.
        bend: How far the line's middle lies below its ends, in eye distances.
        manner: How the picture is made.
        ink: (3,) colour of its outlines.
    """

    pixels: UInt8Array
    bare: UInt8Array
    painted: PaintedMouth
    bend: float
    manner: Manner
    ink: FloatArray

    @property
    def has_line(self) -> bool:
        """Return whether the painted mouth has a line."""
        return self.painted.kind == "line"

    @property
    def has_mouth(self) -> bool:
        """Return whether a closed mouth is painted already."""
        return self.painted.kind in ("line", "grille")


def read_canvas(pixels: UInt8Array, scene: Scene, rig: Rig, style: Style) -> Canvas:
    """Analyse the drawing style and painted mouth of a face in (H, W, 3|4) pixels."""
    unit = scene.pose.unit
    painted = look_at_mouth(pixels, scene.pose.project(rig.rest.corners[:2]))
    manner = _manner(style, painted)
    if painted.kind != "line":
        return Canvas(pixels, pixels, painted, 0.0, manner, _ink(pixels, scene))
    bare = _without(painted, pixels, unit)
    return Canvas(pixels, bare, painted, painted.bend / unit, manner, _ink_of(painted, pixels))


def _without(painted: PaintedMouth, pixels: UInt8Array, unit: float) -> UInt8Array:
    """Return the picture with the skin in the place of its mouth's line."""
    height, width = painted.stroke.shape
    window = np.s_[painted.top : painted.top + height, painted.left : painted.left + width, :3]
    wide = cv2.dilate(
        painted.stroke, np.ones((3, 3), np.uint8), iterations=max(round(0.012 * unit), 1)
    )
    bare = pixels.copy()
    skin = np.ascontiguousarray(pixels[window])
    bare[window] = cv2.inpaint(skin, wide, 0.03 * unit + 1, cv2.INPAINT_TELEA)
    return bare


def _ink_of(painted: PaintedMouth, pixels: UInt8Array) -> FloatArray:
    """Return the colour of a painted line, away from its soft edges."""
    rows, columns = np.nonzero(painted.stroke)
    colours = pixels[rows + painted.top, columns + painted.left, :3].astype(np.float32)
    tone = colours.mean(axis=1)
    return np.asarray(colours[tone <= np.median(tone)].mean(axis=0), np.float32)


def _ink(pixels: UInt8Array, scene: Scene) -> FloatArray:
    """Return the darkest colour that the face has enough of to draw with."""
    corners = scene.pose.pixel(np.array([[-0.6, -0.3], [0.6, 0.8]], np.float32))
    x0, y0 = np.clip(corners.min(axis=0).astype(int), 0, None)
    x1, y1 = corners.max(axis=0).astype(int) + 1
    face = pixels[y0:y1, x0:x1, :3].reshape(-1, 3).astype(np.float32)
    if not len(face):
        return np.array([30, 20, 20], np.float32)
    tone = face.mean(axis=1)
    return np.asarray(face[tone <= np.percentile(tone, 2)].mean(axis=0) * 0.9, np.float32)


def _manner(style: Style, painted: PaintedMouth) -> Manner:
    if painted.kind == "grille":
        return "grille"
    return "cartoon" if style.saturation > 0.35 else "sketch"


def draw_frame(
    canvas: Canvas,
    scene: Scene,
    rig: Rig,
    plates: InteriorLayers,
    cloth: ClothDeformation,
    channels: Channels,
    lean: Lean | None = None,
) -> Patch:
    """Return the patch that draws one frame's mouth.

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
    away = displacement(scene, at, invert_displacement(cloth.shifts[0] * drop, at) - at)
    patch = warp_pixels(Frame(canvas.pixels), scene.grid, away)
    if canvas.manner == "grille":  # it has no corners to draw apart
        channels = replace(channels, stretch=0 * channels.stretch, smile=0 * channels.smile)
    lines = _lines(scene, rig, channels, canvas.bend)
    lines = lines + head_shift(scene, lean, lines)
    gap = float(np.abs((lines[1] - lines[0]) @ scene.pose.down).max()) / scene.pose.unit
    share = float(smooth_step(np.array(gap / _SHOWS, np.float32))) if canvas.has_mouth else 1.0
    if share <= 0:
        return patch
    ends = scene.pose.project(rig.rest.corners[:2])
    box = box_around(scene, np.vstack([ends, *lines]), 0.10 * scene.pose.unit + 2)
    area = patch.pixels[box.inside]
    drawn = area[..., :3].astype(np.float32)
    if canvas.has_line:
        drawn = warp_pixels(Frame(canvas.bare), scene.grid, away).pixels[box.inside][..., :3] * 1.0
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
    plates: InteriorLayers,
    channels: Channels,
    box: Box,
    lines: FloatArray,
) -> FloatArray:
    ring = np.vstack([lines[0], lines[1][::-1]])
    opening = LipEdges.seen_from(box, lines[0], lines[1]).opening()
    inside = _inside(below, canvas, scene, rig, plates, channels, box, opening)
    drawn = below + (inside - below) * opening[..., None]
    if canvas.manner == "grille":
        return drawn
    outline = _stroke(box, ring, _thickness(canvas, scene.pose.unit, rig.mouth_size))[..., None]
    return np.asarray(drawn + (canvas.ink - drawn) * outline, np.float32)


def _thickness(canvas: Canvas, unit: float, size: float) -> float:
    """Pixels of a drawn mouth's outline: as thick as its painted line, within reason."""
    if not canvas.has_line:
        return _STROKE * unit * max(size, 0.6)
    return float(np.clip(canvas.painted.thickness / unit, _STROKE / 2, 2.5 * _STROKE)) * unit


def _inside(
    below: FloatArray,
    canvas: Canvas,
    scene: Scene,
    rig: Rig,
    plates: InteriorLayers,
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
        bars = _bars(canvas.painted, box)[None, :, None]
        inside += (_SHADED * below - inside) * bars
    return inside


def _bars(painted: PaintedMouth, box: Box) -> FloatArray:
    """(w,) 0..1 the bars that stand before the opening, thinner than the closed grille's."""
    turns = (np.arange(box.width) + box.x - painted.slot) / painted.pitch
    return np.asarray(np.clip(1.5 * (0.1 - np.cos(2 * np.pi * turns)), 0, 1), np.float32)


def _stroke(box: Box, ring: FloatArray, width: float) -> FloatArray:
    """(h, w) 0..1 a closed line of ``width`` pixels."""
    fine: UInt8Array = np.zeros((box.height * _FINE, box.width * _FINE), np.uint8)
    shifted = (ring - np.array([box.x, box.y], np.float32) + 0.5) * _FINE - 0.5
    points = np.round(shifted * 16).astype(np.int32)
    cv2.polylines(fine, [points], True, (255,), max(round(width * _FINE), 1), cv2.LINE_AA, 4)
    coarse = cv2.resize(fine, (box.width, box.height), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse.astype(np.float32) * np.float32(1 / 255))
