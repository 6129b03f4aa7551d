"""Cloth in a picture: where it lies, and folds for cloth that shows none.

What has no structure cannot be seen to move: a black hood whose every point sinks looks
like a black hood. So plain cloth is given faint folds once, at rest, which then ride on
it as its own would. Cloth that shows folds or a pattern of its own is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from masktalk.engines.warp.face_axes import Pose
from masktalk.engines.warp.field import DENSITY, sample, smooth_step
from masktalk.engines.warp.rig import Rig
from masktalk.landmarks import CHIN, FACE_OVAL, MOUTH_CORNERS, NOSE_BASE
from masktalk.types import FloatArray, Frame, UInt8Array

#: Grey levels by which even black cloth takes light; the rest is a part of its own.
SHEEN = 10

_LEVELS = 8.0  # of grey, the deviation that folds bring to cloth that is all plain
# Grey levels (a deviation) of its own structure up to which cloth is all plain, and from
# which on it needs no folds; and the same as a part of its brightness.
_PLAIN, _ENOUGH = 1.0, 7.0
_EVEN, _VARIED = 0.02, 0.06
_NARROW, _WIDE = 0.08, 0.25  # eye distances within which cloth is compared with itself
_BOOST = 6.0  # how much stronger plain cloth shows what structure it has
_MOST = 1.7  # the most that this adds, in levels of folds
_FINE = 4  # nodes of the relief between two of the rig's grid
_ALIKE = 26.0  # grey levels by which cloth may differ from itself
_ALL_ALIKE = 10.0  # the same beside the face, where hair and walls may be as dark
_EDGE = 7.0  # grey levels from node to node that make an edge
_BESIDE = 0.04  # eye distances past the face's outline from where cloth must be all alike
_BEYOND = 0.45  # to which it is followed past the outline
_ABOVE = 0.40  # and above the nose's base
_SOFT = 0.16  # over which folds end towards the cloth's edge
_FADE = 0.50  # and towards where it is followed no further
# Shade that lips bring to plain cloth is lost on cloth with contrasts of its own, as a part
# of its brightness: it is made as much deeper as they are larger than this, up to a limit.
_FAINT, _DEEPEST = 0.05, 3.0

#: Sizes of folds: how strong, and their wavelength along and across, in eye distances.
_FOLDS = ((1.0, 1.0, 0.32), (1.0, 0.55, 0.16), (0.6, 0.30, 0.08))
_SLANT = 25.0  # degrees, to either side
_SAG = 0.5  # how much they hang through between the cheeks
_SEED = 3


@dataclass(frozen=True, eq=False)
class Fabric:
    """The cloth over a mouth.

    Attributes:
        cover: (rows, columns) on the rig's grid, 1 where cloth lies, softly 0 at its edge.
        relief: (h, w) on a lattice ``_FINE`` times as dense, the light that folds add, as
            a part of the brightness; None for cloth that is seen to move without.
        corner: (2,) place of the relief's first node on the face's plane.
        depth: How much deeper than on plain cloth shade must be to be seen, 1 to 3.
    """

    cover: FloatArray
    relief: FloatArray | None
    corner: FloatArray
    depth: float

    @classmethod
    def read(cls, frame: Frame, pose: Pose, rig: Rig, folds: float = 1.0) -> Fabric:
        """Look at the cloth of a frame.

        Args:
            frame: With the face at rest.
            pose: Where its face is.
            rig: The avatar's.
            folds: How deep folds are on cloth that is all plain; 1 is as usual.
        """
        colours = _colours(frame, pose, rig)
        cover = _cover(colours, rig)
        corner = np.array([rig.grid.left, rig.grid.top], np.float32)
        grey = np.asarray(colours @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
        contrast = _deviation(_structure(grey, cover, _NARROW), cover)
        if contrast is None:
            return cls(cover, None, corner, 1.0)
        brightness = float(np.average(grey, weights=cover)) + SHEEN
        plain = folds * _plainness(contrast, brightness)
        contrasts = float(np.hypot(contrast, plain * _LEVELS)) / brightness
        depth = float(np.clip(contrasts / _FAINT, 1.0, _DEEPEST))
        if plain <= 0:
            return cls(cover, None, corner, depth)
        own = _structure(grey, cover, _WIDE)
        broad = np.asarray(cv2.GaussianBlur(own, (0, 0), 1.0), np.float32)
        shown = _MOST * np.tanh(_fine(broad) * (_BOOST / _LEVELS / _MOST))
        levels = plain * _LEVELS * (_folds(rig) + shown)
        lit = np.clip(levels * _fine(cover) / brightness, -0.9, 0.9)
        return cls(cover, np.asarray(lit, np.float32), corner, depth)

    def laid(self, frame: Frame, plane: FloatArray) -> Frame:
        """Return the frame with folds on its cloth.

        Args:
            frame: Whose cloth it is.
            plane: (2, 3) from places (x, y, 1) on the face's plane to its pixels.
        """
        if self.relief is None:
            return frame
        height, width = self.relief.shape
        # Lattice nodes to pixels.
        there = plane.copy()
        there[:, 2] += plane[:, :2] @ self.corner
        there[:, :2] /= DENSITY * _FINE
        ends = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float32)
        box = ends @ there.T
        low = np.clip(np.floor(box.min(axis=0)).astype(int), 0, [frame.width, frame.height])
        high = np.clip(np.ceil(box.max(axis=0)).astype(int), low, [frame.width, frame.height])
        size = high - low
        if not size.all():
            return frame
        there[:, 2] -= low
        tone = cv2.warpAffine(self.relief, there, (int(size[0]), int(size[1])))
        pixels = frame.region(*low.tolist(), *high.tolist()).copy()
        apply_shading(pixels, np.asarray(tone, np.float32))
        return frame.with_region(int(low[0]), int(low[1]), pixels)


def apply_shading(pixels: UInt8Array, tone: FloatArray) -> None:
    """Shade (h, w, 3) pixels in place; part of the light is specular, so black cloth shines too."""
    gain = (tone * 256.0).astype(np.int16)[..., None]
    lit = pixels[..., :3].astype(np.int16)
    lit += (lit + SHEEN) * gain >> 8
    np.clip(lit, 0, 255, out=lit)
    pixels[..., :3] = lit


def _colours(frame: Frame, pose: Pose, rig: Rig) -> FloatArray:
    """(rows, columns, 3) what the picture shows at the rig's nodes."""
    at = pose.pixel(rig.grid.nodes()).reshape(rig.grid.rows, rig.grid.columns, 2)
    limit = [frame.width - 1, frame.height - 1]
    low = np.clip(np.floor(at.min(axis=(0, 1))).astype(int) - 8, 0, limit)
    high = np.clip(np.ceil(at.max(axis=(0, 1))).astype(int) + 8, low + 1, [v + 1 for v in limit])
    crop = frame.region(*low.tolist(), *high.tolist())[..., :3].astype(np.float32)
    soft = cv2.GaussianBlur(crop, (0, 0), max(0.4 * pose.unit / DENSITY, 0.5))
    return sample(np.asarray(soft, np.float32), np.asarray(at - low, np.float32))


def _cover(colours: FloatArray, rig: Rig) -> FloatArray:
    """Nodes around the face that are joined to the cloth over mouth and chin, and like it."""
    seed = _middle(rig)
    typical = np.median(colours[seed > 0], axis=0)
    spread = float(np.median(np.abs(colours[seed > 0] - typical).max(axis=1)))
    away = np.abs(colours - typical).max(axis=2)
    around, face = _face(rig, _BEYOND), _face(rig, _BESIDE)
    alike = away < max(_ALIKE, 4 * spread)
    # A band of light or shade on cloth has no edges.
    alike |= (away < 2 * _ALIKE) & (_steepness(colours) < _EDGE)
    beside = away < min(max(_ALL_ALIKE, 3 * spread), _ALIKE)
    cloth = (alike & (face > 0)) | (beside & (around > 0))
    found: UInt8Array = cloth.astype(np.uint8)
    count, parts = cv2.connectedComponents(found)
    shares = np.bincount(parts[(seed > 0) & (parts > 0)], minlength=count)
    chosen = (parts == int(shares.argmax())).astype(np.uint8) if shares.any() else seed
    closed: UInt8Array = np.asarray(
        cv2.morphologyEx(chosen, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8
    )
    return _inside(closed, _SOFT) * _inside(around, _FADE)


def _steepness(colours: FloatArray) -> FloatArray:
    """(rows, columns) largest change of a colour from node to node."""
    down, across = np.gradient(colours, axis=(0, 1))
    return np.asarray(np.hypot(down, across).max(axis=2), np.float32)


def _inside(region: UInt8Array, soft: float) -> FloatArray:
    """(rows, columns) 1 inside a region of nodes, smoothly 0 at its edge over ``soft``."""
    inside = cv2.distanceTransform(np.pad(region, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return smooth_step(np.asarray((inside - 1) / (soft * DENSITY), np.float32))


def _face(rig: Rig, beyond: float) -> UInt8Array:
    """(rows, columns) 1 from the nose's bridge to ``beyond`` the face's outline."""
    oval = rig.base[list(FACE_OVAL)]
    outward = oval - oval.mean(axis=0)
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    ring = rig.grid.index(np.asarray(oval + beyond * outward, np.float32))
    face: UInt8Array = np.zeros((rig.grid.rows, rig.grid.columns), np.uint8)
    cv2.fillPoly(face, [np.round(ring).astype(np.int32)], (1,))
    first = float(rig.grid.index(rig.base[NOSE_BASE])[1]) - _ABOVE * DENSITY
    face[: max(int(first), 0)] = 0
    return face


def _middle(rig: Rig) -> UInt8Array:
    """(rows, columns) 1 from the mouth to near the chin."""
    mouth, chin = rig.base[list(MOUTH_CORNERS[:2])].mean(axis=0), rig.base[CHIN]
    ends = np.round(rig.grid.index(np.stack([mouth, 0.3 * mouth + 0.7 * chin]))).astype(int)
    seed: UInt8Array = np.zeros((rig.grid.rows, rig.grid.columns), np.uint8)
    cv2.line(seed, ends[0].tolist(), ends[1].tolist(), (1,), round(0.2 * DENSITY))
    return seed


def _structure(grey: FloatArray, cover: FloatArray, within: float) -> FloatArray:
    """(rows, columns) grey levels by which cloth differs from what of it lies around."""
    wide = within * DENSITY
    total = cv2.GaussianBlur(grey * cover, (0, 0), wide)
    even = total / np.maximum(cv2.GaussianBlur(cover, (0, 0), wide), 1e-3)
    return np.asarray(grey - even, np.float32)


def _deviation(own: FloatArray, cover: FloatArray) -> float | None:
    """Of what lies well inside the cloth, outliers aside; None where there is too little."""
    inside = own[cover > 0.9]
    if len(inside) < 20:
        return None
    low, high = np.percentile(inside, (16, 84))
    return float(high - low) / 2


def _plainness(contrast: float, brightness: float) -> float:
    """1 for cloth without structure of its own, 0 for cloth that has enough to be seen."""
    plain = (_ENOUGH - contrast) / (_ENOUGH - _PLAIN)
    even = (_VARIED - contrast / brightness) / (_VARIED - _EVEN)
    return float(np.clip(min(plain, even), 0, 1))


def _fine(coarse: FloatArray) -> FloatArray:
    """Return a field on the rig's grid on the relief's lattice."""
    rows, columns = (count * _FINE for count in coarse.shape)
    down, across = np.mgrid[:rows, :columns].astype(np.float32) / np.float32(_FINE)
    return sample(coarse, np.stack([across, down], axis=-1))


def _folds(rig: Rig) -> FloatArray:
    """(h, w) light on folds over the rig's grid, of deviation 1."""
    pattern, middle = _pattern(), rig.base[list(MOUTH_CORNERS[:2])].mean(axis=0)
    rows, columns = rig.grid.rows * _FINE, rig.grid.columns * _FINE
    first = rig.grid.index(middle) * _FINE - len(pattern) / 2
    there = np.array([[1, 0, first[0]], [0, 1, first[1]]], np.float32)
    return np.asarray(cv2.warpAffine(pattern, there, (columns, rows)), np.float32)


@cache
def _pattern() -> FloatArray:
    """(S, S) light from above on folds that hang across a face, its mouth in the middle.

    Noise that is long along the folds and short across them, with a crease wherever it
    crosses zero.
    """
    dense, side = DENSITY * _FINE, 5 * DENSITY * _FINE
    random = np.random.default_rng(_SEED)
    y, x = (np.mgrid[:side, :side].astype(np.float32) - side / 2) / dense
    y = y + _SAG * x * x
    total: FloatArray = np.zeros((side, side), np.float32)
    for strength, along, across in _FOLDS:
        for slant in np.deg2rad([_SLANT, -_SLANT]):
            noise = random.normal(size=(side, side)).astype(np.float32)
            wide, high = (dense * length / (2 * np.pi) for length in (along, across))
            narrow = cv2.GaussianBlur(noise, (0, 0), 0.8 * wide, sigmaY=0.8 * high)
            broad = cv2.GaussianBlur(noise, (0, 0), 1.5 * wide, sigmaY=1.5 * high)
            band = np.asarray(narrow - broad, np.float32)
            cos, sin = np.cos(slant), np.sin(slant)
            at = np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1) * dense + side / 2
            turned = sample(band / band.std(), at.astype(np.float32))
            light = cv2.Sobel(np.sqrt(turned**2 + 0.15), cv2.CV_32F, 0, 1)
            total += np.float32(strength) * light / light.std()
    return np.asarray(np.clip(total / total.std(), -2.5, 2.5), np.float32)
