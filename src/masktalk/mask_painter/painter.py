"""Paints a mask over a face: its light, its edge and its shadow are the image's own."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masktalk.errors import OptionError
from masktalk.landmarks import CHEEKS, MOUTH_CORNERS, UNOCCLUDED_SKIN
from masktalk.mask_painter.coordinates import FaceCoordinates, face_coordinates
from masktalk.mask_painter.shapes import (
    MASK_KINDS,
    RIGID_KINDS,
    Layer,
    MaskKind,
    ShapeInput,
    face_relief,
    make_layer,
)
from masktalk.types import FloatArray, UInt8Array

_GAMMA = 2.2
_AMBIENT = 0.42
#: Linear luminance of well-lit skin, and its colourfulness.
_LIT_SKIN, _SKIN_CHROMA = 0.35, 0.12
#: Strength and reach of the shadow that a mask casts on the skin beside it.
_SHADOW, _SHADOW_REACH = 0.35, 0.05


@dataclass(frozen=True)
class MaskStyle:
    """A mask's kind and the seed of its cut, colour and folds.

    Raises:
        OptionError: There is no such kind.
    """

    kind: MaskKind
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in MASK_KINDS:
            raise OptionError(
                f"`kind` {self.kind}", "is unknown", f"choose one of {', '.join(MASK_KINDS)}"
            )


@dataclass(frozen=True, eq=False)
class PaintedMask:
    """An image with a mask painted on it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 0..1, the mask's part of each pixel.
    """

    pixels: UInt8Array
    alpha: FloatArray


@dataclass(frozen=True, eq=False)
class Light:
    """The light on a face.

    Attributes:
        direction: (3,) unit vector towards the light: right, down, to the camera.
        level: Brightness against well-lit skin.
        chroma: Colourfulness against skin; 0 in a grey image.
        skin: (3,) linear colour of the skin under that light.
    """

    direction: FloatArray
    level: float
    chroma: float
    skin: FloatArray

    @classmethod
    def measured(cls, pixels: UInt8Array, mesh: FloatArray) -> Light:
        """Return the light on the skin round the eyes and on the cheeks.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            mesh: (478, 3) landmarks in pixels.
        """
        skin = _skin(pixels, mesh, UNOCCLUDED_SKIN)
        half = len(CHEEKS) // 2
        left, right = (
            _luminance(_skin(pixels, mesh, part)) for part in (CHEEKS[:half], CHEEKS[half:])
        )
        lean = float(np.clip((right - left) / max(right + left, 0.02), -0.6, 0.6))
        direction = np.array([1.2 * lean, -0.45, 1.0], np.float32)
        level = float(np.clip(_luminance(skin) / _LIT_SKIN, 0.25, 1.6))
        chroma = float(np.clip(np.ptp(skin) / max(skin.max(), 0.02) / _SKIN_CHROMA, 0, 1))
        return cls(direction / np.linalg.norm(direction), level, chroma, skin)


class MaskPainter:
    """Paints one mask over the frames of a face; the first frame's light is kept.

    Args:
        style: See there.
    """

    def __init__(self, style: MaskStyle) -> None:
        self.style = style
        self._light: Light | None = None

    def paint(self, pixels: UInt8Array, mesh: FloatArray) -> PaintedMask:
        """Return the image with the mask on its face.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            mesh: (478, 3) landmarks in pixels.
        """
        pixels = np.ascontiguousarray(pixels[..., :3])
        height, width = pixels.shape[:2]
        if self._light is None:
            self._light = Light.measured(pixels, mesh)
        light, kind = self._light, self.style.kind
        place = face_coordinates(mesh, width, height, kind in RIGID_KINDS)
        rng = np.random.default_rng([self.style.seed, MASK_KINDS.index(kind)])
        skin = light.skin / light.level
        mouth = _mouth(place, mesh)
        layer = make_layer(kind, ShapeInput(place.u, place.v, place.outline, mouth, rng, skin))
        alpha = np.clip(layer.distance * place.unit / _edge_pixels(place) + 0.5, 0, 1)
        alpha = alpha.astype(np.float32)
        surface = _lit(layer, place, light)
        base = _shadowed(pixels, layer, alpha, place)
        surface = _with_grain(surface, pixels, rng)
        mixed = base * (1 - alpha[..., None]) + surface * alpha[..., None]
        return PaintedMask(np.clip(mixed + 0.5, 0, 255).astype(np.uint8), alpha)


def paint_mask(pixels: UInt8Array, mesh: FloatArray, style: MaskStyle) -> PaintedMask:
    """Return one image with a mask on its face.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        mesh: (478, 3) landmarks in pixels.
        style: See there.
    """
    return MaskPainter(style).paint(pixels, mesh)


def _mouth(
    place: FaceCoordinates, mesh: FloatArray
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the face coordinates of the mouth's corners, left then right."""
    height, width = place.u.shape
    corners = np.round(mesh[list(MOUTH_CORNERS[:2]), :2]).astype(int)
    x, y = np.clip(corners[:, 0], 0, width - 1), np.clip(corners[:, 1], 0, height - 1)
    (left, right) = zip(place.u[y, x].tolist(), place.v[y, x].tolist(), strict=True)
    return left, right


def _edge_pixels(place: FaceCoordinates) -> float:
    """Return the width of an edge: a pixel and a half, more on large faces, as lenses blur."""
    return max(1.5, 0.012 * place.unit)


def _lit(layer: Layer, place: FaceCoordinates, light: Light) -> FloatArray:
    """Return the (H, W, 3) surface in 0..255 after Blinn (1977): diffuse and mirrored light."""
    relief = face_relief(place.u, place.v, nose=0.15) + layer.relief
    slope_y, slope_x = np.gradient(relief * place.unit)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    diffuse = np.clip(normal @ light.direction, 0, None) / light.direction[2]
    halfway = light.direction + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)
    mirrored = layer.gloss * np.clip(normal @ halfway, 0, 1) ** 40
    shade = (_AMBIENT + (1 - _AMBIENT) * diffuse)[..., None]
    colour = layer.albedo * shade * light.level + 0.5 * mirrored[..., None] * light.level
    grey = (colour @ _LUMA)[..., None]
    colour = grey + (colour - grey) * light.chroma
    return np.asarray(255 * np.clip(colour, 0, 1) ** (1 / _GAMMA), np.float32)


def _shadowed(
    pixels: UInt8Array, layer: Layer, alpha: FloatArray, place: FaceCoordinates
) -> FloatArray:
    """Return the image under the soft shadow of the mask's edge."""
    sigma = max(_SHADOW_REACH * place.unit, 0.8)
    shadow = cv2.GaussianBlur(alpha, (0, 0), sigma)
    near = np.exp(-np.clip(-layer.distance, 0, None) / (2 * _SHADOW_REACH))
    return np.asarray(pixels * (1 - _SHADOW * shadow * near)[..., None], np.float32)


def _with_grain(surface: FloatArray, pixels: UInt8Array, rng: np.random.Generator) -> FloatArray:
    """Return the surface with the image's own noise."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
    fine = grey - cv2.medianBlur(grey, 3)
    spread = float(np.clip(1.48 * np.median(np.abs(fine)), 0.5, 6))
    noise = rng.normal(0, spread, grey.shape).astype(np.float32)
    return np.asarray(surface + cv2.GaussianBlur(noise, (0, 0), 0.6)[..., None] * 1.5)


_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def _luminance(linear: FloatArray) -> float:
    return float(linear @ _LUMA)


def _skin(pixels: UInt8Array, mesh: FloatArray, landmarks: tuple[int, ...]) -> FloatArray:
    """Return the (3,) median linear colour at landmarks."""
    height, width = pixels.shape[:2]
    x = np.clip(np.round(mesh[list(landmarks), 0]).astype(int), 0, width - 1)
    y = np.clip(np.round(mesh[list(landmarks), 1]).astype(int), 0, height - 1)
    smooth = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 2.0))[y, x] / 255.0
    return np.asarray(np.median(smooth**_GAMMA, axis=0), np.float32)
