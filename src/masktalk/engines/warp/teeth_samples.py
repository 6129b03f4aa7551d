"""The avatar's own teeth, taken from where its mouth is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from masktalk.engines.warp.face_axes import Pose, fit_pose
from masktalk.engines.warp.interior import UPPER_EDGE, InteriorLayers, upper_row
from masktalk.engines.warp.lips import Lips, read_lips
from masktalk.landmarks import LOWER_LIP_RINGS, MOUTH_CORNERS, UPPER_LIP_RINGS
from masktalk.types import FloatArray, UInt8Array

#: An opening less high than this, in eye distances, shows nothing worth taking.
LEAST_GAP = 0.035
_EDGE = 0.014  # what is left out along the lips, in eye distances
#: Where upper teeth end below the closed lip line, in mouth units, and how softly.
_SPLIT, _SPLIT_SOFT = 0.075, 0.03
# What a frame shows brings its shadow along, teeth more than what lies behind them.
_OWN_SHADE, _DEPTH_SHADE = 0.4, 0.85
# Below upper teeth it is darker than they are by so much; no tooth shows shorter than that.
_DARKER, _SHORTEST = 0.86, 0.03
_LIKE_LIPS, _MOST_FLESH, _PALE = 34.0, 0.5, 0.35
# Ways a head looks, in sines: how far apart donors are, and how near one must be to count.
_CELL, _NEAR, _LEAST_SHARE = 0.12, 0.05, 0.02
_MOST_CELLS, _OF_A_CELL, _MOST_DONORS = 6, 4, 4
_GOOD = 0.5  # of the best donor's score
_OUTLINE = (
    MOUTH_CORNERS[2],
    *UPPER_LIP_RINGS[-1],
    MOUTH_CORNERS[3],
    *reversed(LOWER_LIP_RINGS[-1]),
)


@dataclass(frozen=True, eq=False)
class TeethSamples:
    """The insides of one mouth, each as a frame of another head pose shows it.

    Attributes:
        facing: (K, 2) where the head looked, as ``facing`` says it.
        upper: (K, h, w, 4) their ``InteriorLayers.upper``.
        lower: (K, h, w, 4) their ``InteriorLayers.lower``.
        cavity: (K, 3) their ``InteriorLayers.cavity``.
    """

    facing: FloatArray
    upper: FloatArray
    lower: FloatArray
    cavity: FloatArray

    @classmethod
    def of(cls, plates: Sequence[InteriorLayers], facings: Sequence[FloatArray]) -> TeethSamples:
        """Make donors of interior layers that differ in teeth alone, with each (2,) facing."""
        return cls(
            np.array(facings, np.float32).reshape(len(plates), 2),
            np.stack([one.upper for one in plates]),
            np.stack([one.lower for one in plates]),
            np.stack([one.cavity for one in plates]),
        )

    def seen_from(self, plates: InteriorLayers, pose: Pose) -> InteriorLayers:
        """Plates with the inside that a head in this pose shows.

        The nearest donor's; between two, both mixed, so that nothing jumps while a head
        turns and nothing but the frame's own pose decides.
        """
        away = ((self.facing - facing(pose)) ** 2).sum(axis=1)
        weights = np.exp((away.min() - away) / (2 * _NEAR**2))
        weights = np.where(weights > _LEAST_SHARE, weights, 0).astype(np.float32)
        weights /= weights.sum()
        if weights.max() == 1:
            best = int(weights.argmax())
            return replace(
                plates, upper=self.upper[best], lower=self.lower[best], cavity=self.cavity[best]
            )
        return replace(
            plates,
            upper=np.tensordot(weights, self.upper, axes=1),
            lower=np.tensordot(weights, self.lower, axes=1),
            cavity=np.tensordot(weights, self.cavity, axes=1),
        )


def facing(pose: Pose) -> FloatArray:
    """(2,) where a head looks: sines of its turn aside and of its nod."""
    along = pose.axes[:, 2] / max(pose.unit, 1e-6)
    x, y = pose.down
    return np.array([along @ [y, -x], along @ [x, y]], np.float32)


def candidates(poses: Mapping[int, Pose]) -> list[int]:
    """Frames worth looking at for teeth: the widest open of each way the head looks."""
    gaps = {index: read_lips(pose.frontal).gap for index, pose in poses.items()}
    cells: dict[tuple[int, ...], list[int]] = {}
    for index in sorted(gaps, key=lambda index: (-gaps[index], index)):
        if gaps[index] >= LEAST_GAP:
            cell = tuple(int(part) for part in np.floor(facing(poses[index]) / _CELL))
            cells.setdefault(cell, []).append(index)
    fullest = sorted(cells.values(), key=lambda cell: (-len(cell), cell[0]))[:_MOST_CELLS]
    return sorted(index for cell in fullest for index in cell[:_OF_A_CELL])


def chosen(scores: Mapping[int, float], poses: Mapping[int, Pose]) -> list[int]:
    """Return the frames to take teeth from, best first: good ones that look different ways."""
    ranked = sorted(scores, key=lambda index: (-scores[index], index))
    ranked = [index for index in ranked if scores[index] > _GOOD * max(scores[ranked[0]], 1e-9)]
    taken: list[int] = []
    for index in ranked:
        ways = [facing(poses[other]) - facing(poses[index]) for other in taken]
        if all(float(np.hypot(*way)) > _CELL for way in ways) and len(taken) < _MOST_DONORS:
            taken.append(index)
    return taken


def teeth_score(pixels: UInt8Array, mesh: FloatArray, lips: FloatArray) -> float:
    """Score a frame as a source of teeth; 0 for useless.

    Many teeth, an opening around them, seen from the front, score high; what has the lips'
    own colour was taken for an opening by mistake.

    Args:
        pixels: (H, W, 3|4) the frame.
        mesh: (478, 3) its face.
        lips: (3,) the lips' colour.
    """
    pose = fit_pose(mesh)
    gap = read_lips(pose.frontal).gap
    if gap < LEAST_GAP:
        return 0.0
    inside = _opening(pixels.shape[:2], mesh, _EDGE * pose.unit) > 0.5
    if not inside.any():
        return 0.0
    colours = pixels[..., :3][inside].astype(np.float32)
    flesh = float((np.abs(colours - lips).max(axis=1) < _LIKE_LIPS).mean())
    if flesh > _MOST_FLESH:
        return 0.0
    tone = colours.mean(axis=1)
    pale = (tone > lips.mean()) & (np.ptp(colours, axis=1) < _PALE * tone)
    teeth = float((tone * pale).sum() / 255) / pose.unit**2
    turned = float(np.hypot(*pose.axes[:, 2])) / pose.unit
    return (teeth + 0.05 * min(gap, 0.2)) * max(1.0 - turned, 0.1) * (1 - flesh)


def with_own_teeth(
    plates: InteriorLayers, pixels: UInt8Array, mesh: FloatArray, rest: Lips, size: float
) -> InteriorLayers:
    """Plates with a frame's own teeth and tongue laid over the painted ones.

    What shows down to a little below the upper teeth keeps its place on the skull, what
    lies deeper rides the jaw.

    Args:
        plates: Painted for the avatar.
        pixels: (H, W, 3|4) the frame.
        mesh: (478, 3) its face.
        rest: The avatar's lips, closed.
        size: Mouth units per eye distance (``Rig.mouth_size``).
    """
    pose = fit_pose(mesh)
    now = read_lips(pose.frontal)
    if now.gap < LEAST_GAP:
        return plates
    seen = _opening(pixels.shape[:2], mesh, _EDGE * pose.unit)
    rgba = np.dstack([pixels[..., :3].astype(np.float32) * seen[..., None], seen])
    drop = np.array([0, now.jaw - rest.jaw, 0], np.float32)
    upper = _on_plate(plates, rgba, pose, rest.line, size)
    lower = _on_plate(plates, rgba, pose, rest.line + drop, size)
    down = (np.arange(upper.shape[0]) - upper.shape[0] // 2) / plates.scale
    row = upper_row(plates, _cutting_edge(upper, down))[..., None]
    below = down + drop[1] / size
    keep_lower = np.clip((below - _SPLIT) / _SPLIT_SOFT + 0.5, 0, 1).astype(np.float32)
    return replace(
        plates,
        upper=_over(upper, plates.upper) * row,
        lower=_over(lower * keep_lower[:, None, None], plates.lower),
        cavity=_depth(upper, plates.cavity),
        shade=_DEPTH_SHADE * plates.shade,
        upper_shade=_OWN_SHADE * plates.shade,
    )


def _cutting_edge(seen: FloatArray, down: FloatArray) -> float:
    """Find the row at which the upper teeth end in an (h, w, 4) premultiplied mouth.

    To where it gets dark below them, be it the depth or the line where rows of teeth meet,
    or else to where the lower lip hides them.
    """
    middle, reach = seen.shape[1] // 2, max(seen.shape[1] // 12, 1)
    colours, shares = np.split(seen[:, middle - reach : middle + reach].mean(axis=1), [3], axis=1)
    shown = (shares[:, 0] > 0.5) & (down < _SPLIT)
    if not shown.any():
        return UPPER_EDGE
    tone, places = (colours.mean(axis=1) / shares[:, 0].clip(1e-3))[shown], down[shown]
    dark = (tone < _DARKER * np.maximum.accumulate(tone)) & (places > places[0] + _SHORTEST)
    first = int(dark.argmax()) if dark.any() else len(places) - 1
    return float(np.clip(places[first], 0.6 * UPPER_EDGE, _SPLIT))


def _opening(shape: tuple[int, ...], mesh: FloatArray, inset: float) -> FloatArray:
    """(H, W) 0..1 where the frame shows the inside of the mouth."""
    mask: UInt8Array = np.zeros(shape[:2], np.uint8)
    ring = mesh[list(_OUTLINE), :2]
    cv2.fillPoly(mask, [np.round(ring * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    if inset > 0:
        away = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
        return np.clip(away / inset - 0.8, 0, 1).astype(np.float32)
    return (mask / 255).astype(np.float32)


def _on_plate(
    plates: InteriorLayers, rgba: FloatArray, pose: Pose, origin: FloatArray, size: float
) -> FloatArray:
    """Return the frame, premultiplied, as seen on a plate that stands at ``origin``."""
    height, width = plates.upper.shape[:2]
    matrix = np.empty((2, 3))
    matrix[:, :2] = pose.axes[:, :2] * size / plates.scale
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = pose.project(origin[None])[0] - matrix[:, :2] @ centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgba, matrix, (width, height), flags=flags), np.float32)


def _depth(seen: FloatArray, painted: FloatArray) -> FloatArray:
    """Return the colour of the darkest of what shows, if it is dark enough to be depth."""
    colours = seen[seen[..., 3] > 0.95][:, :3]
    if len(colours) < 30:
        return painted
    tone = colours.mean(axis=1)
    dark = colours[tone <= np.percentile(tone, 8)].mean(axis=0)
    light = colours[tone >= np.percentile(tone, 85)].mean()
    share = np.clip((0.55 - dark.mean() / max(light, 1.0)) / 0.25, 0, 0.7)
    return np.asarray(painted + share * (0.8 * dark - painted), np.float32)


def _over(top: FloatArray, below: FloatArray) -> FloatArray:
    return np.asarray(top + below * (1 - top[..., 3:]), np.float32)
