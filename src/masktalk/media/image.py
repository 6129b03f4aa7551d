"""Pictures of every kind that Pillow or OpenCV reads, as upright 8 bit RGB or RGBA."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from masktalk.errors import MediaError
from masktalk.media.color import Color
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.local_files import checked_file, file_digest
from masktalk.media.orientation import Layout
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.types import Frame, UInt8Array

logger = logging.getLogger(__name__)

_REMEDY = "save it again as PNG or JPEG"
#: What Pillow raises on damaged files of its many formats.
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError)


class ImageSource(Source):
    """One picture; ``frames`` yields it once, at time 0."""

    kind: SourceKind = "picture"
    rate: Fraction | None = None
    frame_count = 1

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.color = Color.IMAGE
        self._stored = Stored(pixels=read_image(path, limits))
        self.height, self.width, channels = self._stored.shape
        self.has_alpha = channels == 4
        self.pixel_format = "rgba" if self.has_alpha else "rgb24"
        self.layout = Layout((self.width, self.height))

    def frames(self) -> Iterator[Frame]:
        yield SourceFrame(self._stored, Fraction(0))

    def digest(self) -> str:
        return file_digest(self.path)


def is_still(path: Path) -> bool:
    """Whether a file is a picture that does not move, by its content and not its name."""
    try:
        with _opened(path) as image:
            return not (getattr(image, "is_animated", False) and image.format in ("GIF", "PNG"))
    except Image.DecompressionBombError:
        return True
    except (UnidentifiedImageError, *_PILLOW_ERRORS):
        return bool(cv2.haveImageReader(str(path)))


def read_image(path: Path, limits: Limits) -> UInt8Array:
    """(H, W, 3|4) uint8 RGB or RGBA with straight alpha, turned upright.

    Raises:
        MediaError: It is damaged, of no known kind, too large or too small.
    """
    checked_file(path)
    try:
        with _opened(path) as image:
            limits.check(path, *image.size)
            pixels = _from_pillow(image)
    except UnidentifiedImageError:
        pixels = _from_opencv(path, limits)
    except Image.DecompressionBombError:
        raise MediaError(path, "is too large", "scale it down") from None
    except _PILLOW_ERRORS as error:
        raise MediaError(path, f"is a damaged picture ({error})", _REMEDY) from error
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    return pixels


def _opened(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        # The size is checked right after, against our own limits.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path)


def _from_pillow(image: Image.Image) -> UInt8Array:
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I", "I;16", "I;16L", "I;16B", "I;16N", "F"):
        grey = _to_eight_bits(np.asarray(upright))
        return np.repeat(grey[:, :, None], 3, axis=2)
    alpha = upright.has_transparency_data
    if alpha and upright.mode not in ("RGBA", "LA"):
        upright = upright.convert("RGBA")
    channel = upright.getchannel("A") if alpha else None
    rgb = _to_srgb(upright, profile) if profile else None
    if rgb is None:
        rgb = upright.convert("RGB")
    pixels = np.asarray(rgb, np.uint8)
    if channel is None:
        return pixels
    return np.dstack([pixels, np.asarray(channel, np.uint8)])


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Colours as the embedded ICC profile means them; None if the profile is no use."""
    opaque = image.convert({"RGBA": "RGB", "P": "RGB", "LA": "L", "PA": "RGB"}.get(
        image.mode, image.mode
    ))  # fmt: skip
    try:
        return ImageCms.profileToProfile(
            opaque,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        logger.info("embedded colour profile left out: %s", error)
        return None


def _from_opencv(path: Path, limits: Limits) -> UInt8Array:
    """What Pillow does not know: 16 bit RGB TIFF, OpenEXR, HDR and others."""
    encoded = np.fromfile(path, np.uint8)
    try:
        decoded = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MediaError(path, f"is a damaged picture ({error.err})", _REMEDY) from error
    if decoded is None:
        raise MediaError(path, "is no picture that can be read", _REMEDY)
    limits.check(path, decoded.shape[1], decoded.shape[0])
    eight = _to_eight_bits(decoded)
    if eight.ndim == 2:
        return np.asarray(cv2.cvtColor(eight, cv2.COLOR_GRAY2RGB), np.uint8)
    order = cv2.COLOR_BGRA2RGBA if eight.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(eight, order), np.uint8)


def _to_eight_bits(values: npt.NDArray[Any]) -> UInt8Array:
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    if values.dtype == bool:
        return np.asarray(values * 255, np.uint8)
    top = 65535.0
    if np.issubdtype(values.dtype, np.floating):
        finite = np.nan_to_num(values, posinf=1.0, neginf=0.0)
        top = 1.0 if float(finite.max(initial=0.0)) <= 1.0 else 255.0
        values = finite
    scaled = values.astype(np.float64) * (255.0 / top)
    return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)
