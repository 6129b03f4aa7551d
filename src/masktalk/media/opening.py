"""Open a file or folder as the source of frames that fits its content."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from masktalk.media.animation import AnimationSource
from masktalk.media.folder import FolderSource
from masktalk.media.image import ImageSource, image_kind
from masktalk.media.local_files import checked_file
from masktalk.media.scaling import ScaledSource
from masktalk.media.source import Limits, Source
from masktalk.media.video import VideoSource

#: Frames per second of a folder of images that is given no frame rate.
_FOLDER_FRAME_RATE = Fraction(25)


def open_source(
    path: str | os.PathLike[str],
    *,
    fps: Fraction | None = None,
    height: int | None = None,
    limits: Limits | None = None,
    keep_hdr: bool = False,
) -> Source:
    """Open an image, a video or a folder of frames.

    Args:
        path: A local file or folder.
        fps: Frames per second to deliver: the frame rate of a folder (default 25), or what
            a video is resampled to (default its own); ignored for an image.
        height: Pixels to scale the frames to; None for their own, of images at most those
            that the limits keep.
        limits: Sizes to refuse; None for the defaults.
        keep_hdr: Whether HDR video stays as it is, in ten bits; otherwise it is tone-mapped
            to BT.709.

    Raises:
        MediaError: The path is missing, empty, damaged, too large, too small or of no known
            format.
        ValueError: ``fps`` is not positive.
    """
    if fps is not None and fps <= 0:
        raise ValueError(f"fps must be positive, not {fps}")
    limits = limits or Limits()
    if height is not None:
        limits = replace(limits, kept_pixels=limits.max_image_pixels)
        source = _opened(path, fps, limits, keep_hdr)
        return source if source.height == height else ScaledSource(source, height)
    return _opened(path, fps, limits, keep_hdr)


def _opened(
    path: str | os.PathLike[str], fps: Fraction | None, limits: Limits, keep_hdr: bool
) -> Source:
    if os.path.isdir(path):
        return FolderSource(Path(path), fps or _FOLDER_FRAME_RATE, limits)
    file = checked_file(path)
    kind = image_kind(file)
    if kind == "still":
        return ImageSource(file, limits)
    if kind == "animation":
        return AnimationSource(file, fps, limits)
    return VideoSource(file, fps, limits, keep_hdr)
