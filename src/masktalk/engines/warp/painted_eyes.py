"""Lids of drawn eyes, which are larger than a mesh says: read from their paint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.types import FloatArray, UInt8Array


@dataclass(frozen=True)
class _Limits:
    """Lengths in eye widths as the mesh has them."""

    columns: int = 33
    half_width: float = 0.72
    half_height: float = 0.88
    #: Where the skin under the eye is.
    skin_from: float = 0.66
    #: Levels by which paint differs from skin.
    differs: float = 26.0
    #: Lids nearer to each other than this are closed already.
    least_height: float = 0.22
    #: Runs shorter than this are texture, and a lash line is at least so thick.
    least_run: float = 0.05
    #: Of its height: where a closed eye's line lies, and how thick it is.
    line_at: float = 0.80
    closed_height: float = 0.13
    #: Columns that must show both lids.
    least_share: float = 0.3


_LIMITS: Final = _Limits()


@dataclass(frozen=True, eq=False)
class PaintedLids:
    """Both lids of a drawn eye as heights along its width.

    Attributes:
        along: (N,) pixels along the face's across from the eye's middle as the mesh has it.
        upper: (N,) pixels below that middle of the upper edge of the eye's paint.
        lower: (N,) pixels below that middle of where its lids meet.
        bottom: (N,) pixels below that middle of the lower edge of its paint.
        skin: (3,) colour of the skin around it.
    """

    along: FloatArray
    upper: FloatArray
    lower: FloatArray
    bottom: FloatArray
    skin: FloatArray


def find_painted_lids(
    pixels: UInt8Array, middle: FloatArray, across: FloatArray, width: float
) -> PaintedLids | None:
    """Return the lids of the eye that is painted around a place; None where there is none.

    Args:
        pixels: (H, W, 3) uint8.
        middle: (2,) pixels of the eye's middle as the mesh has it.
        across: (2,) the face's own across, of length 1.
        width: Pixels from corner to corner as the mesh has them.
    """
    limits = _LIMITS
    half = limits.half_height * width
    rows = np.arange(-half, half + 1, dtype=np.float32)
    columns = np.linspace(-1, 1, limits.columns, dtype=np.float32) * limits.half_width * width
    strip = _aligned(pixels, middle, across, columns, rows)
    skin = np.median(strip[rows > limits.skin_from * width].reshape(-1, 3), axis=0)
    paint = np.abs(strip - skin).max(axis=2) > limits.differs
    run = max(round(limits.least_run * width), 2)
    found = [_lids(paint[:, column], _dark(strip, skin)[:, column], run) for column in
             range(limits.columns)]  # fmt: skip
    known = np.array([pair is not None for pair in found])
    if known.mean() < limits.least_share:
        return None
    along = columns[known]
    upper, lower = (rows[[pair[end] for pair in found if pair is not None]] for end in (0, 1))
    tall = lower - upper
    middle_tall = float(np.percentile(tall, 70))
    if middle_tall < limits.least_height * width:
        return None
    upper = _smooth(along, upper, width)
    # Sclera as pale as the skin hides the lower edge: it is a shallow arc through what is sure.
    low = np.minimum(_smooth(along, lower, width), upper + 1.15 * middle_tall)
    # Where the eye is widest its lids meet: nothing tears beside a lid that comes down.
    end = float(np.abs(along).max()) * 1.06
    tall = np.maximum(low - upper, 0)
    low = upper + tall * np.sqrt(1 - (along / end) ** 2)
    bottom = upper + tall * np.sqrt(1 - (along / end) ** 6)
    close_by = rows[:, None] - low
    beside = strip[:, known][~paint[:, known] & (close_by > 0) & (close_by < 0.2 * width)]
    lid = np.median(beside, axis=0) if len(beside) else skin
    edges = (upper, low.astype(np.float32), bottom.astype(np.float32))
    return PaintedLids(along, *edges, lid.astype(np.float32))


@dataclass(frozen=True, eq=False)
class PaintedEye:
    """A drawn eye that closes as limited animation has it: pushed together into a line.

    Attributes:
        depth: (h, w) pixels below its upper edge.
        opening: (h, w) pixels down to where its lids meet; 0 beside the eye.
        height: (h, w) pixels down to the lower edge of its paint; 0 beside the eye.
        down: (2,) the face's own down.
        skin: (3,) colour of its lid.
    """

    depth: FloatArray
    opening: FloatArray
    height: FloatArray
    down: FloatArray
    skin: FloatArray

    def closed(self, shown: UInt8Array, amount: float) -> UInt8Array:
        """Return the eye pushed together, skin where it was.

        Args:
            shown: (h, w, 3) uint8 the window around it.
            amount: 0..1.
        """
        limits = _LIMITS
        share = 1 - (1 - limits.closed_height) * np.float32(amount)
        # Where the line ends up: a little above the lower edge.
        line = limits.line_at * self.opening
        away = self.depth - line
        travel = away / share - away
        rows, columns = np.indices(self.depth.shape, np.float32)
        x, y = columns + travel * self.down[0], rows + travel * self.down[1]
        area = self._area()
        source = np.dstack([shown.astype(np.float32), area, area * self._paint(shown)])
        moved = np.dstack(
            [
                cv2.remap(np.ascontiguousarray(part), x, y, cv2.INTER_LINEAR)
                for part in (source[..., :3], source[..., 3:])
            ]
        )
        mixed = shown + (self.skin - shown.astype(np.float32)) * area[..., None]
        inked = moved[..., 4:] * np.float32(amount**2)
        tone = moved[..., :3] + (self._ink(shown) - moved[..., :3]) * inked
        mixed += (tone - mixed) * moved[..., 3:4]
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _area(self) -> FloatArray:
        """(h, w) 0..1, 1 on the eye."""
        beyond = np.float32(0.07) * float(self.height.max())
        inside = np.minimum(self.depth + beyond, self.height + beyond - self.depth)
        inside = np.where(self.height > 0, inside, 0)
        return np.asarray(np.clip(inside / 1.5, 0, 1), np.float32)

    def _paint(self, shown: UInt8Array) -> FloatArray:
        away = np.abs(shown.astype(np.float32) - self.skin).max(axis=2)
        return np.asarray(np.clip(away / _LIMITS.differs - 0.5, 0, 1), np.float32)

    def _ink(self, shown: UInt8Array) -> FloatArray:
        """(3,) the colour of the eye's own strokes."""
        colours = shown[(self._area() > 0.9) & (self._paint(shown) > 0.9)].astype(np.float32)
        if not len(colours):
            return self.skin
        light = colours.mean(axis=1)
        return np.asarray(colours[light <= np.percentile(light, 15)].mean(axis=0), np.float32)


def _aligned(
    pixels: UInt8Array,
    middle: FloatArray,
    across: FloatArray,
    columns: FloatArray,
    rows: FloatArray,
) -> FloatArray:
    """(R, C, 3) the picture along the face's own axes."""
    x = middle[0] + columns * across[0] - rows[:, None] * across[1]
    y = middle[1] + columns * across[1] + rows[:, None] * across[0]
    taken = cv2.remap(
        np.ascontiguousarray(pixels),
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(taken, np.float32)


def _dark(strip: FloatArray, skin: FloatArray) -> npt.NDArray[np.bool_]:
    """(R, C) True where strokes are: nearer to the darkest paint than to the skin."""
    light = strip.mean(axis=2)
    darkest = float(np.percentile(light, 3))
    return np.asarray(light < darkest + 0.4 * (float(skin.mean()) - darkest))


def _lids(
    paint: npt.NDArray[np.bool_], dark: npt.NDArray[np.bool_], run: int
) -> tuple[int, int] | None:
    """Return the rows of the upper and of the lower edge of the eye's paint in a column."""
    centre = len(paint) // 2
    near = slice(max(centre - 3 * run, 0), centre + 3 * run)
    painted = np.flatnonzero(paint[near])
    if not len(painted):
        return None
    begin = near.start + int(painted[np.abs(painted + near.start - centre).argmin()])
    upper = _end(paint[begin::-1], dark[begin::-1], run)
    lower = _end(paint[begin:], None, run)
    if upper is None or lower is None:
        return None
    return begin - upper, begin + lower


def _end(paint: npt.NDArray[np.bool_], dark: npt.NDArray[np.bool_] | None, run: int) -> int | None:
    """Return how far the paint goes: to skin, or to the end of the last stroke before it ends.

    Hair that lies on the eye is paint too; there the eye ends with its own upper stroke.
    """
    bare = _first_run(~paint, run)
    if bare is not None or dark is None:
        return bare
    strokes = dark.copy()
    ends = [
        index
        for index in range(run, len(strokes))
        if strokes[index - run : index].all() and not strokes[index]
    ]
    return ends[-1] if ends else None


def _first_run(flags: npt.NDArray[np.bool_], run: int) -> int | None:
    count = 0
    for index, flag in enumerate(flags):
        count = count + 1 if flag else 0
        if count >= run:
            return index - run + 1
    return None


def _smooth(along: FloatArray, level: FloatArray, width: float) -> FloatArray:
    """(N,) a parabola through levels (N,), those far off it left out."""
    place, keep = along / width, np.ones(len(level), bool)
    fitted = level
    for _ in range(3):
        fitted = np.polyval(np.polyfit(place[keep], level[keep], 2), place)
        away = np.abs(level - fitted)
        keep = away <= max(2.0 * float(np.median(away)), 1.0)
    return np.asarray(fitted, np.float32)
