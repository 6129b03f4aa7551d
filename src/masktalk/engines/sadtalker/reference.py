"""Expression and head motion of a reference video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from masktalk.engines.sadtalker.audio import EXPRESSION
from masktalk.engines.sadtalker.crop import Region, cut_out, face_points, head_region, points_in
from masktalk.engines.sadtalker.curves import STEP_RATE
from masktalk.engines.sadtalker.heads import HeadPicture, read_coefficients
from masktalk.engines.sadtalker.options import SadTalkerOptions
from masktalk.engines.sadtalker.performance import Reference
from masktalk.engines.sadtalker.recon import ReconNetwork
from masktalk.errors import InputError, NoFaceError
from masktalk.faces import track
from masktalk.media import open_source
from masktalk.types import Face, FloatArray, Frame

#: Width and height of the square in which the face is read.
_SIZE = (256, 256)


def read_references(options: SadTalkerOptions, recon: ReconNetwork) -> Reference:
    """Return what the reference videos of the options show.

    Args:
        options: Name the videos.
        recon: The network for 3DMM coefficients.

    Raises:
        NoFaceError: A video shows no face.
        InputError: It is a picture, or cannot be read.
    """
    read: dict[Path, FloatArray] = {}
    for path in filter(None, (options.ref_eyeblink, options.ref_pose)):
        if path not in read:
            read[path] = reference_coefficients(path, recon)
    eyes, pose = options.ref_eyeblink, options.ref_pose
    return Reference(
        expression=None if eyes is None else read[eyes][:, :EXPRESSION],
        pose=None if pose is None else read[pose][:, EXPRESSION:],
    )


def reference_coefficients(path: Path, recon: ReconNetwork) -> FloatArray:
    """Return the (N, 70) expression and pose of a video's face, at 25 Hz.

    Frames without a face take over what the nearest before them shows.

    Args:
        path: A video.
        recon: The network for 3DMM coefficients.
    """
    source = open_source(path)
    if source.rate is None:
        raise InputError(path, "is a picture", "give a video")
    seen: list[FloatArray] = []
    missing = 0
    region: Region | None = None
    for frame, face in zip(source.frames(), track(source.frames(), source.rate), strict=True):
        if face is None:
            if seen:
                seen.append(seen[-1])
            else:
                missing += 1
            continue
        # The place of the first face for all: what the head does must stay to be seen.
        if region is None:
            region = head_region(face_points(face), (frame.width, frame.height), "crop")
        seen.append(_coefficients(frame, face, region, recon))
    if not seen:
        raise NoFaceError(path, "shows no face")
    return at_step_rate(np.stack([*[seen[0]] * missing, *seen]), source.rate)


def at_step_rate(curve: FloatArray, rate: Fraction) -> FloatArray:
    """Return a (N, C) curve of one frame rate at 25 Hz, interpolated.

    Args:
        curve: (M, C), one row a frame.
        rate: Frames per second.
    """
    steps = max(int(len(curve) / rate * STEP_RATE), 1)
    positions = np.minimum(np.arange(steps) * float(rate / STEP_RATE), len(curve) - 1)
    low = np.floor(positions).astype(int)
    high = np.minimum(low + 1, len(curve) - 1)
    weight = (positions - low).astype(np.float32)[:, None]
    return np.asarray((1 - weight) * curve[low] + weight * curve[high], np.float32)


def _coefficients(frame: Frame, face: Face, region: Region, recon: ReconNetwork) -> FloatArray:
    pixels = cut_out(np.ascontiguousarray(frame.pixels[..., :3]), region, _SIZE)
    head = HeadPicture(pixels, region, points_in(face_points(face), region, _SIZE))
    return read_coefficients(recon, head)[: EXPRESSION + 6]
