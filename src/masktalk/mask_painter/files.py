"""Masks painted over an image or a video, with the truth behind them written beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from masktalk.errors import MediaError, NoFaceError, OutputError
from masktalk.faces import LocateOptions, track
from masktalk.landmarks import (
    CHIN,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)
from masktalk.mask_painter.painter import MaskPainter, MaskStyle
from masktalk.media import (
    Source,
    Writer,
    WriterOptions,
    audio_duration,
    check_output,
    open_source,
    write_atomic,
)
from masktalk.types import Face, Frame, Progress, UInt8Array, no_progress

#: Landmarks that the truth names.
_TRUTH = {
    "left_corner": LEFT_MOUTH_CORNER,
    "right_corner": RIGHT_MOUTH_CORNER,
    "upper_lip": UPPER_LIP_INNER,
    "lower_lip": LOWER_LIP_INNER,
    "chin": CHIN,
}
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class MaskedFile:
    """Files written by ``mask_file``.

    Attributes:
        path: The image or video with the mask.
        matte: The mask alone, white where it covers.
        truth: JSON with the landmarks behind the mask, frame by frame.
        frames: Frames in all.
    """

    path: Path
    matte: Path
    truth: Path
    frames: int


def mask_file(
    source: Path,
    output: Path,
    style: MaskStyle,
    locate: LocateOptions | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> MaskedFile:
    """Paint a mask over the face of an image or a video; matte and truth are written beside.

    Args:
        source: An image, a video or a folder of frames.
        output: File to write; an image for an image, a video otherwise.
        style: Mask to paint.
        locate: Choice of the face.
        overwrite: Replace existing files.
        progress: Progress callback.

    Raises:
        MediaError: The source cannot be read.
        NoFaceError: No frame has a face.
        OutputError: A file exists, has another kind of suffix or cannot be written.
    """
    opened = open_source(source)
    if (opened.rate is None) != (output.suffix.lower() in _IMAGE_SUFFIXES):
        kind = "an image: .png, .jpg or .webp" if opened.rate is None else "a video: .mp4, .mkv"
        raise OutputError(output, "has the wrong suffix", f"name {kind}")
    matte = output.with_name(f"{output.stem}.matte{'.png' if opened.rate is None else '.mp4'}")
    truth = output.with_name(f"{output.stem}.truth.json")
    for path in (output, matte, truth):
        check_output(path, overwrite)
    faces: list[Face | None] = []
    rate = opened.rate or Fraction(25)
    for face in track(opened.frames(), rate, locate):
        faces.append(face)
        progress("locating", len(faces), opened.frame_count)
    if all(face is None for face in faces):
        raise NoFaceError(source, "no face detected", "give one that shows a face")
    painted = _painted(opened, faces, MaskPainter(style), progress)
    if opened.rate is None:
        pixels, alpha = next(painted)
        write_atomic(output, _encoded(output, pixels), overwrite=overwrite)
        write_atomic(matte, _encoded(matte, alpha), overwrite=overwrite)
    else:
        _write_videos(opened, painted, (output, matte), overwrite)
    record = _truth(opened, faces, style)
    write_atomic(truth, json.dumps(record, indent=1).encode(), overwrite=overwrite)
    return MaskedFile(output, matte, truth, len(faces))


def _painted(
    source: Source, faces: list[Face | None], painter: MaskPainter, progress: Progress
) -> Iterator[tuple[UInt8Array, UInt8Array]]:
    for index, (frame, face) in enumerate(zip(source.frames(), faces, strict=False)):
        pixels = frame.pixels[..., :3]
        alpha = np.zeros(pixels.shape[:2], np.uint8)
        if face is not None:
            masked = painter.paint(pixels, face.mesh)
            pixels, alpha = masked.pixels, np.round(masked.alpha * 255).astype(np.uint8)
        progress("painting", index + 1, source.frame_count)
        yield pixels, np.repeat(alpha[..., None], 3, axis=2)


def _write_videos(
    source: Source,
    painted: Iterator[tuple[UInt8Array, UInt8Array]],
    paths: tuple[Path, Path],
    overwrite: bool,
) -> None:
    rate = source.rate or Fraction(25)
    options = WriterOptions(source.width, source.height, rate, overwrite=overwrite)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(Writer(path, options, sound))
            for path, sound in zip(paths, (_soundtrack(source.path), None), strict=True)
        ]
        for index, images in enumerate(painted):
            for writer, pixels in zip(writers, images, strict=True):
                writer.write(Frame(np.ascontiguousarray(pixels), index / rate))


def _soundtrack(path: Path) -> Path | None:
    if path.is_dir():
        return None
    try:
        audio_duration(path)
    except MediaError:
        return None
    return path


def _encoded(path: Path, pixels: UInt8Array) -> bytes:
    done, packed = cv2.imencode(path.suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert done
    return packed.tobytes()


def _truth(source: Source, faces: list[Face | None], style: MaskStyle) -> dict[str, Any]:
    frames = [
        None
        if face is None
        else {
            "mouth": face.mouth.round(2).tolist(),
            **{name: face.point(index).round(2).tolist() for name, index in _TRUTH.items()},
            "interocular": round(float(face.interocular), 2),
        }
        for face in faces
    ]
    return {
        "kind": style.kind,
        "seed": style.seed,
        "source": source.path.name,
        "width": source.width,
        "height": source.height,
        "fps": None if source.rate is None else str(source.rate),
        "frames": frames,
    }
