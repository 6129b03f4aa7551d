"""`masktalk wav2lip`: the reference's own command line."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.records import takes_records
from masktalk.errors import NoFaceError, OptionError, OutputError
from masktalk.option_fields import parse_fraction

if TYPE_CHECKING:
    from fractions import Fraction

    from masktalk.avatar import Avatar
    from masktalk.media import Source
    from masktalk.types import Progress

logger = logging.getLogger(__name__)

_FILES, _LOOK, _WORK = "Files", "Look", "Work"
_NO_BOX = (-1, -1, -1, -1)
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

#: Where a face's points lie in its box, of its width and height.
_PLACES = {
    "left_corner": (0.35, 0.75),
    "right_corner": (0.65, 0.75),
    "chin": (0.5, 0.98),
    "left_eye": (0.2, 0.4),
    "right_eye": (0.8, 0.4),
}

Four = tuple[int, int, int, int]


def _flag(name: str, text: str, panel: str) -> Any:
    # Both spellings: the reference's, and the one that messages about options use.
    names = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
    return typer.Option(*names, help=text, rich_help_panel=panel)


@dataclass(frozen=True)
class FileFlags:
    """Files."""

    checkpoint_path: Annotated[Path, _flag("checkpoint_path", "The generator's file.", _FILES)]
    face: Annotated[Path, _flag("face", "Image, video or folder of frames.", _FILES)]
    audio: Annotated[Path, _flag("audio", "Audio file, or a video with audio.", _FILES)]
    outfile: Annotated[Path, _flag("outfile", "The video to write; replaced.", _FILES)] = Path(
        "results/result_voice.mp4"
    )


@dataclass(frozen=True)
class LookFlags:
    """Frames, boxes and blending."""

    static: Annotated[str, _flag("static", "True: only the first frame of the video.", _LOOK)] = (
        "False"
    )
    fps: Annotated[
        str | None, _flag("fps", "Frame rate; 25 for an image, else the video's own.", _LOOK)
    ] = None
    pads: Annotated[Four, _flag("pads", "Pixels at top, bottom, left, right.", _LOOK)] = (
        *(0, 10, 0, 0),
    )
    resize_factor: Annotated[
        int, _flag("resize_factor", "Divides width and height of the frames.", _LOOK)
    ] = 1
    crop: Annotated[
        Four, _flag("crop", "Top, bottom, left, right after resizing and turning.", _LOOK)
    ] = (*(0, -1, 0, -1),)
    box: Annotated[
        Four, _flag("box", "Fixed box: top, bottom, left, right; finds no face then.", _LOOK)
    ] = _NO_BOX
    rotate: Annotated[bool, _flag("rotate", "Turn the frames clockwise by 90 degrees.", _LOOK)] = (
        False
    )
    nosmooth: Annotated[bool, _flag("nosmooth", "Each frame's own box.", _LOOK)] = False
    compat: Annotated[
        str | None,
        _flag("compat", "upstream: frames, boxes and pasted rectangle of inference.py.", _LOOK),
    ] = None
    animate_silence: Annotated[
        bool, _flag("animate_silence", "Move the mouth in silence too.", _LOOK)
    ] = False


@dataclass(frozen=True)
class WorkFlags:
    """Computation."""

    face_det_batch_size: Annotated[
        int, _flag("face_det_batch_size", "Not needed: faces are found frame by frame.", _WORK)
    ] = 16
    wav2lip_batch_size: Annotated[
        int | None, _flag("wav2lip_batch_size", "Frames at a time.", _WORK)
    ] = None
    device: Annotated[str, _flag("device", "auto, cpu, mps, cuda or cuda:N.", _WORK)] = "auto"
    runtime: Annotated[str, _flag("runtime", "auto, torch, onnxruntime or openvino.", _WORK)] = (
        "auto"
    )


@takes_records
def wav2lip(*, files: FileFlags, look: LookFlags, work: WorkFlags) -> None:
    """Run Wav2Lip's own command line, inference.py.

    The generated mouth is blended in; --compat upstream pastes the rectangle as inference.py
    does, and gives as many frames.
    """
    from masktalk.engines import make_engine
    from masktalk.engines.wav2lip import Wav2LipEngine
    from masktalk.media import open_source
    from masktalk.media.reframed import Framing, ReframedSource
    from masktalk.rendering import RenderOptions, check_encoding, render, spoken_seconds

    framing = Framing(look.resize_factor, look.rotate, look.crop, _truth(look.static))
    fps = parse_fraction(look.fps, "fps")
    engine_options = _engine_options(files, look, work)
    for given in (files.face, files.audio, files.checkpoint_path):
        if not given.exists():
            raise OptionError(given, "does not exist")
    options = RenderOptions("wav2lip", engine_options, fps=fps, overwrite=True)
    engine = make_engine("wav2lip", engine_options)
    source = open_source(files.face, fps=fps if files.face.is_dir() else None)
    seconds = spoken_seconds(files.audio, options)
    if look.compat == "upstream" and source.rate is not None:
        # As inference.py does: the video begins again, instead of playing back.
        shown = math.ceil(seconds * source.rate) + 1
        framing = replace(framing, repeat_to=max(shown, source.frame_count))
    framed = source if framing.changes_nothing else ReframedSource(source, framing)
    _check_box(look.box, framed.width, framed.height)
    check_encoding(files.face, files.outfile, options)
    assert isinstance(engine, Wav2LipEngine)
    # Refuses a wrong file before the faces are searched for, and keeps it loaded for the render.
    model = engine.model
    with progress_bar() as progress, _prepared(framed, look.box, seconds, progress) as avatar:
        _make_folder(files.outfile.parent)
        made = render(avatar, files.audio, files.outfile, options, progress)
    report(
        {
            "output": str(made.path),
            "frames": made.frames,
            "fps": str(made.rate),
            "runtime": model.runtime.name,
        },
        f"{made.path}: {made.frames} frames at {float(made.rate):g} frames/s, {model.runtime.name}",
    )


def _engine_options(files: FileFlags, look: LookFlags, work: WorkFlags) -> dict[str, Any]:
    if work.face_det_batch_size != 16:
        logger.info("--face_det_batch_size is not needed: faces are found frame by frame")
    return {
        "checkpoint": files.checkpoint_path,
        "pads": look.pads,
        "box": None if look.box == _NO_BOX else look.box,
        "smoothing": "none" if look.nosmooth else "symmetric",
        "animate_silence": look.animate_silence,
        "compat": look.compat,
        "batch_size": work.wav2lip_batch_size,
        "device": work.device,
        "runtime": work.runtime,
    }


def _truth(text: str) -> bool:
    """Return the meaning of ``--static True``."""
    if text.lower() not in _TRUTHS:
        raise OptionError(f"`static` {text}", "is neither True nor False")
    return _TRUTHS[text.lower()]


def _check_box(box: Four, width: int, height: int) -> None:
    from masktalk.engines.wav2lip.boxes import fixed_box

    if box != _NO_BOX:
        fixed_box(box, (width, height))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, f"cannot be made ({error.strerror})") from error


@contextmanager
def _prepared(source: Source, box: Four, seconds: Fraction, progress: Progress) -> Iterator[Avatar]:
    """Yield the avatar of a source; where no face is found, a given box is the face."""
    from masktalk.preparation import PrepareOptions, prepare

    options = PrepareOptions(seconds=seconds)
    try:
        avatar = prepare(source, None, options, progress)
    except NoFaceError:
        if box == _NO_BOX:
            raise
        with tempfile.TemporaryDirectory(prefix="masktalk-") as folder:
            points = Path(folder) / "points.json"
            points.write_text(json.dumps(_points_in(box)), encoding="utf-8")
            avatar = prepare(source, None, replace(options, points=points), progress)
    with avatar:
        yield avatar


def _points_in(box: Four) -> dict[str, tuple[float, float]]:
    """Return the rig points of an upright face that fills a box."""
    top, bottom, left, right = box
    return {
        name: (left + x * (right - left), top + y * (bottom - top))
        for name, (x, y) in _PLACES.items()
    }
