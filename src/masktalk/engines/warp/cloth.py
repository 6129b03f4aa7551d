"""Cloth over a mouth: it does not open, it moves with what is under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from masktalk.engines.warp.cloth_tracker import ClothTracker
from masktalk.engines.warp.fabric import Fabric, apply_shading
from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.field import DENSITY, invert_displacement, sample, smooth_step
from masktalk.engines.warp.head import Lean
from masktalk.engines.warp.lips import trimmed
from masktalk.engines.warp.mouth import warp_pixels
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.scene import Scene, displacement, leaned
from masktalk.engines.warp.shape import CHIN_DROP, Channels
from masktalk.landmarks import CHIN, FACE_OVAL, JAWLINE, MOUTH_CORNERS, NOSE_BASE
from masktalk.types import FloatArray, Frame, Patch

if TYPE_CHECKING:
    from masktalk.avatar import Avatar

_WIDER = 0.07  # eye distances that hoods stand off the face's sides
_BESIDE = 0.20  # over which movement ends beside them
_CHEEK = 0.25  # over which what lips do ends before the face's outline
_UNDER = 0.43  # over which the jaw's movement ends under the chin, within the rig's outline
_SHADE = 0.3
_SHADE_LIMIT = 0.14
_SQUEEZE = 0.15  # how much darker cloth is that the jaw pushes together
#: What drop, rounding and spreading come near to but not past: beyond, cloth would be folded
#: over under the chin and pinched to a point before the lips.
_FURTHEST = np.array([0.25, 0.55, 0.55], np.float32)
_STEPS = 12  # of the fixed point: cloth moves almost as steeply as it may
_STEEP = 0.6  # light on cloth comes at least so much from above


@dataclass(frozen=True, eq=False)
class ClothDeformation:
    """Displacement of an avatar's cloth per unit of movement under it.

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
    def over(cls, rig: Rig) -> ClothDeformation:
        """Lay cloth over the face of a rig."""
        middle = rig.base[list(MOUTH_CORNERS[:2])].mean(axis=0)
        shape = (rig.grid.rows, rig.grid.columns)
        x, y = (column.reshape(shape) for column in (rig.grid.nodes() - middle).T)
        top, chin = (float(rig.base[index, 1] - middle[1]) for index in (NOSE_BASE, CHIN))
        jaw = smooth_step((y - 0.3 * top) / (chin - 0.3 * top))
        jaw = jaw * smooth_step((chin + _UNDER - y) / _UNDER) * np.exp(-((np.abs(x) / 0.64) ** 2.5))
        # A cheek that is turned away ends near the mouth; lips do not dent it.
        cheeks = rig.grid.window(rig.base[list(FACE_OVAL)], _CHEEK)
        mound = cheeks * np.exp(-((x / 0.33) ** 2) - ((y / 0.23) ** 2))
        moves = [(0 * x, jaw), (-1.3 * x * mound, -0.25 * y * mound), (1.3 * x * mound, 0 * y)]
        shifts = np.stack([np.stack(move, axis=-1) for move in moves])
        shifts *= (rig.window * _within(rig))[..., None] * DENSITY
        heights = _relief(x, y, top, chin) * rig.window
        return cls(shifts.astype(np.float32), heights.astype(np.float32))

    def shades(self, light: FloatArray) -> FloatArray:
        """(3, rows, columns) how much lighter the cloth gets with each, as a part of its light.

        What turns towards the light is lighter; what the jaw pushes together is darker.

        Args:
            light: (2,) towards the light along the picture's x and y.
        """
        slope_y, slope_x = np.gradient(self.heights * DENSITY, axis=(1, 2))
        shades = -(slope_x * light[0] + slope_y * light[1])
        across, down = self.shifts[0, ..., 0], self.shifts[0, ..., 1]
        shades[0] += _SQUEEZE * (np.gradient(across, axis=1) + np.gradient(down, axis=0))
        return np.asarray(_SHADE * shades, np.float32)


def _within(rig: Rig) -> FloatArray:
    """(rows, columns) 1 between the face's sides, softly 0 beside them.

    Below the jaw's angle the sides go straight down, so that what the chin moves over
    makes room for it.
    """
    grid, half = rig.grid, len(JAWLINE) // 2
    places = grid.nodes().reshape(grid.rows, grid.columns, 2)
    middle, chin = rig.base[NOSE_BASE, 0], rig.base[CHIN, 1]
    total = np.ones((grid.rows, grid.columns), np.float32)
    for side in (JAWLINE[: half + 1], JAWLINE[::-1][: half + 1]):
        x, y = rig.base[list(side)].T
        edge = np.interp(np.minimum(places[:, 0, 1], chin - 0.2), np.maximum.accumulate(y), x)
        across = np.sign(x[0] - middle)
        beyond = across * (places[..., 0] - edge[:, None])
        total *= smooth_step(1 + (_WIDER - beyond) / _BESIDE)
    return total


def _relief(x: FloatArray, y: FloatArray, top: float, chin: float) -> FloatArray:
    """(3, rows, columns) how the cloth rises and folds with jaw, rounding and spreading.

    Pulled down it hollows over the mouth, rises over the chin and folds from the nose to
    the jaw's sides.
    """
    mouth = np.exp(-((x / 0.33) ** 2) - (((y - 0.02) / 0.21) ** 2))
    chin_rise = np.exp(-((x / 0.36) ** 2) - (((y - chin) / 0.20) ** 2))
    down = np.clip((y - top) / (chin - top), 0, 1)
    side = np.abs(x)
    folds = sum(
        np.exp(-(((side - start - slope * down) / 0.034) ** 2))
        for start, slope in ((0.14, 0.16), (0.23, 0.24), (0.34, 0.26))
    ) * np.sin(np.pi * down)
    # The jaw's own movement is seen; more shade than this would be taken for another one.
    jaw = 0.15 * chin_rise - 0.09 * mouth + 0.03 * folds
    return np.stack([jaw, _pout(x, y), _smile(x, y)])


def _pout(x: FloatArray, y: FloatArray) -> FloatArray:
    """(rows, columns) a bump over the lips, and gathers that run towards it."""
    bump = np.exp(-((x / 0.25) ** 2) - ((y / 0.18) ** 2))
    away, round_it = np.hypot(x / 1.25, y), np.arctan2(y, x / 1.25)
    ring = np.exp(-(((away - 0.25) / 0.10) ** 2))
    gathers = np.cos(7 * round_it + 0.5) + 0.6 * np.cos(12 * round_it + 2)
    return np.asarray(0.05 * bump + 0.022 * ring * gathers, np.float32)


def _smile(x: FloatArray, y: FloatArray) -> FloatArray:
    """(rows, columns) flat over the lips, taut folds from corner to corner, and creases there."""
    bent = y + 0.35 * x**2
    flat = np.exp(-((x / 0.33) ** 2) - ((y / 0.21) ** 2))
    taut = np.exp(-((x / 0.36) ** 2) - ((bent / 0.15) ** 2)) * np.cos(2 * np.pi * bent / 0.13)
    creases = np.exp(-(((np.abs(x) - 0.36 + 0.8 * y**2) / 0.045) ** 2) - ((y / 0.17) ** 2))
    return np.asarray(0.024 * taut + 0.15 * creases - 0.08 * flat, np.float32)


class Cloth:
    """One avatar's cloth.

    Args:
        fabric: Where it lies and what folds it needs.
        seat: Where it sits on the head in every frame.
        drape: How it moves.
        strength: 1 moves it as far as the skin under it moves.
        light: (2,) towards the light along the picture's x and y.
    """

    def __init__(
        self,
        fabric: Fabric,
        seat: ClothTracker,
        drape: ClothDeformation,
        *,
        strength: float,
        light: FloatArray,
    ) -> None:
        self._fabric, self._seat, self._drape = fabric, seat, drape
        self._strength, self._shades = strength, drape.shades(_from_above(light))
        self._laid: tuple[Frame, Frame] | None = None

    @classmethod
    def of(
        cls, avatar: Avatar, rig: Rig, *, strength: float, folds: float, light: FloatArray
    ) -> Cloth:
        """Make the cloth of the first frame with a face; ``light`` is (3,) RGB."""
        index, face = next((i, face) for i, face in enumerate(avatar.faces) if face is not None)
        pose = fit_pose(trimmed(face.mesh))
        fabric = Fabric.read(avatar.frame(index), pose, rig, folds * min(strength, 1.0))
        seat = ClothTracker(avatar.faces, float(avatar.rate), index)
        return cls(fabric, seat, ClothDeformation.over(rig), strength=strength, light=light)

    def patch(
        self, index: int, frame: Frame, scene: Scene, channels: Channels, lean: Lean | None = None
    ) -> Patch:
        """Return the patch that moves the cloth over one frame's mouth.

        Args:
            index: Of the frame in the avatar.
            frame: Whose cloth it is.
            scene: Where its face is.
            channels: What the mouth under it does.
            lean: How the head moves, if it does.
        """
        amounts = cloth_amounts(channels, self._strength)
        forward = np.tensordot(amounts, self._drape.shifts, axes=1).astype(np.float32)
        at = leaned(scene, lean)
        source = invert_displacement(forward, at, _STEPS)
        laid = self._laid_over(index, frame)
        patch = warp_pixels(laid, scene.grid, displacement(scene, at, source - at))
        # Shade stays on the cloth that it is on: it goes where the cloth goes.
        tone = sample(self._tone(amounts), source)
        lit = _lit(tone, scene.grid.step)
        apply_shading(patch.pixels[lit], scene.grid.spread(tone)[lit])
        return patch

    def _tone(self, amounts: FloatArray) -> FloatArray:
        """(rows, columns) light that the cloth takes on, as a part of its brightness."""
        jaw = np.clip(amounts[0] * self._shades[0], -_SHADE_LIMIT, _SHADE_LIMIT)
        lips = np.tensordot(amounts[1:], self._shades[1:], axes=1) / _SHADE_LIMIT
        tone = jaw + self._fabric.depth * _SHADE_LIMIT * np.tanh(lips)
        return np.asarray(tone * self._fabric.cover, np.float32)

    def _laid_over(self, index: int, frame: Frame) -> Frame:
        if self._laid is None or self._laid[0] is not frame:
            self._laid = (frame, self._fabric.laid(frame, self._seat.at(index)))
        return self._laid[1]


def cloth_amounts(channels: Channels, strength: float) -> FloatArray:
    """(3,) drop of the jaw, rounding and spreading of the lips, in eye distances or shares."""
    c = channels
    spread = 0.5 * float(c.stretch.mean()) + 0.5 * float(c.smile.mean())
    amounts = [CHIN_DROP * c.jaw, 0.45 * c.pucker + 0.33 * c.funnel, 0.45 * spread]
    asked = strength * np.array(amounts, np.float32)
    return np.asarray(_FURTHEST * np.tanh(asked / _FURTHEST), np.float32)


def _lit(tone: FloatArray, step: int) -> tuple[slice, slice]:
    """Return the pixels that a tone on nodes ``step`` pixels apart changes."""
    seen = np.abs(tone) >= 1 / 256
    ends = [np.flatnonzero(seen.any(axis=axis))[[0, -1]] for axis in (1, 0)] if seen.any() else []
    if not ends:
        return np.s_[:0, :0]
    rows, columns = (slice(max(int(a) - 1, 0) * step, (int(b) + 2) * step) for a, b in ends)
    return rows, columns


def _from_above(light: FloatArray) -> FloatArray:
    """(2,) of length 1; the cloth's own colours may have misled about where it comes from."""
    lifted = np.array([light[0], min(float(light[1]), -_STEEP)], np.float32)
    return np.asarray(lifted / np.linalg.norm(lifted), np.float32)
