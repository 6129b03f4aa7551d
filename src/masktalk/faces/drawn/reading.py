"""A close look at one head: where its points are and what its mouth is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from masktalk.faces.canonical import fit_mesh
from masktalk.faces.drawn.points_network import DrawnNetwork
from masktalk.faces.roi import Roi
from masktalk.landmarks import (
    CHIN,
    FACE_OVAL,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)
from masktalk.types import FloatArray, MouthState, UInt8Array

#: Side of a crop over the longer side of the head in it.
MARGIN = 1.0 / 0.62
# Crops of one look, right, down, scale, turn: as they are, and mirrored.
_PLAIN = ((0.0, 0.0, 1.0, 0.0), (-0.03, 0.03, 0.93, -0.05))
_TURNED = ((0.02, -0.02, 1.08, 0.05), (0.0, 0.03, 1.16, 0.0))
_MIRRORED = [1, 0, 2, 4, 3, 5, 6, 7]
_CLOSED, _OPEN, _NONE, _COVERED = range(4)
# Distance of the outer eye corners over that of the eyes' middles, on the mean head.
_OUTER = 1.42
# Outer eye corners of eyes that are drawn close together lie at least so many mouth-to-eye
# heights apart: the mesh keeps a head's shape.
_LEAST_SPAN = 0.75


@dataclass(frozen=True, eq=False)
class Reading:
    """Landmarks and mouth state of a drawn head.

    Attributes:
        points: (8, 2) pixels: eyes, nose, mouth corners, upper and lower lip, chin.
        head: Probability that there is a head.
        states: (4,) probabilities of a closed, an open, no and a covered mouth.
        scatter: Mean distance of the views' points from their median, in eye distances.
        size: Pixels of the longer side of the head's outline.
    """

    points: FloatArray
    head: float
    states: FloatArray
    scatter: float
    size: float

    @property
    def span(self) -> float:
        """Pixels between the middles of the eyes."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))

    @property
    def mouth(self) -> FloatArray:
        """(2,) the middle of the mouth in pixels."""
        return np.asarray(self.points[3:7].mean(axis=0))

    @property
    def covered(self) -> float:
        """Probability that the mouth is covered."""
        return float(self.states[_COVERED])

    @property
    def confidence(self) -> float:
        """0 to 1: a head, whose points do not depend on the crop."""
        return float(np.clip(self.head * (1 - 2.5 * self.scatter), 0, 1))

    @property
    def bare_state(self) -> MouthState:
        """Open or closed, whichever is likelier."""
        return "open" if self.states[_OPEN] > self.states[_CLOSED] else "closed"

    def mesh(self) -> FloatArray:
        """Return the (478, 3) mesh fitted onto the points, in pixels."""
        left, right = self.points[0], self.points[1]
        across = right - left
        down = np.array([-across[1], across[0]]) / max(float(np.linalg.norm(across)), 1e-3)
        drop = float((self.mouth - (left + right) / 2) @ down)
        span = max(_OUTER, _LEAST_SPAN * drop / max(self.span, 1e-3))
        middle = (left + right) / 2
        corners = self._corners()
        upper, lower = self._lips(corners)
        chin = self.points[7]
        low = float((chin - lower) @ down)
        chin = chin if low > 0.08 * self.span else lower + down * 0.3 * self.span
        places = {
            LEFT_EYE_OUTER: middle - across * span / 2,
            RIGHT_EYE_OUTER: middle + across * span / 2,
            LEFT_MOUTH_CORNER: corners[0],
            RIGHT_MOUTH_CORNER: corners[1],
            UPPER_LIP_INNER: upper,
            LOWER_LIP_INNER: lower,
            CHIN: chin,
        }
        return fit_mesh({index: (float(x), float(y)) for index, (x, y) in places.items()})

    def _corners(self) -> FloatArray:
        left, right = self.points[3], self.points[4]
        least = 0.08 * self.span
        across = right - left
        length = float(np.linalg.norm(across))
        if length >= least and float(across @ (self.points[1] - self.points[0])) > 0:
            return np.stack([left, right])
        along = (self.points[1] - self.points[0]) / max(self.span, 1e-3)
        return np.stack([self.mouth - along * least, self.mouth + along * least])

    def _lips(self, corners: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.bare_state == "open":
            return self.points[5], self.points[6]
        middle = (self.points[5] + self.points[6]) / 2
        del corners
        return middle, middle


def head_roi(x: float, y: float, size: float, roll: float) -> Roi:
    """Return the square in which the network of the points wants a head."""
    return Roi(x, y, size * MARGIN, roll)


def mesh_head_roi(mesh: FloatArray) -> Roi:
    """Return the square about the head of a (478, 3) mesh, which ends at the hairline."""
    crown, chin = mesh[FACE_OVAL[0], :2], mesh[CHIN, :2]
    top = crown + 0.15 * (crown - chin)
    middle = (top + chin) / 2
    across = mesh[RIGHT_EYE_OUTER, :2] - mesh[LEFT_EYE_OUTER, :2]
    size = float(np.linalg.norm(top - chin))
    return head_roi(
        float(middle[0]), float(middle[1]), size, float(np.arctan2(across[1], across[0]))
    )


def read_head(network: DrawnNetwork, pixels: UInt8Array, roi: Roi) -> Reading:
    """Read the head in an approximate region of (H, W, 3) pixels."""
    for _ in range(2):
        (roi,) = centred(network, pixels, [roi])
    plain = [roi.nudged(*nudge) for nudge in _PLAIN]
    turned = [roi.nudged(*nudge) for nudge in _TURNED]
    answers = network.read(pixels, plain), network.read(pixels, turned, mirrored=True)
    mirrored = (answers[1].points * [-1, 1] + [1, 0])[:, _MIRRORED].astype(np.float32)
    placed = [r.to_picture(p) for r, p in zip(plain, answers[0].points, strict=True)]
    placed += [r.to_picture(p) for r, p in zip(turned, mirrored, strict=True)]
    points = np.stack(placed)
    median = np.median(points, axis=0).astype(np.float32)
    size = roi.size / MARGIN
    span = max(float(np.linalg.norm(median[1] - median[0])), 0.15 * size)
    return Reading(
        points=median,
        head=float(np.concatenate([a.heads for a in answers]).mean()),
        states=np.concatenate([a.states for a in answers]).mean(axis=0),
        scatter=float(np.linalg.norm(points[:, :7] - median[:7], axis=2).mean() / span),
        size=size,
    )


def centred(network: DrawnNetwork, pixels: UInt8Array, regions: list[Roi]) -> list[Roi]:
    """Return regions of (H, W, 3) pixels, moved, scaled and rotated by the network's answers."""
    answers = network.read(pixels, regions)
    return [
        _moved(roi, points, box)
        for roi, points, box in zip(regions, answers.points, answers.boxes, strict=True)
    ]


def _moved(roi: Roi, points: FloatArray, box: FloatArray) -> Roi:
    x0, y0, x1, y1 = box
    middle = roi.to_picture(np.array([[(x0 + x1) / 2, (y0 + y1) / 2]], np.float32))[0]
    eyes = roi.to_picture(points[:2])
    across = eyes[1] - eyes[0]
    size = float(np.clip(max(x1 - x0, y1 - y0), 0.3, 1.1)) * roi.size * MARGIN
    turn = (float(np.arctan2(across[1], across[0])) - roi.angle + np.pi) % (2 * np.pi) - np.pi
    angle = roi.angle + float(np.clip(turn, -0.8, 0.8))
    return replace(roi, x=float(middle[0]), y=float(middle[1]), size=size, angle=angle)
