"""Make a mask's overlay from images of the same person: bare, masked, and perhaps a matte.

The bare picture is the avatar. The mask's pixels come from a picture of the mask alone
(RGBA), or from the masked picture through a matte, or from where the two pictures differ;
they are registered onto the bare picture and, where edges are mixed with what lies behind,
unmixed again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from masktalk.errors import InputError
from masktalk.landmarks import REGISTRATION_ANCHORS
from masktalk.types import Face, FloatArray, Frame, UInt8Array

logger = logging.getLogger(__name__)

Matrix = npt.NDArray[np.float64]

_ECC_SIDE_PX = 512
_ECC_ROUNDS = 4
# Grey levels between two registered pictures of one person where they agree best.
_MAX_REGISTERED_LEVELS = 12.0
#: Grey levels between two where they agree well enough to be of one scene.
_MAX_NOISE_LEVELS = 24.0
_ECC_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
# A shift below this, in pixels at the corners, is the pictures' own noise.
_MIN_SHIFT_PX = 0.4


@dataclass(frozen=True, eq=False)
class MaskPictures:
    """The images to make an overlay from.

    Attributes:
        bare: The avatar's picture, its mouth to be seen.
        masked: The same person under the mask, or None.
        mask: RGBA of the mask alone, or its matte (white is mask), or None.
        bare_face: The face in ``bare``, if found.
        masked_face: The face in ``masked``, if found.
    """

    bare: Frame
    masked: Frame | None = None
    mask: Frame | None = None
    bare_face: Face | None = None
    masked_face: Face | None = None


def make_overlay(given: MaskPictures, name: str = "`mask`") -> Frame:
    """Extract the mask alone, in the bare image's pixel grid.

    Args:
        given: At least one of ``masked`` and ``mask``.
        name: What to call it in an error.

    Returns:
        (H, W, 4) RGBA of the size of ``given.bare``, straight alpha.

    Raises:
        InputError: No mask can be made out, or it covers everything or nothing.
    """
    size = (given.bare.width, given.bare.height)
    masked = given.masked
    matte = None if given.mask is None or _is_cutout(given.mask) else _matte_of(given.mask)
    to_masked = np.eye(2, 3) if masked is None else _registration(given, matte)
    if given.mask is not None and matte is None:
        overlay = _cutout_over(given.mask, masked, to_masked, size)
    else:
        here = given.bare if masked is None else _warped(masked, to_masked, size)
        behind = None if masked is None else given.bare
        alpha = (
            _difference_matte(here, given.bare, name) * _shown(masked, to_masked, size)
            if matte is None
            else _matte_over(matte, masked, to_masked, size)
        )
        overlay = _unmixed(here, behind, alpha)
    return _checked(overlay, name)


def _is_cutout(mask: Frame) -> bool:
    """Return whether a mask has transparency of its own; otherwise its luma is the matte."""
    return mask.has_alpha and bool((mask.pixels[..., 3] < 255).any())


def _matte_of(mask: Frame) -> UInt8Array:
    return np.asarray(cv2.cvtColor(_rgb(mask), cv2.COLOR_RGB2GRAY), np.uint8)


def _checked(overlay: Frame, name: str) -> Frame:
    covered = float((overlay.pixels[..., 3] > 8).mean())
    if not 0.0005 < covered < 0.98:
        what = "covers nothing" if covered < 0.5 else "covers the whole picture"
        raise InputError(
            name,
            f"the mask {what}",
            "give an RGBA picture of the mask alone, or a matte that is white where the mask is",
        )
    return overlay


def _registration(given: MaskPictures, matte: UInt8Array | None) -> Matrix:
    """Estimate the (2, 3) transform from the bare image's pixels to the masked image's."""
    assert given.masked is not None
    bare, masked = given.bare, given.masked
    scaled = np.array([[masked.width / bare.width, 0, 0], [0, masked.height / bare.height, 0]])
    found = _refined(bare, masked, scaled, matte)
    if found is None and given.bare_face is not None and given.masked_face is not None:
        points = [
            face.mesh[list(REGISTRATION_ANCHORS), :2]
            for face in (given.bare_face, given.masked_face)
        ]
        fitted, _ = cv2.estimateAffinePartial2D(points[0], points[1], method=cv2.LMEDS)
        if fitted is not None:
            guess = np.asarray(fitted, np.float64)
            found = _refined(bare, masked, guess, matte)
            found = guess if found is None else found
    if found is None:
        logger.warning("the masked picture could not be registered; it is only scaled to fit")
        return np.asarray(scaled, np.float64)
    return _rounded(np.asarray(found, np.float64), bare)


def _refined(bare: Frame, masked: Frame, guess: Matrix, matte: UInt8Array | None) -> Matrix | None:
    """Refine a registration; None where the images do not align.

    Maximise the enhanced correlation (Evangelidis & Psarakis, PAMI 2008) of what both images
    show: the first round leaves out the matte, the next what disagreed in the one before.
    """
    shrink = min(1.0, _ECC_SIDE_PX / max(bare.width, bare.height, masked.width, masked.height))
    template, moving = _grey(bare, shrink), _grey(masked, shrink)
    seen = np.full(template.shape, 255, np.uint8)
    scale = np.array([[1, 1, shrink], [1, 1, shrink]])
    best = np.asarray(guess * scale, np.float32)
    if matte is not None:
        fitted = np.asarray(cv2.resize(matte, (moving.shape[1], moving.shape[0])), np.uint8)
        seen = np.where(_warped_grey(fitted, best, template) > 8, 0, 255).astype(np.uint8)
    telling = (seen > 0) & _textured(template)
    if not telling.any():
        return None
    least = _difference(template, moving, best, seen)
    for _ in range(_ECC_ROUNDS):
        warp, where = best.copy(), _inlier_mask(seen, telling, least)
        try:
            cv2.findTransformECC(template, moving, warp, cv2.MOTION_AFFINE, _ECC_STOP, where, 5)
        except cv2.error:
            break
        now = _difference(template, moving, warp, seen)
        if _level(now[telling]) > 0.9 * _level(least[telling]):
            break
        best, least = warp, now
    found: Matrix = best.astype(np.float64) / scale
    near = _corner_motion(found, guess, bare) < 0.25 * max(masked.width, masked.height)
    return found if near and _level(least[telling]) < _MAX_REGISTERED_LEVELS else None


def _warped_grey(picture: UInt8Array, warp: FloatArray, like: UInt8Array) -> UInt8Array:
    size = (like.shape[1], like.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _difference(
    template: UInt8Array, moving: UInt8Array, warp: FloatArray, seen: UInt8Array
) -> FloatArray:
    """Return the (H, W) difference in grey levels where both images are visible."""
    apart = cv2.absdiff(template, _warped_grey(moving, warp, template)).astype(np.float32)
    gap = cv2.GaussianBlur(apart, (0, 0), 1.5)
    return np.where(seen > 0, gap, np.float32(255)).astype(np.float32)


def _level(gap: FloatArray) -> float:
    """Return a low quantile of the difference: a hood may hide more than half."""
    return float(np.quantile(gap, 0.35))


def _textured(picture: UInt8Array) -> npt.NDArray[np.bool_]:
    """Return the (H, W) mask of strong gradients: flat areas agree under any shift."""
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.float32)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(slope > np.percentile(slope, 75), np.bool_)


def _inlier_mask(seen: UInt8Array, telling: npt.NDArray[np.bool_], gap: FloatArray) -> UInt8Array:
    """Return the (H, W) mask to correlate in: the better half and what is close to it."""
    limit = max(2.5 * _level(gap[telling]), 6.0)
    bad = cv2.dilate((gap > limit).astype(np.uint8), np.ones((7, 7), np.uint8))
    return np.where(bad > 0, 0, seen).astype(np.uint8)


def _rounded(found: Matrix, bare: Frame) -> Matrix:
    """Round a transform to whole pixels where that changes next to nothing."""
    whole = np.column_stack([np.eye(2), np.rint(found[:, 2])])
    motion = _corner_motion(found, whole, bare)
    result = whole if motion < _MIN_SHIFT_PX else found
    shift = _corner_motion(result, np.eye(2, 3), bare)
    if shift > 0:
        logger.info("the masked picture was registered onto the bare one (%.1f px)", shift)
    return result


def _corner_motion(a: Matrix, b: Matrix, frame: Frame) -> float:
    """Return the largest distance in pixels between two transforms of a frame's corners."""
    corners = np.array([[x, y, 1.0] for x in (0, frame.width - 1) for y in (0, frame.height - 1)])
    return float(np.linalg.norm(corners @ (a - b).T, axis=1).max())


def _cutout_over(
    mask: Frame, masked: Frame | None, to_masked: Matrix, size: tuple[int, int]
) -> Frame:
    """Warp an image of the mask alone into the bare image's pixel grid."""
    if masked is not None and (mask.width, mask.height) == (masked.width, masked.height):
        return _warped(mask, to_masked, size)
    return _warped(mask, _scaling(mask, size), size)


def _matte_over(
    matte: UInt8Array, masked: Frame | None, to_masked: Matrix, size: tuple[int, int]
) -> FloatArray:
    """Warp a matte into the bare image's pixel grid: (H, W) in 0..1."""
    as_frame = Frame(np.repeat(matte[..., None], 3, axis=2))
    of_masked = masked is not None and (as_frame.width, as_frame.height) == (
        masked.width,
        masked.height,
    )
    there = to_masked if of_masked else _scaling(as_frame, size)
    alpha = _warped(as_frame, there, size).pixels[..., 0].astype(np.float32) / 255
    return _feathered(alpha)


def _scaling(picture: Frame, size: tuple[int, int]) -> Matrix:
    if (picture.width, picture.height) != size:
        logger.info("the mask is scaled from %dx%d to %dx%d", picture.width, picture.height, *size)
    return np.array([[picture.width / size[0], 0, 0], [0, picture.height / size[1], 0]])


def _feathered(alpha: FloatArray) -> FloatArray:
    """Feather the hard edges of a matte inwards, so that nothing behind it shows."""
    between = (alpha > 0.02) & (alpha < 0.98)
    if between.sum() > 0.1 * cv2.Canny((alpha * 255).astype(np.uint8), 50, 150).sum() / 255:
        return alpha
    inside = cv2.erode(alpha, np.ones((3, 3), np.uint8))
    return np.asarray(np.minimum(alpha, cv2.GaussianBlur(inside, (0, 0), 0.8)), np.float32)


def _difference_matte(masked: Frame, bare: Frame, name: str) -> FloatArray:
    """Return the (H, W) matte in 0..1 of what differs by more than the images' noise.

    Raises:
        InputError: They differ everywhere.
    """
    gap = cv2.absdiff(_rgb(masked), _rgb(bare)).max(axis=2).astype(np.float32)
    gap = cv2.GaussianBlur(gap, (0, 0), 1.0)
    noise = float(np.percentile(gap, 30))
    if noise > _MAX_NOISE_LEVELS:
        raise InputError(
            name,
            "the masked and the bare picture differ everywhere, so no mask can be told from them",
            "give two pictures that differ by the mask alone, or the mask itself as `mask`",
        )
    alpha = np.clip((gap - noise - 8) / 24, 0, 1).astype(np.float32)
    solid = (alpha > 0.5).astype(np.uint8)
    side = max(3, round(0.012 * max(bare.width, bare.height)) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, kernel, iterations=2)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    if count < 2:
        return np.zeros_like(alpha)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(areas > 0.1 * areas.max())).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(_filled(kept).astype(np.float32), (0, 0), 0.8), np.float32)


def _filled(mask: UInt8Array) -> UInt8Array:
    """Fill the small holes of a mask; an eye slit stays open."""
    outlines, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    small = 0.015 * float(mask.sum())
    filled = mask.copy()
    for index, outline in enumerate(outlines):
        if tree[0][index][3] >= 0 and cv2.contourArea(outline) < small:
            cv2.drawContours(filled, outlines, index, (1,), cv2.FILLED)
    return filled


def _unmixed(here: Frame, behind: Frame | None, alpha: FloatArray) -> Frame:
    """Recover the mask's own colour: solve C = a M + (1 - a) B for M where B is known."""
    colour = _rgb(here).astype(np.float32)
    weight = np.maximum(alpha, 1 / 255)[..., None]
    if behind is not None:
        partly = (alpha > 0) & (alpha < 1)
        unmixed = np.clip((colour - (1 - weight) * _rgb(behind)) / weight, 0, 255)
        colour = np.where(partly[..., None], unmixed, colour)
    pixels = np.dstack([np.rint(colour), np.rint(alpha * 255)]).astype(np.uint8)
    return Frame(pixels, Fraction(0))


def _warped(picture: Frame, matrix: Matrix, size: tuple[int, int]) -> Frame:
    """Warp an image by ``matrix`` (output pixel to image pixel); transparent outside it."""
    same = np.array_equal(matrix, np.eye(2, 3)) and (picture.width, picture.height) == size
    if same:
        return picture
    whole = np.array_equal(matrix[:, :2], np.eye(2)) and np.array_equal(matrix, np.rint(matrix))
    how = cv2.INTER_NEAREST if whole else cv2.INTER_CUBIC
    pixels = picture.pixels
    if picture.has_alpha and not whole:
        return _warped_cutout(pixels, matrix, size)
    mode = cv2.BORDER_CONSTANT if picture.has_alpha else cv2.BORDER_REPLICATE
    flags = how | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(pixels, matrix, size, flags=flags, borderMode=mode)
    return Frame(np.asarray(moved, np.uint8), picture.time)


def _warped_cutout(pixels: UInt8Array, matrix: Matrix, size: tuple[int, int]) -> Frame:
    """Warp with colour weighted by alpha, so that transparent colour does not bleed."""
    alpha = pixels[..., 3:].astype(np.float32)
    weighted = np.dstack([pixels[..., :3] * (alpha / 255), alpha])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(weighted, matrix, size, flags=flags, borderValue=(0, 0, 0, 0))
    colour = moved[..., :3] * 255 / np.maximum(moved[..., 3:], 1)
    return Frame(np.rint(np.clip(np.dstack([colour, moved[..., 3]]), 0, 255)).astype(np.uint8))


def _shown(picture: Frame | None, matrix: Matrix, size: tuple[int, int]) -> FloatArray:
    """Return (H, W) 1 where ``_warped`` shows the image itself, 0 beyond its edges."""
    if picture is None:
        return np.ones((size[1], size[0]), np.float32)
    ones = np.ones((picture.height, picture.width), np.float32)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(ones, matrix, size, flags=flags)
    return np.asarray(cv2.erode(inside, np.ones((5, 5), np.uint8), borderValue=(1,)), np.float32)


def _rgb(frame: Frame) -> UInt8Array:
    return np.ascontiguousarray(frame.pixels[..., :3])


def _grey(frame: Frame, shrink: float) -> UInt8Array:
    grey = cv2.cvtColor(_rgb(frame), cv2.COLOR_RGB2GRAY)
    if shrink < 1:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)
