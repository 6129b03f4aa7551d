"""Eyelids and irises of one frame, moved by ARKit channels.

The lid of a real eye slides down over it: its margin with the lashes moves as it is, and the
skin between margin and brow is drawn out behind it. Where no skin shows above the eye (a
hood, hair) the lid is made of the skin under the eye. Drawn eyes are larger than a mesh says;
they are found by their paint, and their lid is the skin that their paint lies on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from masktalk.engines.warp.field import smooth_step
from masktalk.engines.warp.painted_eyes import PaintedEye, find_painted_lids
from masktalk.faces.painted import is_drawing
from masktalk.landmarks import IRISES, LEFT_EYE_CORNERS, LOWER_LIDS, RIGHT_EYE_CORNERS, UPPER_LIDS
from masktalk.types import Face, FloatArray, Frame, UInt8Array


@dataclass(frozen=True)
class _Limits:
    """Lengths in eye widths, corner to corner, unless they say otherwise."""

    least_width_px: float = 7.0
    #: Openings below this are closed already.
    least_opening: float = 0.06
    reach_across: float = 0.95
    reach_down: float = 1.0
    #: Of the lid's margin: above and below the mesh's line.
    margin_above: float = 0.05
    margin_below: float = 0.08
    #: Of the skin above the eye that a lid is drawn out of.
    least_skin: float = 0.12
    most_shadow: float = 0.30
    most_skin: float = 0.42
    #: Of the other eye's skin that an eye has at least.
    of_other: float = 0.75
    #: By which closed lids overlap.
    overlap: float = 0.09
    lash: float = 0.035
    lash_darkness: float = 0.52
    #: The same of a lid made of the skin under the eye, which brings no lashes of its own.
    bare_lash: float = 0.055
    bare_lash_darkness: float = 0.8
    #: By which eyeWide at 1 raises the lid, and eyeSquint the lower one, in openings.
    wide: float = 0.15
    squint: float = 0.42
    #: Sine of an eye's turn to inter-ocular distances: its radius of 12 mm against 90 mm.
    eyeball: float = 0.133
    most_shift: float = 0.17


_LIMITS: Final = _Limits()
_SKIN_RATIO = 0.32  # brightness against the skin under the eye; darker is hair or cloth
_SKIN_HUE = 0.16  # chromatic difference; more is not skin
_GAZE_STEPS, _LID_STEPS = 256, 64  # weights are told apart this finely
_CHEEK_SQUINT = 0.6  # of the lower lid's rise at eyeSquint, by cheekSquint
_FULL_GAZE_RAD = np.deg2rad(30.0)  # of an eyeLook channel at 1
#: ARKit's sides of the eyes at the image's left and right.
_SIDES = ("Right", "Left")


@dataclass(frozen=True)
class EyeWeights:
    """One eye's movement; ``right`` and ``down`` are sines of its turn in the image."""

    blink: float
    wide: float
    squint: float
    right: float
    down: float

    @classmethod
    def read(cls, weights: Mapping[str, float], side: str) -> EyeWeights:
        """Return the movement of the eye on the speaker's ``Left`` or ``Right``."""

        def lid(name: str) -> float:
            weight = min(max(weights.get(f"eye{name}{side}", 0.0), 0.0), 1.0)
            return round(weight * _LID_STEPS) / _LID_STEPS

        def look(name: str) -> float:
            return float(weights.get(f"eyeLook{name}{side}", 0.0))

        out = look("Out") - look("In")
        across = out if side == "Left" else -out
        right, down = (
            round(float(np.sin(turn * _FULL_GAZE_RAD)) * _GAZE_STEPS) / _GAZE_STEPS
            for turn in (across, look("Down") - look("Up"))
        )
        cheek = min(max(weights.get(f"cheekSquint{side}", 0.0), 0.0), 1.0)
        squint = max(lid("Squint"), round(_CHEEK_SQUINT * cheek * _LID_STEPS) / _LID_STEPS)
        return cls(lid("Blink"), lid("Wide"), squint, right, down)

    @property
    def is_still(self) -> bool:
        """True when the eye stays as the picture shows it."""
        return not (self.blink or self.wide or self.squint or self.right or self.down)


@dataclass(frozen=True, eq=False)
class Edit:
    """Pixels that replace a rectangle of the frame.

    Attributes:
        left: First column.
        top: First row.
        pixels: (h, w, 3) uint8.
    """

    left: int
    top: int
    pixels: UInt8Array

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First column and row, and those after the last."""
        height, width = self.pixels.shape[:2]
        return self.left, self.top, self.left + width, self.top + height

    def on(self, frame: Frame) -> Frame:
        """Return the frame with the rectangle replaced; its alpha stays."""
        pixels = self.pixels
        if frame.has_alpha:
            alpha = frame.region(*self.box)[..., 3]
            pixels = np.dstack([pixels, alpha])
        return frame.with_region(self.left, self.top, pixels)


@dataclass(frozen=True, eq=False)
class Eye:
    """One open eye, ready to be moved.

    Attributes:
        left: First column of the window around it.
        top: First row of the window.
        pixels: (h, w, 3) uint8 the window as it is.
        down: (2,) the face's own down, of length 1.
        width: Pixels from corner to corner.
        depth: (h, w) pixels below the upper lid's margin, along ``down``.
        opening: (h, w) pixels between the lids there; 0 beside the eye.
        skin: Pixels of skin above the margin that the lid is drawn out of; 0 for none.
        white: (h, w) 0..1, how far a shift of the gaze moves what is there.
        painted: The eye as it is drawn; None for one that is shaded.
    """

    left: int
    top: int
    pixels: UInt8Array
    down: FloatArray
    width: float
    depth: FloatArray
    opening: FloatArray
    skin: float
    white: FloatArray
    painted: PaintedEye | None

    @classmethod
    def of(cls, pixels: UInt8Array, face: Face, side: int, *, painted: bool) -> Eye | None:
        """Return an eye of a face; None where it is closed, too small or outside.

        Args:
            pixels: (H, W, 3|4) uint8 the frame.
            face: Where its eyes are.
            side: 0 for the eye at the image's left, 1 for the other.
            painted: True for drawings, whose eyes are looked for by their paint.
        """
        corners = (LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS)[side]
        across = np.array([np.cos(face.roll), np.sin(face.roll)], np.float32)
        down = np.array([-across[1], across[0]], np.float32)
        upper, lower = (
            face.mesh[[corners[0], *lids[side], corners[1]], :2]
            for lids in (UPPER_LIDS, LOWER_LIDS)
        )
        width = float(np.ptp(upper @ across))
        if width < _LIMITS.least_width_px:
            return None
        middle = (upper.mean(axis=0) + lower.mean(axis=0)) / 2
        x0, y0, x1, y1 = _window(middle, width, pixels.shape)
        if x1 - x0 < 4 or y1 - y0 < 4:
            return None
        window = np.ascontiguousarray(pixels[y0:y1, x0:x1, :3])
        columns, rows = np.meshgrid(
            np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
        )
        along = columns * across[0] + rows * across[1]
        below = columns * down[0] + rows * down[1]
        lids = None
        bottom = lower
        if painted:
            lids = find_painted_lids(pixels[..., :3], middle, across, width)
            if lids is None:
                return None
            places = (middle @ across + lids.along)[:, None] * across
            upper, lower, bottom = (
                places + (middle @ down + level)[:, None] * down
                for level in (lids.upper, lids.lower, lids.bottom)
            )
        edge = _curve(upper, along, across, down)
        ends = upper @ across
        into = np.minimum(along - ends.min(), ends.max() - along) / np.float32(0.04 * width)
        inside = np.clip(into, 0, 1)
        opening, height = (
            np.asarray(np.maximum(_curve(low, along, across, down) - edge, 0) * inside, np.float32)
            for low in (lower, bottom)
        )
        if opening.max() < _LIMITS.least_opening * width:
            return None
        depth = np.asarray(below - edge, np.float32)
        iris = face.mesh[IRISES[side], :2]
        skin = 0.0 if lids is not None else _skin_above(window, depth, opening, width)
        white = _white(along - iris @ across, depth, opening, width)
        drawn = None if lids is None else PaintedEye(depth, opening, height, down, lids.skin)
        return cls(x0, y0, window, down, width, depth, opening, skin, white, drawn)

    def edit(self, weights: EyeWeights, interocular: float) -> Edit:
        """Return the window with lids and iris moved.

        Args:
            weights: Of this eye.
            interocular: Pixels between the outer eye corners.
        """
        shown = self._gazing(weights, interocular)
        if weights.squint:
            shown = self._squinting(shown, weights.squint)
        if weights.blink and self.painted is not None:
            shown = self.painted.closed(shown, weights.blink)
        elif weights.blink:
            shown = self._closing(shown, weights.blink)
        elif weights.wide:
            shown = self._widened(shown, weights.wide)
        return Edit(self.left, self.top, shown)

    def _gazing(self, weights: EyeWeights, interocular: float) -> UInt8Array:
        right, down = weights.right, weights.down
        if not (right or down):
            return self.pixels
        size = _LIMITS.eyeball * interocular
        if self.painted is not None:
            size = max(size, 0.35 * self.width)  # a drawn iris has farther to go
        shift = np.array([right, down], np.float32) * size
        length = float(np.hypot(*shift))
        shift *= min(1.0, _LIMITS.most_shift * self.width / max(length, 1e-6))
        across = np.array([self.down[1], -self.down[0]], np.float32)
        x, y = shift[0] * across + shift[1] * self.down
        return _moved(self.pixels, -x * self.white, -y * self.white)

    def _closing(self, shown: UInt8Array, amount: float) -> UInt8Array:
        """Draw the upper lid down over the eye."""
        limits, width = _LIMITS, self.width
        inside = np.clip(self.opening / (0.05 * width), 0, 1)
        travel = np.float32(amount) * (self.opening + limits.overlap * width * inside)
        from_edge = self.depth - travel
        lid = self._lid(travel)
        cover = np.clip((limits.margin_below * width - from_edge) / 1.5 + 0.5, 0, 1)
        cover = cover * np.clip(travel / 0.7, 0, 1)
        if not self.skin:
            above = np.clip((self.depth + 0.15 * width) / (0.07 * width), 0, 1)
            cover = cover * above * np.clip(self.opening / (0.10 * width), 0, 1)
        mixed = shown + (lid - shown.astype(np.float32)) * cover[..., None]
        thick, dark = limits.lash, limits.lash_darkness
        if not self.skin:
            thick, dark = limits.bare_lash, limits.bare_lash_darkness
        lash = np.exp(-((from_edge / (thick * width)) ** 2)) * inside
        mixed *= (1 - dark * min(1.5 * amount, 1.0) * lash)[..., None]
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _lid(self, travel: FloatArray) -> FloatArray:
        """(h, w, 3) the lid: skin above the eye drawn out, or skin from below where it is short."""
        if not self.skin:
            return self._from_below(travel)
        lid = self._drawn_out(travel)
        share = np.clip((self.skin / self.width - 0.10) / 0.20, 0, 1)
        if share == 1:
            return lid
        # A narrow strip of skin would be drawn out into streaks.
        margin = np.float32(1.5 * _LIMITS.margin_above * self.width)
        inner = smooth_step((travel - margin - self.depth) / margin)
        inner = inner * smooth_step((self.depth + np.float32(self.skin)) / margin)
        below = self._from_below(travel)
        covered = inner > 0.5
        if covered.any():
            tone = lid[covered].mean(axis=0) / np.maximum(below[covered].mean(axis=0), 1.0)
            below = below * np.clip(tone, 0.55, 1.1)
        return np.asarray(lid + (below - lid) * ((1 - share) * inner)[..., None], np.float32)

    def _drawn_out(self, travel: FloatArray) -> FloatArray:
        """(h, w, 3) the lid: its margin moved as it is, the skin above it drawn out."""
        rigid = _LIMITS.margin_above * self.width
        into = self.depth + np.float32(self.skin)  # from where the skin begins to move
        reach = np.maximum(self.skin + travel - rigid, 1e-3)
        back = np.where(into < reach, into * travel / reach, travel)
        back = np.where(into <= 0, 0, back).astype(np.float32)
        moved = _moved(self.pixels, -back * self.down[0], -back * self.down[1])
        return moved.astype(np.float32)

    def _from_below(self, travel: FloatArray) -> FloatArray:
        """(h, w, 3) skin from under the eye brought to where the lid is."""
        under = self.opening + 0.2 * self.width + 0.25 * (travel - self.depth)
        away = np.asarray(under - self.depth, np.float32)
        skin = _moved(self.pixels, away * self.down[0], away * self.down[1])
        return cv2.GaussianBlur(skin, (0, 0), max(0.04 * self.width, 0.3)).astype(np.float32)

    def _squinting(self, shown: UInt8Array, amount: float) -> UInt8Array:
        """Raise the lower lid; the skin under it is drawn out."""
        rise = np.float32(amount * _LIMITS.squint) * self.opening
        below = self.depth - self.opening  # pixels under the lower margin
        reach = np.float32(0.55 * self.width)
        share = np.clip(1 - below / (reach + 1e-3), 0, 1) * (below > -1.5 * rise - 2)
        lid = _moved(self.pixels, rise * share * self.down[0], rise * share * self.down[1])
        cover = np.clip((below + rise) / 1.5 + 0.5, 0, 1)[..., None]
        mixed = shown + (lid.astype(np.float32) - shown) * cover
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _widened(self, shown: UInt8Array, amount: float) -> UInt8Array:
        """Raise the upper lid: what lies above is pushed together, the eye drawn out."""
        rise = np.float32(amount * _LIMITS.wide) * self.opening
        above = smooth_step(1 + self.depth / np.float32(0.45 * self.width))
        into = np.clip(1 - self.depth / np.maximum(0.6 * self.opening, 1e-3), 0, 1)
        share = np.where(self.depth < 0, above, into).astype(np.float32)
        return _moved(shown, rise * share * self.down[0], rise * share * self.down[1])


class Eyes:
    """Both eyes of one frame.

    Args:
        frame: The frame.
        face: Its face; the eyes of drawings are looked for by their paint.
    """

    def __init__(self, frame: Frame, face: Face) -> None:
        self._interocular = face.interocular
        painted = face.located_by == "drawn" or is_drawing(frame.pixels, face.box)
        eyes = [Eye.of(frame.pixels, face, side, painted=painted) for side in (0, 1)]
        if painted and None in eyes:
            eyes = [None, None]  # a drawing does not wink because one eye was not understood
        # One lid's shadow or a strand of hair says little about a face: its eyes are alike.
        shares = [eye.skin / eye.width for eye in eyes if eye is not None]
        best = _LIMITS.of_other * max(shares, default=0.0)
        self._eyes = [
            replace(eye, skin=max(eye.skin, best * eye.width)) if eye is not None else None
            for eye in eyes
        ]
        self._kept: dict[int, tuple[EyeWeights, Edit]] = {}

    def edits(self, weights: Mapping[str, float]) -> list[Edit]:
        """Return what the channels change of the frame, none where the eyes stay.

        Args:
            weights: ARKit channel to weight in 0..1.
        """
        edits = []
        for number, (eye, side) in enumerate(zip(self._eyes, _SIDES, strict=True)):
            wanted = EyeWeights.read(weights, side)
            if eye is None or wanted.is_still:
                continue
            if number not in self._kept or self._kept[number][0] != wanted:
                self._kept[number] = (wanted, eye.edit(wanted, self._interocular))
            edits.append(self._kept[number][1])
        return edits


def _window(middle: FloatArray, width: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    away = np.array([_LIMITS.reach_across, _LIMITS.reach_down]) * width
    (x0, y0), (x1, y1) = np.floor(middle - away).astype(int), np.ceil(middle + away).astype(int)
    return max(x0, 0), max(y0, 0), min(x1 + 1, shape[1]), min(y1 + 1, shape[0])


def _curve(
    points: FloatArray, along: FloatArray, across: FloatArray, down: FloatArray
) -> FloatArray:
    """(h, w) height of a lid through points (P, 2) at places along the face's own across."""
    order = np.argsort(points @ across)
    level = np.interp(along, (points @ across)[order], (points @ down)[order])
    return np.asarray(level, np.float32)


def _skin_above(window: UInt8Array, depth: FloatArray, opening: FloatArray, width: float) -> float:
    """Return how many pixels above the upper lid are skin; 0 for too few."""
    middle = opening > 0.6 * float(opening.max())
    under = depth - opening
    skin_below = window[middle & (under > 0.12 * width) & (under < 0.35 * width)]
    if not len(skin_below):
        return 0.0
    reference = np.median(skin_below, axis=0)
    step = max(0.03 * width, 1.0)
    reached, met = _LIMITS.margin_above * width, False
    while reached < _LIMITS.most_skin * width:
        strip = window[middle & (depth < -reached) & (depth >= -reached - step)]
        if not len(strip):
            break
        is_skin = _is_skin(np.median(strip, axis=0), reference)
        # Lashes, paint and shadow may lie right above a lid.
        if not is_skin and (met or reached > _LIMITS.most_shadow * width):
            break
        met = met or is_skin
        reached += step
    return reached if met and reached >= _LIMITS.least_skin * width else 0.0


def _is_skin(colour: FloatArray, reference: FloatArray) -> bool:
    ratio = float(colour.mean() / max(float(reference.mean()), 1.0))
    hue = np.abs(colour / max(float(colour.sum()), 1.0) - reference / max(reference.sum(), 1.0))
    return _SKIN_RATIO < ratio < 1.6 and float(hue.max()) < _SKIN_HUE


def _white(
    from_iris: FloatArray, depth: FloatArray, opening: FloatArray, width: float
) -> FloatArray:
    """(h, w) 1 on the iris, 0 at the lids and corners."""
    across = smooth_step((0.52 - np.abs(from_iris) / width) / 0.30)
    soft = max(0.03 * width, 0.8)
    inside = np.clip(np.minimum(depth, opening - depth) / soft, 0, 1)
    return np.asarray(across * inside, np.float32)


def _moved(pixels: UInt8Array, x: FloatArray, y: FloatArray) -> UInt8Array:
    """(h, w, 3) pixels taken from (x, y) pixels beside, each (h, w)."""
    height, width = pixels.shape[:2]
    columns = x + np.arange(width, dtype=np.float32)
    rows = y + np.arange(height, dtype=np.float32)[:, None]
    taken = cv2.remap(
        pixels,
        np.asarray(columns, np.float32),
        np.asarray(rows, np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(taken, np.uint8)
