"""The avatar's own mouth at rest, and how its face follows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masktalk.engines.warp.face_axes import Pose
from masktalk.engines.warp.field import DENSITY, PlaneGrid, interpolation, smooth_step
from masktalk.engines.warp.folding import BoolArray, lip_sides
from masktalk.engines.warp.lips import Lips
from masktalk.engines.warp.shape import Motion, Profile
from masktalk.landmarks import (
    JAWLINE,
    LIP_COLUMNS,
    LOWER_LIP,
    LOWER_LIP_RINGS,
    MOUTH_CORNERS,
    NOSE_BASE,
    SKIN,
    SKIN_JAW_FOLLOW,
    UPPER_LIP,
    UPPER_LIP_RINGS,
)
from masktalk.types import FloatArray

#: Mouth width of an average face in eye distances; narrower mouths move less.
AVERAGE_WIDTH = 0.5
# How far skin beside a corner and beside a lip follows it, in eye distances, and how much.
_CORNER_REACH, _LIP_REACH = 0.20, 0.16
_CORNER_SHARE, _LIP_SHARE, _BORDER_SHARE = 0.85, 0.75, 0.85
_SIDE_REACH, _NECK_REACH = 0.24, 0.45
_MARGIN = 0.16
# What lies further aside of the mouth's middle stays, and what lies nearer moves in full: so
# far, or so far from a corner, in eye distances.
_ASIDE, _ASIDE_OF_CORNER, _ASIDE_MARGIN = 0.37, 0.10, 0.27
_MIDDLE = LIP_COLUMNS // 2
_LIP_ON_JAW = 1.4  # the lower lip's way when a jaw drops, against the chin's
# How much of an opening the chin's way is, and how far off it a tracked chin is believed: by
# so many eye distances, and so much of the opening more.
_CHIN_SHARE, _ASTRAY, _MORE_ASTRAY = 0.6, 0.02, 0.2


@dataclass(frozen=True, eq=False)
class Rig:
    """Per-avatar data that is constant over its frames.

    Attributes:
        rest: Its lips, closed.
        base: (478, 2) its mesh on the face's plane, where the fields' points are.
        profiles: How movement spreads along its upper and its lower lip.
        amplitude: Its movements against an average face's.
        follow: (K, 4 + LIP_COLUMNS) how far each skin point follows the jaw, the left corner,
            the right corner, the upper lip, and the lower lip's border where it goes its own
            way.
        grid: Where the fields are known.
        outline: (P, 2) on the plane, what may move.
        window: (rows, columns) 1 where the fields hold, 0 from the outline outwards.
        above: (S, rows * columns) from displacements of shared points and upper lip to the
            field above the lip line.
        below: The same of shared points and lower lip below it.
        led: Both from displacements of what leads instead of all shared points: a third of
            the numbers, and so much less to read for every frame.
        joined: (rows * columns,) 0 within the mouth, 1/2 beside it where both are one.
        sides: (rows, columns) each, nodes above and below the lip line.
    """

    rest: Lips
    base: FloatArray
    profiles: tuple[Profile, Profile]
    amplitude: float
    follow: FloatArray
    grid: PlaneGrid
    outline: FloatArray
    window: FloatArray
    above: FloatArray
    below: FloatArray
    led: tuple[FloatArray, FloatArray]
    joined: FloatArray
    sides: tuple[BoolArray, BoolArray]

    @classmethod
    def build(cls, rest: Lips, frontal: FloatArray, base: FloatArray) -> Rig:
        """Return the rig of an avatar.

        Args:
            rest: Its lips, closed, in face axes.
            frontal: (478, 3) its mesh in face axes.
            base: (478, 2) its mesh on the face's plane as pictures show it.
        """
        outline = _outline(base)
        grid = PlaneGrid.around(outline)
        places = grid.nodes()
        shared = shared_sites(base)
        upper, lower = base[list(UPPER_LIP)], base[list(LOWER_LIP)]
        above, below = (
            np.ascontiguousarray(interpolation(places, np.vstack([shared, lip])).T)
            for lip in (upper, lower)
        )
        follow = _follow(frontal[list(SKIN)], rest)
        return cls(
            rest=rest,
            base=base,
            profiles=(
                Profile.along(rest.upper, rest.corners, rest.thickness[0]),
                Profile.along(rest.lower, rest.corners, rest.thickness[1]),
            ),
            amplitude=cls.amplitude_of(rest),
            follow=follow,
            grid=grid,
            outline=outline,
            window=grid.window(outline, _MARGIN) * _beside_mouth(grid, base),
            above=above,
            below=below,
            led=(_led(above, follow), _led(below, follow)),
            joined=_joined(grid, base),
            sides=_sides(grid, base),
        )

    @property
    def mouth_size(self) -> float:
        """Size of what is inside its mouth against an average mouth's."""
        return self.size_of(self.rest)

    @staticmethod
    def amplitude_of(rest: Lips) -> float:
        """Size of a mouth's movements against an average mouth's."""
        return float(np.clip(rest.width / AVERAGE_WIDTH, 0.3, 1.0) ** 0.7)

    @staticmethod
    def size_of(rest: Lips) -> float:
        """Size of what is inside a mouth against an average mouth's."""
        return float(np.clip(rest.width / 0.52, 0.35, 1.15))

    def deltas(self, now: Lips, motion: Motion) -> Deltas:
        """Displacements that take the lips as they are now to where motion wants them."""
        size = self.amplitude
        upper = self.rest.upper + size * motion.upper - now.upper
        lower = self.rest.lower + size * motion.lower - now.lower
        corners = self.rest.corners + size * motion.corners[[0, 1, 0, 1]] - now.corners
        drop = size * motion.jaw + np.array([0, self._chin_back(now), 0], np.float32)
        border = self._own_way(lower[0], corners, drop)
        leads = np.vstack([drop, corners[:2], upper[:1, _MIDDLE], border])
        return Deltas(upper, lower, corners, leads.astype(np.float32))

    def _own_way(self, border: FloatArray, corners: FloatArray, drop: FloatArray) -> FloatArray:
        """(LIP_COLUMNS, 3) what the lower lip's border does besides riding corners and jaw.

        What lies under it rides them already.
        """
        arch, sides = self.profiles[1].arch[0][:, None], self.profiles[1].sides[:, 0]
        ridden = (1 - arch) * (sides.T @ corners[:2]) + arch * (_LIP_ON_JAW * drop)
        return np.asarray(border - ridden, np.float32)

    def _chin_back(self, now: Lips) -> float:
        """Return the chin's displacement to its rest position.

        A mesh knows a nodding head's chin worse than its lips, and the skin between is torn
        where the two do not go together: so the lips say where about it goes.
        """
        above, below = (
            float(rest[-1, _MIDDLE, 1] - lip[-1, _MIDDLE, 1])
            for rest, lip in ((self.rest.upper, now.upper), (self.rest.lower, now.lower))
        )
        meant = above + _CHIN_SHARE * (below - above)
        astray = _ASTRAY + _MORE_ASTRAY * abs(below - above)
        return float(np.clip(self.rest.jaw - now.jaw, meant - astray, meant + astray))

    def fields(self, upper: FloatArray, lower: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(rows, columns, 2) fields above and below the lip line, one beside the mouth.

        Args:
            upper: (S, 2) displacements of shared points and upper lip, counted in nodes.
            lower: (S, 2) the same with the lower lip.
        """
        return self._beside_one((self.above, upper), (self.below, lower))

    def led_fields(self, upper: FloatArray, lower: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Interpolate the (N, 2) results of ``Deltas.on_plane`` as fields on the nodes."""
        return self._beside_one((self.led[0], upper), (self.led[1], lower))

    def _beside_one(self, *sides: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
        # A product so flat is twice as fast as BLAS makes it, and keeps to its own thread.
        above, below = (np.einsum("sc,sn->cn", shifts, matrix) for matrix, shifts in sides)
        apart = (below - above) * self.joined
        return self._field(above + apart), self._field(below - apart)

    def _field(self, parts: FloatArray) -> FloatArray:
        return np.ascontiguousarray(parts.T).reshape(self.grid.rows, self.grid.columns, 2)


@dataclass(frozen=True, eq=False)
class Deltas:
    """Displacements in face axes of the lips and of what the skin follows.

    Attributes:
        upper: (LIP_RINGS, LIP_COLUMNS, 3) upper lip.
        lower: (LIP_RINGS, LIP_COLUMNS, 3) lower lip.
        corners: (4, 3) corners.
        leads: (4 + LIP_COLUMNS, 3) what the skin follows, as in ``Rig.follow``.
    """

    upper: FloatArray
    lower: FloatArray
    corners: FloatArray
    leads: FloatArray

    def on_plane(self, pose: Pose) -> tuple[FloatArray, FloatArray]:
        """(L, 2) each: leads and corners with the upper lip, and with the lower lip."""
        upper, lower = self.upper.reshape(-1, 3), self.lower.reshape(-1, 3)
        flat = pose.flatten(np.vstack([self.leads, self.corners, upper, lower]))
        both = len(self.leads) + len(self.corners)
        first = both + len(upper)
        return flat[:first], np.vstack([flat[:both], flat[first:]])


def shared_sites(base: FloatArray) -> FloatArray:
    """(S, 2) skin, corners and the still points around the face of a mesh on the plane."""
    return np.vstack([base[list(SKIN)], base[list(MOUTH_CORNERS)], _outline(base)])


def lip_sites(base: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sites of a (478, 2) mesh on the plane: with upper lip, and with lower lip."""
    shared = shared_sites(base)
    return (
        np.vstack([shared, base[list(UPPER_LIP)]]),
        np.vstack([shared, base[list(LOWER_LIP)]]),
    )


def _outline(base: FloatArray) -> FloatArray:
    """Return the jawline pushed outwards: a little beside the face, further under the chin."""
    jaw = base[list(JAWLINE)]
    outward = jaw - base[NOSE_BASE]
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    under = np.clip(outward[:, 1:], 0, 1) ** 2
    return np.asarray(jaw + outward * (_SIDE_REACH + (_NECK_REACH - _SIDE_REACH) * under))


def _beside_mouth(grid: PlaneGrid, base: FloatArray) -> FloatArray:
    """(rows, columns) 1 over and under the mouth, 0 well aside of it.

    Speech moves lips, chin and the lower cheek; ears, hair and the wall behind stay.
    """
    left, right = base[MOUTH_CORNERS[0]], base[MOUTH_CORNERS[1]]
    aside = np.abs(grid.nodes()[:, 0] - (left[0] + right[0]) / 2)
    reach = max(_ASIDE, float(right[0] - left[0]) / 2 + _ASIDE_OF_CORNER)
    return 1 - smooth_step((aside - reach) / _ASIDE_MARGIN).reshape(grid.rows, grid.columns)


def _sides(grid: PlaneGrid, base: FloatArray) -> tuple[BoolArray, BoolArray]:
    left, right = base[MOUTH_CORNERS[2]], base[MOUTH_CORNERS[3]]
    above, below = (
        np.vstack([left, base[list(rings[-1])], right])
        for rings in (UPPER_LIP_RINGS, LOWER_LIP_RINGS)
    )
    nodes = grid.nodes().reshape(grid.rows, grid.columns, 2)
    return lip_sides(nodes, above, below, 1 / DENSITY)


def _joined(grid: PlaneGrid, base: FloatArray) -> FloatArray:
    left, right = base[MOUTH_CORNERS[2]], base[MOUTH_CORNERS[3]]
    half = (right - left) / 2
    across = (grid.nodes() - (left + right) / 2) @ half / max(float(half @ half), 1e-6)
    ramp = smooth_step((np.abs(across) - 0.85) / 0.22) * 0.5
    return np.asarray(ramp, np.float32)


def _follow(skin: FloatArray, rest: Lips) -> FloatArray:
    corners, upper = (
        share * _nearness(skin, leads, reach)
        for leads, share, reach in (
            (rest.corners[:2], _CORNER_SHARE, _CORNER_REACH),
            (rest.upper[0, [_MIDDLE]], _LIP_SHARE, _LIP_REACH),
        )
    )
    border = _nearness(skin, rest.lower[0], _LIP_REACH)
    most = border.max(axis=1, keepdims=True)
    border *= _BORDER_SHARE * most / np.maximum(border.sum(axis=1, keepdims=True), 1e-6)
    # What rides the jaw follows the corners less.
    corners *= (1 - 0.5 * SKIN_JAW_FOLLOW)[:, None]
    return np.asarray(np.hstack([SKIN_JAW_FOLLOW[:, None], corners, upper, border]), np.float32)


def _led(field: FloatArray, follow: FloatArray) -> FloatArray:
    """Reduce a field's matrix to what leads the skin, without what is still."""
    skin, lips = len(follow), len(follow) + len(MOUTH_CORNERS) + len(JAWLINE)
    corners = field[skin : skin + len(MOUTH_CORNERS)]
    return np.vstack([follow.T @ field[:skin], corners, field[lips:]])


def _nearness(places: FloatArray, leads: FloatArray, reach: float) -> FloatArray:
    """(K, L) 1 where places (K, 2|3) are leads (L, 3), less the further off they are."""
    away = places[:, None, :2] - leads[None, :, :2]
    return np.asarray(np.exp(-(away**2).sum(axis=2) / reach**2), np.float32)
