"""Rest shape of an avatar's mouth, learnt from its own frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from masktalk.engines.warp.face_axes import fit_pose
from masktalk.engines.warp.lips import CLOSED_GAP, Lips, read_lips, trimmed
from masktalk.engines.warp.rig import Rig
from masktalk.engines.warp.shape import (
    LOWER_DROP,
    UPPER_RISE,
    Motion,
    Profile,
    mouth_motion,
    read_channels,
)
from masktalk.types import CHANNELS, Face, FloatArray

#: How much of the way a video's mouth goes from where its calm frames have it to where all
#: frames have it on average: mouths that talk sit a little elsewhere than mouths that rest.
_SETTLED = 0.5


def resting_mouth(faces: Sequence[Face]) -> tuple[FloatArray, FloatArray, Lips]:
    """Return the mesh at rest in face axes, (478, 3), on the face's plane, (478, 2), and its lips.

    Of a video, the third of the frames with the least open mouth says how it rests; how
    wide it is and at what height, all of them.
    """
    meshes = [trimmed(face.mesh) for face in faces]
    poses = [fit_pose(mesh) for mesh in meshes]
    # What is trimmed off is hidden, and the lips are as thick as before.
    whole = [fit_pose(face.mesh).frontal for face in faces]
    lips = [read_lips(points) for points in whole]
    gaps = np.array([one.gap for one in lips])
    calm = gaps.argsort(kind="stable")[: max(len(gaps) // 3, 1)]
    frontal = np.median([poses[index].frontal for index in calm], axis=0)
    flat = [poses[index].place(meshes[index][:, :2]) for index in calm]
    thick = np.median([whole[index] for index in calm], axis=0)
    # A picture of closed lips stays as it is; of many frames none has to.
    rest = read_lips(thick.astype(np.float32)).closed(CLOSED_GAP if len(faces) == 1 else 0.0)
    if len(faces) > 1 and rest.width > 0:
        width = float(np.mean([one.width for one in lips]))
        rest = _settled(rest.widened(float(np.clip(width / rest.width, 0.9, 1.15))), lips)
    return frontal.astype(np.float32), np.median(flat, axis=0).astype(np.float32), rest


def _settled(rest: Lips, seen: Sequence[Lips]) -> Lips:
    """Return the lips nearer to where those that were seen would be if they had not opened."""
    misses = [_missed(rest, lips) for lips in seen]
    upper, lower, corners = (_SETTLED * np.mean(part, axis=0) for part in zip(*misses, strict=True))
    upper[-1] = lower[-1] = (upper[-1] + lower[-1]) / 2  # the lips go on meeting
    return replace(
        rest,
        upper=_lowered(rest.upper, upper[:, None]),
        lower=_lowered(rest.lower, lower[:, None]),
        corners=_lowered(rest.corners, corners),
    )


def _missed(rest: Lips, lips: Lips) -> tuple[FloatArray, FloatArray, float]:
    """Measure how much lower lips are than resting ones of the same opening.

    Returns:
        (RINGS,) of the upper lip, the same of the lower one, and the corners'.
    """
    size = Rig.amplitude_of(rest)
    motion = _opened(rest, max(lips.gap, 0.0) / size)
    upper = lips.upper - rest.upper - size * motion.upper
    lower = lips.lower - rest.lower - size * motion.lower
    corners = lips.corners - rest.corners - size * motion.corners[[0, 1, 0, 1]]
    return upper[..., 1].mean(axis=1), lower[..., 1].mean(axis=1), float(corners[:, 1].mean())


def _opened(rest: Lips, gap: float) -> Motion:
    """Fit the map from an average mouth of this shape to an opening in inter-ocular distances."""
    closed = read_channels(np.zeros(len(CHANNELS), np.float32))
    above, below = (
        Profile.along(lip, rest.corners, thickness)
        for lip, thickness in zip((rest.upper, rest.lower), rest.thickness, strict=True)
    )
    return mouth_motion(replace(closed, jaw=gap / (UPPER_RISE + LOWER_DROP)), above, below)


def _lowered(points: FloatArray, by: float | FloatArray) -> FloatArray:
    lowered = points.copy()
    lowered[..., 1] += by
    return lowered
