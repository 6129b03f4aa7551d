"""The avatar's own teeth, taken from where its mouth is open."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from masktalk.engines.warp.interior import UPPER_EDGE, Plates, upper_row
from masktalk.engines.warp.lips import Lips, read_lips
from masktalk.engines.warp.pose import Pose, fit_pose
from masktalk.engines.warp.topology import CORNERS, LOWER_RINGS, UPPER_RINGS
from masktalk.types import FloatArray, UInt8Array

#: An opening less high than this, in eye distances, shows nothing worth taking.
LEAST_GAP = 0.035
_EDGE = 0.014  # what is left out along the lips, in eye distances
#: Where upper teeth end below the closed lip line, in mouth units, and how softly.
_SPLIT, _SPLIT_SOFT = 0.075, 0.03
_OWN_SHADE = 0.4  # own teeth bring their shadow along
_LIKE_LIPS, _MOST_FLESH = 34.0, 0.5
_OUTLINE = (CORNERS[2], *UPPER_RINGS[-1], CORNERS[3], *reversed(LOWER_RINGS[-1]))


def teeth_score(pixels: UInt8Array, mesh: FloatArray, lips: FloatArray) -> float:
    """How much a frame is worth as a source of teeth; 0 for nothing.

    Wide openings with something bright in them, seen from the front, score high; what
    has the lips' own colour was taken for an opening by mistake.

    Args:
        pixels: (H, W, 3|4) the frame.
        mesh: (478, 3) its face.
        lips: (3,) the lips' colour.
    """
    pose = fit_pose(mesh)
    gap = read_lips(pose.frontal).gap
    if gap < LEAST_GAP:
        return 0.0
    inside = _opening(pixels.shape[:2], mesh, 0.0) > 0.5
    if not inside.any():
        return 0.0
    colours = pixels[..., :3][inside].astype(np.float32)
    bright = float(np.percentile(colours.mean(axis=1), 80)) / 255
    flesh = float((np.abs(colours - lips).max(axis=1) < _LIKE_LIPS).mean())
    if flesh > _MOST_FLESH:
        return 0.0
    turned = float(np.hypot(*pose.axes[:, 2])) / pose.unit
    return min(gap, 0.2) * (0.2 + bright) * max(1.0 - turned, 0.1) * (1 - flesh)


def with_own_teeth(
    plates: Plates, pixels: UInt8Array, mesh: FloatArray, rest: Lips, size: float
) -> Plates:
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
    row = upper_row(plates, _cutting_edge(upper[..., 3], down))[..., None]
    below = down + drop[1] / size
    keep_lower = np.clip((below - _SPLIT) / _SPLIT_SOFT + 0.5, 0, 1).astype(np.float32)
    return replace(
        plates,
        upper=_over(upper, plates.upper) * row,
        lower=_over(lower * keep_lower[:, None, None], plates.lower),
        cavity=_depth(upper, plates.cavity),
        shade=_OWN_SHADE * plates.shade,
    )


def _cutting_edge(seen: FloatArray, down: FloatArray) -> float:
    """How far down upper teeth may reach: to where the lower lip ends what is seen."""
    middle = seen.shape[1] // 2
    reach = max(seen.shape[1] // 12, 1)
    shown = seen[:, middle - reach : middle + reach].mean(axis=1) > 0.5
    return float(np.clip(down[shown].max(initial=UPPER_EDGE), UPPER_EDGE, _SPLIT))


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
    plates: Plates, rgba: FloatArray, pose: Pose, origin: FloatArray, size: float
) -> FloatArray:
    """The frame, premultiplied, as seen on a plate that stands at ``origin``."""
    height, width = plates.upper.shape[:2]
    matrix = np.empty((2, 3))
    matrix[:, :2] = pose.axes[:, :2] * size / plates.scale
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, 2] = pose.project(origin[None])[0] - matrix[:, :2] @ centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgba, matrix, (width, height), flags=flags), np.float32)


def _depth(seen: FloatArray, painted: FloatArray) -> FloatArray:
    """The colour of the darkest of what shows, if it is dark enough to be depth."""
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
