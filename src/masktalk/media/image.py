"""Images of every format that Pillow, libheif or OpenCV reads, as upright 8 bit RGB or RGBA."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from masktalk.errors import MediaError
from masktalk.files import file_digest
from masktalk.media.color import Color
from masktalk.media.frames import SourceFrame, Stored
from masktalk.media.local_files import checked_file, raw_photo
from masktalk.media.orientation import Layout
from masktalk.media.source import Limits, Source, SourceKind
from masktalk.types import Frame, UInt8Array

logger = logging.getLogger(__name__)

_REMEDY = "save it again as PNG or JPEG"
ImageKind: TypeAlias = Literal["still", "animation"]

#: Major brands of HEIF files whose primary item is a still image (ISO/IEC 23008-12).
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})

#: Tags of TIFF 6.0 and of Adobe's DNG, and the bit of the first that means a thumbnail.
_SUBFILE_TAG, _DNG_TAG, _REDUCED = 254, 50706, 1

#: Guards Pillow's own limit on pixels, which cannot be given per file.
_BOMB_CHECK = threading.Lock()

#: What Pillow raises on damaged files of its many formats.
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError)


class ImageSource(Source):
    """One image; ``frames`` yields it once, at time 0."""

    kind: SourceKind = "picture"
    rate: Fraction | None = None
    frame_count = 1

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.color = Color.IMAGE
        pixels, self.scale = _read(path, limits)
        self._stored = Stored(pixels=without_opaque_alpha(pixels))
        self.height, self.width, channels = self._stored.shape
        self.has_alpha = channels == 4
        self.pixel_format = "rgba" if self.has_alpha else "rgb24"
        self.layout = Layout((self.width, self.height))

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order; see ``Source.frames``."""
        yield SourceFrame(self._stored, Fraction(0))

    def digest(self) -> str:
        """Return a digest of the content in hex."""
        return file_digest(self.path)


def image_kind(path: Path) -> ImageKind | None:
    """Tell what kind of image a file is, by its content and not its name.

    Returns:
        ``animation`` for one that only Pillow plays (FFmpeg plays GIF and PNG); None for
        anything but a still image.
    """
    if _is_heif(path):
        return "still"
    try:
        with _opened(path) as image:
            if image.format == "TIFF" and _is_raw(image):
                raise raw_photo(path)
            if not getattr(image, "is_animated", False):
                return "still"
            if image.format in ("GIF", "PNG"):
                return None
            return "animation" if image.format in ("WEBP", "AVIF") else "still"
    except (UnidentifiedImageError, *_PILLOW_ERRORS):
        return "still" if cv2.haveImageReader(str(path)) else None


def _is_raw(image: Any) -> bool:
    """Tell whether a TIFF file is a raw photo: it begins with a thumbnail, or is a DNG."""
    return bool(image.tag_v2.get(_SUBFILE_TAG, 0) & _REDUCED) or _DNG_TAG in image.tag_v2


def without_opaque_alpha(pixels: UInt8Array) -> UInt8Array:
    """Return (H, W, 3) pixels of (H, W, 3|4) ones in which nothing is transparent."""
    if pixels.shape[2] == 3 or pixels[..., 3].min() < 255:
        return pixels
    return np.ascontiguousarray(pixels[..., :3])


def read_image(path: Path, limits: Limits) -> UInt8Array:
    """Return (H, W, 3|4) uint8 RGB or RGBA with straight alpha, upright, reduced if too large.

    Raises:
        MediaError: It is damaged, of no known kind, too large or too small.
    """
    return _read(path, limits)[0]


def _read(path: Path, limits: Limits) -> tuple[UInt8Array, float]:
    """Return the pixels of an image, see ``read_image``, and how much it was reduced."""
    checked_file(path)
    longest = None
    try:
        with _opened(path) as image:
            longest = max(image.size)
            limits.check_image(path, *image.size)
            if image.size[0] * image.size[1] > limits.kept_pixels and image.mode in ("L", "RGB"):
                # JPEG decodes at a half, a quarter or an eighth for a fraction of the work.
                image.draft(image.mode, _reduced(image.size[0], image.size[1], limits))
            pixels = _from_pillow(image)
    except UnidentifiedImageError:
        pixels = _from_opencv(path, limits)
    except _PILLOW_ERRORS as error:
        raise MediaError(path, f"is a damaged picture ({error})", _REMEDY) from error
    height, width = pixels.shape[:2]
    if width * height > limits.kept_pixels:
        size = _reduced(width, height, limits)
        logger.info("%s: reduced from %dx%d to %dx%d", path, width, height, *size)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    return pixels, max(pixels.shape[:2]) / (longest or max(height, width))


def _reduced(width: int, height: int, limits: Limits) -> tuple[int, int]:
    """Return the largest even (width, height) of the same shape within ``kept_pixels``."""
    scale = min((limits.kept_pixels / (width * height)) ** 0.5, 1.0)
    return max(int(width * scale) // 2 * 2, 2), max(int(height * scale) // 2 * 2, 2)


def _opened(path: Path) -> Image.Image:
    if _is_heif(path):
        return _opened_heif(path)
    with _BOMB_CHECK:
        # The size is checked right after, against our own limits.
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _is_heif(path: Path) -> bool:
    """Tell whether a file is a HEIF still, which is tiles and items rather than one frame."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _opened_heif(path: Path) -> Image.Image:
    """Return the primary image of a HEIF file, upright, without its pixels decoded yet."""
    import pi_heif

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image: Image.Image = pi_heif.HeifImageFile(path)
    return image


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
    """Read what Pillow does not know: 16 bit RGB TIFF, OpenEXR, HDR and others."""
    encoded = np.fromfile(path, np.uint8)
    try:
        decoded = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MediaError(path, f"is a damaged picture ({error.err})", _REMEDY) from error
    if decoded is None:
        raise MediaError(path, "is no picture that can be read", _REMEDY)
    limits.check_image(path, decoded.shape[1], decoded.shape[0])
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
