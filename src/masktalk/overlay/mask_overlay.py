"""A mask composited back over a speaking face, deforming with its jaw.

The mask follows the head rigidly and is deformed by the articulation: its lower part falls
with the chin, its middle narrows and widens with the lips. Where nothing moves the mask's
pixels are unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.landmarks import NOSE_BASE, OVERLAY_ANCHORS
from masktalk.numerics import smoothstep
from masktalk.types import CHANNELS, Face, FloatArray, Frame, UInt8Array

Field = npt.NDArray[np.floating]
Box: TypeAlias = "tuple[int, int, int, int]"

# Displacements at full deflection, in distances between the outer eye corners. On
# eighteen people speaking the chin fell by 0.4 of what the inner lips parted.
_JAW_DROP = 0.26
_SPREAD = 0.16
_PUCKER = 0.20

_GRID = 8
_INVERSIONS = 3


@dataclass(frozen=True)
class _Deflection:
    """Displacement of jaw and lips in inter-ocular distances (lips: negative is narrower)."""

    jaw: float
    lips: float

    @classmethod
    def of(cls, values: FloatArray) -> _Deflection:
        """Read the deflection from (len(CHANNELS),) weights in 0..1."""
        by_name = dict(zip(CHANNELS, (float(value) for value in values), strict=True))
        wide = (
            by_name["mouthStretchLeft"]
            + by_name["mouthStretchRight"]
            + by_name["mouthSmileLeft"]
            + by_name["mouthSmileRight"]
        ) / 2
        narrow = max(by_name["mouthPucker"], by_name["mouthFunnel"])
        lips = min(wide, 1.0) * _SPREAD - narrow * _PUCKER
        return cls(jaw=by_name["jawOpen"] * _JAW_DROP, lips=lips)

    @property
    def is_still(self) -> bool:
        return abs(self.jaw) < 1e-4 and abs(self.lips) < 1e-4


@dataclass(frozen=True, eq=False)
class _Basis:
    """Displacement per unit of deflection, on a coarse grid over the mask.

    Attributes:
        mesh: The face it was made for.
        jaw: (h, w, 2) pixels for the jaw going down by one eye distance.
        lips: (h, w, 2) pixels for the lips spreading by one eye distance.
    """

    mesh: FloatArray
    jaw: Field
    lips: Field


class Overlay:
    """A mask over a face.

    Args:
        picture: (H, W, 4) the mask in the avatar's frame, straight alpha.
        home: The face that the mask lies on in that picture; None when there is none.
    """

    def __init__(self, picture: Frame, home: Face | None) -> None:
        if not picture.has_alpha:
            raise ValueError("an overlay is RGBA")
        self._home = home
        self._size = (picture.width, picture.height)
        self._picture = _premultiplied(picture.pixels)
        self._box = _visible_box(picture.pixels[..., 3], self._margin())
        self._basis: _Basis | None = None

    def composite(self, frame: Frame, face: Face | None, values: FloatArray) -> Frame:
        """Composite the mask over a frame.

        Args:
            frame: (H, W, 3|4) the speaking face, of the mask's size.
            face: Where the avatar's face is in its own frame at this time; None leaves
                the mask where it was given.
            values: (len(CHANNELS),) the articulation at this time.

        Where the mask is opaque and does not move, the result's pixels equal its own.
        """
        if (frame.width, frame.height) != self._size:
            raise ValueError(f"a mask of {self._size} over {frame.width}x{frame.height}")
        deflection = _Deflection.of(values)
        to_mask = self._to_mask(face)
        box = self._moved_box(to_mask)
        if box[0] >= box[2] or box[1] >= box[3]:
            return frame
        if to_mask is None and (face is None or deflection.is_still):
            return _over(frame, self._crop(box), box)
        where = self._source_positions(
            box, to_mask, None if deflection.is_still else face, deflection
        )
        moved = cv2.remap(
            self._picture, where[..., 0], where[..., 1], cv2.INTER_CUBIC, borderValue=(0, 0, 0, 0)
        )
        return _over(frame, _clipped(np.asarray(moved, np.float32)), box)

    def box(self, face: Face | None) -> Box:
        """Return x0, y0, x1, y1 of all that ``composite`` may change for a face."""
        return self._moved_box(self._to_mask(face))

    def _crop(self, box: Box) -> FloatArray:
        x0, y0, x1, y1 = box
        return self._picture[y0:y1, x0:x1]

    def _margin(self) -> int:
        """Return the pixels by which the mask may move out of its own outline."""
        return 0 if self._home is None else int(self._home.interocular * 0.4) + 2

    def _to_mask(self, face: Face | None) -> npt.NDArray[np.float64] | None:
        """Return the (2, 3) similarity from frame to mask pixels; None for the identity."""
        if face is None or self._home is None or np.array_equal(face.mesh, self._home.mesh):
            return None
        here = face.mesh[list(OVERLAY_ANCHORS), :2].astype(np.float64)
        there = self._home.mesh[list(OVERLAY_ANCHORS), :2].astype(np.float64)
        return _similarity(here, there)

    def _moved_box(self, to_mask: npt.NDArray[np.float64] | None) -> Box:
        """Return the bounding box of the moved mask, clipped to the frame."""
        if to_mask is None:
            return self._box
        x0, y0, x1, y1 = self._box
        back = np.linalg.pinv(to_mask[:, :2])  # unlike inv, it wakes no threads
        corners = (np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) - to_mask[:, 2]) @ back.T
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
        low = np.clip(low, 0, self._size)
        high = np.clip(high, 0, self._size)
        return (int(low[0]), int(low[1]), int(high[0]), int(high[1]))

    def _source_positions(
        self,
        box: Box,
        to_mask: npt.NDArray[np.float64] | None,
        face: Face | None,
        deflection: _Deflection,
    ) -> Field:
        """Return the (h, w, 2) source positions in the mask's image of the box's pixels."""
        x0, y0, x1, y1 = box
        columns, rows = np.meshgrid(
            np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
        )
        where: Field = np.stack([columns, rows], axis=-1)
        if face is not None:
            where -= self._backward(box, face, deflection)
        if to_mask is None:
            return where
        turned = where @ to_mask[:, :2].T.astype(np.float32) + to_mask[:, 2].astype(np.float32)
        return np.ascontiguousarray(turned, np.float32)

    def _backward(self, box: Box, face: Face, deflection: _Deflection) -> Field:
        """Return the (h, w, 2) inverse displacement in pixels at every pixel of the box."""
        basis = self._basis_for(box, face)
        forward = basis.jaw * np.float32(deflection.jaw) + basis.lips * np.float32(deflection.lips)
        return _interpolate(_invert(forward, _GRID), box)

    def _basis_for(self, box: Box, face: Face) -> _Basis:
        if self._basis is None or not np.array_equal(self._basis.mesh, face.mesh):
            self._basis = _make_basis(box, face)
        return self._basis


def _make_basis(box: Box, face: Face) -> _Basis:
    """Compute both displacement fields in the face's axes: eye line, and down to the chin."""
    unit = max(face.interocular, 1.0)
    across = np.array([np.cos(face.roll), np.sin(face.roll)], np.float32)
    down = np.array([-across[1], across[0]], np.float32)
    x0, y0, x1, y1 = box
    columns, rows = np.meshgrid(
        np.arange(x0, x1 + _GRID, _GRID, dtype=np.float32),
        np.arange(y0, y1 + _GRID, _GRID, dtype=np.float32),
    )
    at = np.stack([columns, rows], axis=-1)
    nose = (at - face.point(NOSE_BASE)) / unit
    chin = max(float((face.chin - face.point(NOSE_BASE)) @ down) / unit, 0.3)
    depth, side = (nose @ down) / chin, nose @ across
    falls = smoothstep(depth, -0.1, 0.95) * (1 - smoothstep(depth, 1.3, 2.6))
    falls *= 1 - smoothstep(np.abs(side), 0.45, 0.95)
    mouth = (at - face.mouth) / unit
    sideways, downwards = mouth @ across, mouth @ down
    near = np.exp(-(sideways**2 + (downwards / 0.8) ** 2) / (2 * 0.26**2)) * smoothstep(
        depth, -0.1, 0.4
    )
    return _Basis(
        mesh=face.mesh,
        jaw=np.asarray(falls[..., None] * down * unit, np.float32),
        lips=np.asarray((near * sideways * 2)[..., None] * across * unit, np.float32),
    )


def _invert(forward: Field, spacing: int) -> Field:
    """Invert a displacement field by fixed-point iteration: b(p) = f(p - b(p))."""
    columns, rows = np.meshgrid(
        np.arange(forward.shape[1], dtype=np.float32),
        np.arange(forward.shape[0], dtype=np.float32),
    )
    back = forward
    for _ in range(_INVERSIONS):
        x, y = columns - back[..., 0] / spacing, rows - back[..., 1] / spacing
        there = cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back = np.asarray(there, np.float32)
    return back


def _interpolate(coarse: Field, box: Box) -> Field:
    """Interpolate a field on the grid at every pixel of the box."""
    x0, y0, x1, y1 = box
    columns, rows = np.meshgrid(
        np.arange(x1 - x0, dtype=np.float32) / _GRID, np.arange(y1 - y0, dtype=np.float32) / _GRID
    )
    fine = cv2.remap(coarse, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine, np.float32)


def _similarity(
    source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Fit the (2, 3) similarity of least squared error (Umeyama, PAMI 1991) to (N, 2) points."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    size = max(float((a**2).sum()), 1e-9)
    cosine = float((a * b).sum()) / size
    sine = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    turn = np.array([[cosine, -sine], [sine, cosine]])
    shift = target.mean(axis=0) - turn @ source.mean(axis=0)
    return np.column_stack([turn, shift])


def _premultiplied(pixels: UInt8Array) -> FloatArray:
    picture: FloatArray = pixels.astype(np.float32)
    picture[..., :3] *= picture[..., 3:] / np.float32(255)
    return picture


def _clipped(moved: FloatArray) -> FloatArray:
    """Clip premultiplied pixels after cubic interpolation: colour <= alpha <= 255."""
    alpha = np.clip(moved[..., 3:], 0, 255)
    return np.concatenate([np.clip(moved[..., :3], 0, alpha), alpha], axis=-1)


def _visible_box(alpha: UInt8Array, reach: int) -> Box:
    """Return x0, y0, x1, y1 of what is not transparent, grown by ``reach`` pixels."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return (0, 0, 0, 0)
    height, width = alpha.shape
    return (
        max(int(columns[0]) - reach, 0),
        max(int(rows[0]) - reach, 0),
        min(int(columns[-1]) + 1 + reach, width),
        min(int(rows[-1]) + 1 + reach, height),
    )


def _over(frame: Frame, mask: FloatArray, box: Box) -> Frame:
    """Composite a premultiplied mask over a frame inside a box (Porter and Duff 1984)."""
    x0, y0, x1, y1 = box
    below = frame.region(x0, y0, x1, y1)
    keep = 1 - mask[..., 3:] / np.float32(255)
    colour = below[..., :3].astype(np.float32)
    if not frame.has_alpha:
        mixed = np.rint(mask[..., :3] + colour * keep)
        return frame.with_region(x0, y0, np.clip(mixed, 0, 255).astype(np.uint8))
    under = below[..., 3:].astype(np.float32) * keep
    alpha = mask[..., 3:] + under
    mixed = (mask[..., :3] + colour * under / 255) * 255 / np.maximum(alpha, 1)
    mixed = np.where(mask[..., 3:] == 0, colour, mixed)
    both = np.rint(np.concatenate([np.clip(mixed, 0, 255), alpha], axis=-1))
    return frame.with_region(x0, y0, both.astype(np.uint8))
