"""Measures of pictures: likeness, sharpness, seams, movement."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.faces.measures import frontal_mesh
from masktalk.landmarks import CROP_ANCHORS, LIP_CONTOURS
from masktalk.types import FloatArray, Frame, UInt8Array

# Crops in inter-ocular distances: their middle below the eyes, and half their side.
_MOUTH_BELOW, _EYES_BELOW, _HALF = 0.75, -0.1, 0.55


def mouth_crop(frame: Frame, mesh: FloatArray, side: int = 128) -> UInt8Array:
    """Return the mouth region, upright and of equal size for any head pose, (side, side, 3).

    The upper face decides where it lies, so a mouth that moves moves inside it.

    Args:
        frame: Where the face is.
        mesh: (478, 3) in pixels of the frame.
        side: Of the crop in pixels.
    """
    return _crop(frame, mesh, side, _MOUTH_BELOW)


def upper_crop(frame: Frame, mesh: FloatArray, side: int = 128) -> UInt8Array:
    """Return eyes and brows at the scale of ``mouth_crop``, (side, side, 3)."""
    return _crop(frame, mesh, side, _EYES_BELOW)


def _crop(frame: Frame, mesh: FloatArray, side: int, below: float) -> UInt8Array:
    scale = side / (2 * _HALF)
    target = (frontal_mesh(mesh)[list(CROP_ANCHORS), :2] - [0, below]) * scale + side / 2
    source = mesh[list(CROP_ANCHORS), :2].astype(np.float64)
    there, _ = cv2.estimateAffinePartial2D(target, source, method=cv2.LMEDS)
    if there is None:
        return np.zeros((side, side, 3), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = np.ascontiguousarray(frame.pixels[..., :3])
    crop = cv2.warpAffine(pixels, there, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def lip_distance(a: FloatArray, b: FloatArray) -> float:
    """Return the mean distance of the lip landmarks of two meshes in a frontal pose.

    Args:
        a: (478, 3) mesh landmarks.
        b: (478, 3) mesh landmarks.

    Returns:
        In inter-ocular distances.
    """
    first, second = (frontal_mesh(mesh)[list(LIP_CONTOURS), :2] for mesh in (a, b))
    return float(np.linalg.norm(first - second, axis=1).mean())


def ssim(a: UInt8Array, b: UInt8Array) -> float:
    """Return the structural similarity of two (H, W, 3) RGB images' luma, 1 when equal.

    Wang et al., "Image quality assessment", IEEE TIP 2004: Gaussian window of 11 pixels
    and deviation 1.5, K1 0.01, K2 0.03.
    """
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (a, b))

    def _mean(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(p, (11, 11), 1.5), np.float64)

    mx, my = _mean(x), _mean(y)
    vx, vy, cov = _mean(x * x) - mx * mx, _mean(y * y) - my * my, _mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(likeness[5:-5, 5:-5].mean())


def psnr(a: UInt8Array, b: UInt8Array, where: npt.NDArray[np.bool_] | None = None) -> float:
    """Return the peak signal-to-noise ratio in decibels, infinite when equal.

    Args:
        a: (H, W, 3) uint8.
        b: The same shape.
        where: (H, W) which pixels count; None for all.
    """
    error = (a.astype(np.float32) - b.astype(np.float32)) ** 2
    mean = float((error if where is None else error[where]).mean()) if error.size else 0.0
    return float("inf") if mean == 0 else float(10 * np.log10(255**2 / mean))


def sharpness(picture: UInt8Array) -> float:
    """Return the mean gradient of the finest band over all contrast of an (H, W, 3) image.

    Independent of brightness and contrast; smaller is softer.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    coarse = cv2.GaussianBlur(grey, (0, 0), 1.0) - cv2.GaussianBlur(grey, (0, 0), 4.0)
    return float(np.abs(fine).mean() / max(float(np.abs(coarse).mean()), 0.25))


def slope_along(picture: UInt8Array, ring: npt.NDArray[np.bool_]) -> float:
    """Return the mean gradient, grey levels a pixel, of an (H, W, 3) image on an (H, W) ring."""
    grey = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY)
    grey = grey.astype(np.float32)
    slope = np.hypot(
        cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8),
    )
    return float(slope[ring].mean()) if ring.any() else 0.0


def edge_ring(alpha: UInt8Array, width: int = 2) -> npt.NDArray[np.bool_]:
    """Return the pixels along the edge of an (h, w) alpha matte, (h, w) bool."""
    inside = np.pad((alpha > 0).astype(np.uint8), width)
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    ring = cv2.dilate(inside, kernel) - cv2.erode(inside, kernel)
    return np.asarray(ring[width:-width, width:-width] > 0, np.bool_)


def downward_flow(before: UInt8Array, after: UInt8Array) -> FloatArray:
    """Return the downward optical flow between (H, W, 3) images, (H, W) (Farnebäck, SCIA 2003)."""
    first, second = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (before, after))
    flow = np.zeros((*first.shape, 2), np.float32)
    moved = cv2.calcOpticalFlowFarneback(first, second, flow, 0.5, 4, 21, 5, 7, 1.5, 0)
    return np.asarray(moved[..., 1], np.float32)
