"""Limited animation: of a drawn face only the mouth moves, in the drawing's own colours.

A painted opening is scaled with all that is painted in it; a line opens into a shape with
an outline of its own colour and width, and closes into the line's own pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.engines.warp.shape import Channels
from masktalk.faces.painted import look_at_mouth
from masktalk.landmarks import (
    CHIN,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    MOUTH,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
)
from masktalk.types import Face, FloatArray, Patch, UInt8Array

# Widths within which a painted mouth is looked for, in those of the mouth that was found.
_LOOKS = (1.0, 1.7, 2.8)
_FINE = 4  # how many times finer than pixels shapes are drawn
# Thickness of a stroke at most, in its lengths, where the mouth seems open and closed.
_THICK, _THICK_CLOSED = 0.12, 0.17
# Levels by which paint differs from the skin around it, at most and at least.
_DIFFERS, _FAINT = 28, 9
# Openings at which a line's own pixels begin to give way, and have given way.
_BEGINS, _GIVEN = 0.03, 0.12
# Heights of a scaled mouth against the painted one: shut, and wide open.
_SHUT, _WIDE = 0.1, 1.15
_GRILLE_GROWS = 0.25  # of a grille's height
# Most that a line opens, in interocular distances and as part of the way to the chin.
_MOST, _TO_CHIN = 0.26, 0.75
_MOUTH_RED, _TONGUE = np.array([122, 38, 46.0]), np.array([226, 112, 112.0])
_POINTS = 25  # along a line


@dataclass(frozen=True, eq=False)
class LimitedMouth:
    """One frame's drawn mouth, ready to move.

    Attributes:
        source: (h, w, 3) uint8 the window around it.
        bare: (h, w, 3) the window with skin in its place.
        mask: (h, w) 0 to 255, where it is painted.
        left: Column of the window's left edge in the frame.
        top: Row of its top edge.
        axes: (2, 2) along the mouth and down, unit vectors in the frame.
        middle: (2,) of the painted mouth, in pixels of the window.
        half: Half its width and half its height, in pixels along the axes.
        line: (25, 2) pixels of the window along a mouth that is a line; None for an opening.
        thickness: Pixels of the line.
        ink: (3,) colour of the line.
        reach: Pixels that a line opens at the most.
        grille: Whether it is a machine's, which grows instead of shutting.
    """

    source: UInt8Array
    bare: UInt8Array
    mask: UInt8Array
    left: int
    top: int
    axes: FloatArray
    middle: FloatArray
    half: tuple[float, float]
    line: FloatArray | None
    thickness: float
    ink: FloatArray
    reach: float
    grille: bool = False

    @classmethod
    def of(cls, pixels: UInt8Array, face: Face) -> LimitedMouth:
        """Look at the mouth of a face in a (H, W, 3|4) frame."""
        corners = face.mesh[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], :2]
        grille = look_at_mouth(pixels, corners).kind == "grille"
        mesh = face.mesh[:, :2].astype(np.float64)
        across = mesh[RIGHT_EYE_OUTER] - mesh[LEFT_EYE_OUTER]
        unit = max(float(np.linalg.norm(across)), 4.0)
        along = across / max(float(np.linalg.norm(across)), 1e-6)
        axes = np.stack([along, [-along[1], along[0]]])
        centre = mesh[list(MOUTH)].mean(axis=0)
        width = max(float(np.linalg.norm(mesh[RIGHT_MOUTH_CORNER] - mesh[LEFT_MOUTH_CORNER])), 6)
        to_chin = max(float((mesh[CHIN] - mesh[LOWER_LIP_INNER]) @ axes[1]), 0.1 * unit)
        reach = min(_MOST * unit, _TO_CHIN * to_chin + 0.05 * unit, 1.2 * width)
        margin = max(1.3 * width, 0.3 * unit) + 0.5 * width + reach + 4
        low = np.clip(np.floor(centre - margin).astype(int), 0, None)
        high = np.ceil(centre + margin).astype(int) + 1
        source = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0], :3])
        at = mesh[list(MOUTH)] - low
        for reach_of_look in _LOOKS:
            mask = painted_mask(source, at, axes, reach_of_look * width)
            if mask.any():
                break
        ink = _ink(source, mask)
        line, thickness = None, 0.0
        middle, half = _extent(mask, axes, at)
        if not mask.any():
            t = np.linspace(-0.5, 0.5, _POINTS)[:, None]
            middle = at.mean(axis=0)
            line, thickness = middle + t * min(width, 0.35 * unit) * axes[0], 0.02 * unit
        elif not grille and _is_line(mask, face, half):
            line, thickness = _trace(mask, axes, middle, half)
        grown = max(round(0.012 * unit), 1) * 2 + 1
        wide = np.asarray(cv2.dilate(mask, np.ones((grown, grown), np.uint8)), np.uint8)
        bare = cv2.inpaint(source, wide, 3, cv2.INPAINT_TELEA) if mask.any() else source
        return cls(
            source=source, bare=np.asarray(bare, np.uint8), mask=wide, left=int(low[0]),
            top=int(low[1]), axes=axes.astype(np.float32), middle=middle.astype(np.float32),
            half=half, line=None if line is None else line.astype(np.float32),
            thickness=thickness, ink=ink, reach=reach, grille=grille,
        )  # fmt: skip

    def patch(self, channels: Channels) -> Patch | None:
        """Return the patch of one frame; None where the painted mouth stays as it is."""
        opening, width = opening_of(channels), width_of(channels)
        if self.line is not None:
            return self._opened(opening, width)
        if self.grille:
            return self._scaled(1 + _GRILLE_GROWS * opening, 1.0) if opening > _BEGINS else None
        return self._scaled(_SHUT + (_WIDE - _SHUT) * opening, width)

    def _scaled(self, tall: float, wide: float) -> Patch:
        """Scale the painted mouth along its axes; its upper edge stays nearly where it is."""
        basis = self.axes.T.astype(np.float64)
        scale = basis @ np.diag([wide, tall]) @ basis.T
        anchor = self.middle - 0.3 * self.half[1] * self.axes[1]
        matrix = np.column_stack([scale, anchor - scale @ anchor])
        size = (self.source.shape[1], self.source.shape[0])
        soft = cv2.GaussianBlur(self.mask, (3, 3), 0)
        moved = cv2.warpAffine(self.source, matrix, size, flags=cv2.INTER_LINEAR)
        alpha = cv2.warpAffine(soft, matrix, size, flags=cv2.INTER_LINEAR)[..., None] / 255.0
        mixed = self.bare * (1 - alpha) + moved * alpha
        return self._as_patch(mixed, np.maximum(soft, alpha[..., 0] * 255))

    def _opened(self, opening: float, width: float) -> Patch | None:
        """Return the line opened into a shape."""
        share = float(np.clip((opening - _BEGINS) / (_GIVEN - _BEGINS), 0, 1))
        if share <= 0 or self.line is None:
            return None
        middle = self.line.mean(axis=0)
        away = self.line - middle
        along = away @ self.axes[0]
        line = middle + away + np.outer(along * (width - 1), self.axes[0])
        place = np.linspace(-1, 1, len(line))
        arch = (1 - place**2) ** 0.6
        upper = line - np.outer(0.18 * opening * self.reach * arch, self.axes[1])
        lower = line + np.outer(0.82 * opening * self.reach * arch, self.axes[1])
        ring = np.vstack([upper, lower[::-1]])
        drawn, cover = self._shape(ring, upper, opening)
        mixed = self.bare * (1 - cover[..., None]) + drawn * cover[..., None]
        mixed = self.source * (1 - share) + mixed * share
        return self._as_patch(mixed, np.maximum(self.mask, cover * 255))

    def _shape(
        self, ring: FloatArray, upper: FloatArray, opening: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the opening filled flat with an outline: (h, w, 3) colours and (h, w) cover."""
        height, width = self.source.shape[:2]
        fine = np.zeros((height * _FINE, width * _FINE, 3), np.uint8)
        cover = np.zeros(fine.shape[:2], np.uint8)
        points = np.round(((ring + 0.5) * _FINE - 0.5) * 16).astype(np.int32)
        stroke = max(round(self.thickness * _FINE), 1)
        inside = self._inside_colour()
        fine[:] = self.ink
        cv2.fillPoly(fine, [points], inside.tolist(), cv2.LINE_8, 4)
        if self._coloured and opening > 0.3:
            self._tongue(fine, points, upper, opening)
        cv2.polylines(fine, [points], True, self.ink.tolist(), stroke, cv2.LINE_8, 4)
        cv2.fillPoly(cover, [points], (255,), cv2.LINE_8, 4)
        cv2.polylines(cover, [points], True, (255,), stroke, cv2.LINE_8, 4)
        size = (width, height)
        colours = cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        soft = cv2.resize(cover, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        return colours, np.asarray(soft / 255, np.float32)

    def _tongue(
        self, fine: UInt8Array, ring: npt.NDArray[np.int32], upper: FloatArray, opening: float
    ) -> None:
        inside = np.zeros(fine.shape[:2], np.uint8)
        tongue = np.zeros_like(inside)
        cv2.fillPoly(inside, [ring], (255,), cv2.LINE_8, 4)
        half = 0.33 * float(np.ptp(upper @ self.axes[0]))
        centre = upper.mean(axis=0) + self.axes[1] * opening * self.reach * 1.05
        angle = float(np.rad2deg(np.arctan2(self.axes[0, 1], self.axes[0, 0])))
        radii = (round(half * _FINE), max(round(0.45 * opening * self.reach * _FINE), 1))
        at = tuple(int(v) for v in np.round(centre * _FINE))
        cv2.ellipse(tongue, at, radii, angle, 0, 360, (255,), -1)
        fine[(tongue > 0) & (inside > 0)] = np.clip(_TONGUE * self._light, 0, 255)

    @property
    def _coloured(self) -> bool:
        """Return whether the drawing is coloured."""
        return float(np.ptp(np.median(self.bare.reshape(-1, 3), axis=0))) > 12

    @property
    def _light(self) -> float:
        return float(np.clip(np.median(self.bare) / 215, 0.45, 1.05))

    def _inside_colour(self) -> FloatArray:
        if not self._coloured:
            return np.asarray(self.ink, np.float32)
        return np.asarray(_MOUTH_RED * self._light, np.float32)

    def _as_patch(self, mixed: npt.NDArray[Any], changed: npt.NDArray[Any]) -> Patch:
        alpha = (changed > 0).astype(np.uint8) * 255
        colours = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
        return Patch(np.dstack([colours, alpha]), self.left, self.top)


def opening_of(channels: Channels) -> float:
    """Return how far a drawn mouth opens, 0 to 1."""
    opened = 1.7 * channels.parting + 0.25 * float(channels.lower_down.mean())
    return float(np.clip(opened * (1 - 0.3 * channels.pucker), 0, 1))


def width_of(channels: Channels) -> float:
    """Return a drawn mouth's width against its width at rest."""
    wider = 0.15 * float((channels.stretch + channels.smile).mean())
    return float(np.clip(1 + wider - 0.4 * channels.pucker - 0.25 * channels.funnel, 0.5, 1.25))


def painted_mask(
    window: UInt8Array, mouth: FloatArray, axes: FloatArray, width: float
) -> UInt8Array:
    """Return (h, w) 255 where a mouth is painted, its holes filled.

    Args:
        window: (h, w, 3) uint8 around it.
        mouth: (4, 2) corners, upper and lower middle, pixels of the window.
        axes: (2, 2) along it and down.
        width: Pixels from corner to corner.
    """
    middle = mouth.mean(axis=0)
    tall = max(float(np.ptp(mouth @ axes[1])), 0.35 * width)
    rows, columns = np.mgrid[: window.shape[0], : window.shape[1]]
    away = np.stack([columns - middle[0], rows - middle[1]], axis=-1) @ axes.T
    core = (away[..., 0] / (0.6 * width)) ** 2 + (away[..., 1] / (0.7 * tall)) ** 2 < 1
    limit = (np.abs(away[..., 0]) < 1.1 * width) & (np.abs(away[..., 1]) < 1.5 * tall)
    if not core.any() or not (limit & ~core).any():
        return np.zeros(window.shape[:2], np.uint8)
    skin = np.median(window[limit & ~core], axis=0)
    away_from_skin = np.abs(window.astype(np.float32) - skin).max(axis=2)
    most = float(np.percentile(away_from_skin[core], 98))
    threshold = float(np.clip(0.35 * most, _FAINT, _DIFFERS))
    differs = (away_from_skin > threshold) & limit
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(differs.astype(np.uint8))
    border = limit & ~np.asarray(cv2.erode(limit.astype(np.uint8), np.ones((3, 3)))).astype(bool)
    mask = np.zeros(window.shape[:2], np.uint8)
    for label in range(1, count):
        blob = labels == label
        inside = float((blob & core).sum()) / float(blob.sum())
        if boxes[label, cv2.CC_STAT_AREA] >= 4 and inside > 0.3 and not (blob & border).any():
            mask[blob] = 255
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, contours, -1, (255,), -1)
    return mask


def _extent(
    mask: UInt8Array, axes: FloatArray, mouth: FloatArray
) -> tuple[FloatArray, tuple[float, float]]:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return mouth.mean(axis=0), (1.0, 1.0)
    places = np.stack([columns, rows], axis=1) @ axes.T
    low, high = places.min(axis=0), places.max(axis=0)
    middle = (low + high) / 2 @ axes
    across, down = (high - low) / 2 + 0.5
    return np.asarray(middle), (float(across), float(down))


def _is_line(mask: UInt8Array, face: Face, half: tuple[float, float]) -> bool:
    """Return whether a painted mouth is a stroke: thin against its length."""
    thick = 2 * float(cv2.distanceTransform(mask, cv2.DIST_L2, 3).max())
    most = _THICK if face.mouth_state == "open" else _THICK_CLOSED
    return thick < most * 2 * half[0]


def _trace(
    mask: UInt8Array, axes: FloatArray, middle: FloatArray, half: tuple[float, float]
) -> tuple[FloatArray, float]:
    """Return points along the middle of a stroke and its thickness in pixels."""
    rows, columns = np.nonzero(mask)
    away = (np.stack([columns, rows], axis=1) - middle) @ axes.T
    slots = np.clip(np.round((away[:, 0] / half[0] + 1) / 2 * (_POINTS - 1)), 0, _POINTS - 1)
    depth = np.full(_POINTS, np.nan)
    for slot in range(_POINTS):
        here = away[slots == slot, 1]
        if len(here):
            depth[slot] = here.mean()
    known = np.flatnonzero(np.isfinite(depth))
    depth = np.interp(np.arange(_POINTS), known, depth[known])
    along = np.linspace(-half[0], half[0], _POINTS)
    thickness = max(len(rows) / max(float(np.abs(np.diff(along)).sum()), 1.0), 1.0)
    line = middle + np.stack([along, depth], axis=1) @ axes
    return np.asarray(line), thickness


def _ink(window: UInt8Array, mask: UInt8Array) -> FloatArray:
    """Return the colour of the mouth's strokes, or the darkest there is."""
    colours = window[mask > 0] if mask.any() else window.reshape(-1, 3)
    tone = colours.astype(np.float32).mean(axis=1)
    skin = float(np.median(window))
    if mask.any() and float(np.median(tone)) > skin:  # a light line on a dark face
        return np.asarray(colours[tone >= np.percentile(tone, 60)].mean(axis=0), np.float32)
    share = 50 if mask.any() else 2
    return np.asarray(colours[tone <= np.percentile(tone, share)].mean(axis=0), np.float32)
