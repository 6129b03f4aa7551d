"""Occlusion of the mouth, and its place when it is hidden.

Under a cloth the mesh is a guess, and so is each detector's mouth. Their errors differ,
though, and lean on what is visible: a linear blend of what mesh and detectors say about
mouth and nose, in the frame that the eyes give, is closer than each. Its few coefficients
come from faces with known mouths under painted covers (``masktalk.faces.fitting``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from masktalk.faces.canonical import canonical_face, pose_onto
from masktalk.faces.multi_crop import MultiCropEstimate
from masktalk.landmarks import (
    LEFT_EYE_OUTER,
    LOWER_LIP_INNER,
    MOUTH,
    NOSE_TIP,
    RIGHT_EYE_OUTER,
    UPPER_LIP_INNER,
    VISIBLE_ABOVE_MASK,
)
from masktalk.numerics import smoothstep
from masktalk.types import FloatArray, MouthState

# Above this strength (see guess_strength) the mouth is a guess: half-way, in the logarithm,
# between 348 bare and 654 covered pictures of 51 people, which it tells apart without error.
_GUESSED = 0.0325
# Above this gap between the inner lips, in interocular distances, a mouth is open.
_PARTED = 0.045
_NOSE, _MOUTH = 2, 3


def mouth_state(look: MultiCropEstimate) -> MouthState:
    """Open, closed or covered, from how steadily the mouth is seen."""
    return "occluded" if is_guessed(look) else lips_state(look.mesh)


def is_guessed(look: MultiCropEstimate) -> bool:
    """Return whether the mouth of an estimate is occluded."""
    return is_guess(guess_strength(look))


def is_guess(strength: float) -> bool:
    """Return whether an occlusion score, or the median of several, means occluded."""
    return strength > _GUESSED


def guess_strength(look: MultiCropEstimate) -> float:
    """Score the occlusion of a mouth: its corners scatter between crops, its lips lack contrast."""
    return float((look.corner_scatter + 0.002) * (look.lip_contrast + 0.02) ** -0.3)


def lips_state(mesh: FloatArray) -> MouthState:
    """Classify a (478, 3) mesh as open or closed by the gap between its lips."""
    gap = float(np.linalg.norm(mesh[UPPER_LIP_INNER, :2] - mesh[LOWER_LIP_INNER, :2]))
    unit = float(np.linalg.norm(mesh[RIGHT_EYE_OUTER, :2] - mesh[LEFT_EYE_OUTER, :2]))
    return "open" if gap > _PARTED * unit else "closed"


def uncover(mesh: FloatArray, keypoints: Mapping[str, FloatArray]) -> FloatArray:
    """Return the mesh with its lower face where the hidden mouth most likely is.

    Args:
        mesh: (478, 3) in pixels; its eyes are seen, its mouth is a guess.
        keypoints: (6, 2) of each detector that sees the face.
    """
    return lay_mouth(mesh, hidden_mouth(mesh, keypoints))


def hidden_mouth(mesh: FloatArray, keypoints: Mapping[str, FloatArray]) -> FloatArray:
    """(2,) where a mouth that cannot be seen most likely is, in the face's ``EyeFrame``."""
    sources = EyeFrame(mesh).sources(mesh, keypoints)
    blend = _coefficients()["blends"]["+".join(sources)]
    values = np.concatenate(list(sources.values()))
    right = float(values[:, 0] @ np.array(blend["right"]))
    down = float(values[:, 1] @ np.array(blend["down"]) + blend["lower"])
    return np.array([right, down], np.float32)


def lay_mouth(mesh: FloatArray, place: FloatArray) -> FloatArray:
    """Return the mesh with its mouth at (2,) ``EyeFrame`` coordinates and a resting lower face.

    What is hidden takes the canonical head's shape, posed as the visible upper face is.
    """
    posed = pose_onto(canonical_face().mesh, mesh, list(VISIBLE_ABOVE_MASK))
    move = EyeFrame(mesh).to_picture(place) - posed[list(MOUTH), :2].mean(axis=0)
    posed[:, :2] += move
    hidden = _hidden()[:, None]
    return np.asarray(mesh + hidden * (posed - mesh), np.float32)


class EyeFrame:
    """Coordinates that the eyes give: origin between their outer corners, along the eye line.

    The unit is the distance of the corners in space, by the mesh's depth.
    """

    def __init__(self, mesh: FloatArray) -> None:
        left, right = (
            mesh[LEFT_EYE_OUTER, :2].astype(float),
            mesh[RIGHT_EYE_OUTER, :2].astype(float),
        )
        self.origin = (left + right) / 2
        across = right - left
        self.axes = np.array([across, [-across[1], across[0]]])
        flat = float(np.linalg.norm(across))
        # A head that looks aside shows its eyes closer together than they are.
        self.unit = float(np.linalg.norm(mesh[RIGHT_EYE_OUTER] - mesh[LEFT_EYE_OUTER]))
        self.axes *= self.unit / flat

    def of(self, points: FloatArray) -> npt.NDArray[np.float64]:
        """(..., 2) pixels in these coordinates."""
        return np.asarray((points - self.origin) @ self.axes.T / self.unit**2)

    def to_picture(self, point: FloatArray) -> FloatArray:
        """(2,) coordinates in pixels."""
        return np.asarray(self.origin + point @ self.axes, np.float32)

    def sources(
        self, mesh: FloatArray, keypoints: Mapping[str, FloatArray]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """(2, 2) mouth and nose as mesh and detectors see them, by the source's name."""
        said = {"mesh": np.stack([mesh[list(MOUTH), :2].mean(axis=0), mesh[NOSE_TIP, :2]])}
        for name in ("short", "full"):
            if name in keypoints:
                said[name] = keypoints[name][[_MOUTH, _NOSE]]
        return {name: self.of(points) for name, points in said.items()}


@cache
def _coefficients() -> Any:
    return json.loads(files("masktalk.faces").joinpath("covered.json").read_text("utf-8"))


@cache
def _hidden() -> FloatArray:
    """(478,) how hidden each point of a covered face is: 0 at the eyes, 1 from the lips down."""
    height = canonical_face().mesh[:, 1]
    level = float(height[list(MOUTH)].mean())
    return np.asarray(smoothstep((height - 0.15) / (level - 0.25)), np.float32)
