"""`masktalk sadtalker`: the reference's own command line."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from masktalk.cli.console import progress_bar, report
from masktalk.cli.records import takes_records
from masktalk.errors import InputError, NoFaceError, OptionError
from masktalk.landmarks import RIG_LANDMARKS

if TYPE_CHECKING:
    from masktalk.avatar import Avatar
    from masktalk.engines.sadtalker.crop import Region
    from masktalk.types import Face, Progress

_FILES, _LOOK, _WORK = "Files", "Look", "Work"
#: Frames per second of the reference's videos.
_FRAME_RATE = Fraction(25)
_ANGLE_FLAGS = ("--input_yaw", "--input_pitch", "--input_roll")


class Preprocess(str, Enum):
    """Crop modes."""

    crop = "crop"
    extcrop = "extcrop"
    resize = "resize"
    full = "full"
    extfull = "extfull"


class AngleListCommand(TyperCommand):
    """A command whose angle flags take several numbers, as ``--input_yaw -20 30 10``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the numbers after each angle flag into its one value."""
        return super().parse_args(ctx, join_angles(args))


def join_angles(words: list[str]) -> list[str]:
    """Return a command line with the numbers after each angle flag joined to it."""
    joined: list[str] = []
    gathering = False
    for word in words:
        if gathering and _is_number(word):
            joined[-1] += f" {word}"
            continue
        gathering = word in _ANGLE_FLAGS
        joined.append(f"{word}=" if gathering else word)
    return joined


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _flag(name: str, text: str, panel: str, hidden: bool = False) -> Any:
    return typer.Option(f"--{name}", help=text, rich_help_panel=panel, hidden=hidden)


@dataclass(frozen=True)
class FileFlags:
    """Paths of what is read and written."""

    driven_audio: Annotated[Path, _flag("driven_audio", "The speech.", _FILES)]
    source_image: Annotated[Path, _flag("source_image", "The picture.", _FILES)]
    ref_eyeblink: Annotated[
        Path | None, _flag("ref_eyeblink", "Video whose eyelids are taken over.", _FILES)
    ] = None
    ref_pose: Annotated[
        Path | None, _flag("ref_pose", "Video whose head movement is added.", _FILES)
    ] = None
    checkpoint_dir: Annotated[Path, _flag("checkpoint_dir", "SadTalker's checkpoints.", _FILES)] = (
        Path("./checkpoints")
    )
    result_dir: Annotated[Path, _flag("result_dir", "Where the videos go.", _FILES)] = Path(
        "./results"
    )


@dataclass(frozen=True)
class LookFlags:
    """Choices about the video."""

    pose_style: Annotated[int, _flag("pose_style", "Manner of movement, 0 to 45.", _LOOK)] = 0
    size: Annotated[int, _flag("size", "Pixels of the head: 256 or 512.", _LOOK)] = 256
    expression_scale: Annotated[
        float, _flag("expression_scale", "Strength of the expression.", _LOOK)
    ] = 1.0
    input_yaw: Annotated[
        str | None, _flag("input_yaw", "Degrees that the head turns through.", _LOOK)
    ] = None
    input_pitch: Annotated[
        str | None, _flag("input_pitch", "Degrees that it nods through.", _LOOK)
    ] = None
    input_roll: Annotated[
        str | None, _flag("input_roll", "Degrees that it tilts through.", _LOOK)
    ] = None
    still: Annotated[bool, _flag("still", "Keep the head as it is.", _LOOK)] = False
    preprocess: Annotated[
        Preprocess, _flag("preprocess", "The part of the picture that is shown.", _LOOK)
    ] = Preprocess.crop
    enhancer: Annotated[
        str | None, _flag("enhancer", "Not included in masktalk.", _LOOK, hidden=True)
    ] = None
    background_enhancer: Annotated[
        str | None, _flag("background_enhancer", "Not included.", _LOOK, hidden=True)
    ] = None


@dataclass(frozen=True)
class WorkFlags:
    """Choices about the computation."""

    batch_size: Annotated[int | None, _flag("batch_size", "Frames at a time.", _WORK)] = None
    cpu: Annotated[bool, _flag("cpu", "Compute on the processor.", _WORK)] = False
    verbose: Annotated[
        bool, _flag("verbose", "No effect: there are no intermediate files.", _WORK)
    ] = False
    old_version: Annotated[
        bool, _flag("old_version", "No effect: what is in the folder is used.", _WORK)
    ] = False
    face3dvis: Annotated[bool, _flag("face3dvis", "Not included.", _WORK, hidden=True)] = False


@takes_records
def sadtalker(*, files: FileFlags, look: LookFlags, work: WorkFlags) -> None:
    """Run SadTalker's own command line.

    The video is RESULT_DIR/YEAR_MONTH_DAY_HOUR.MINUTE.SECOND.mp4, as from inference.py.
    """
    from masktalk.engines import make_engine
    from masktalk.rendering import RenderOptions, render, spoken_seconds

    _refuse_missing_parts(look, work)
    for path in (files.driven_audio, files.source_image, files.ref_eyeblink, files.ref_pose):
        if path is not None and not path.is_file():
            raise InputError(path, "does not exist")
    if not files.checkpoint_dir.is_dir():
        raise OptionError(f"--checkpoint_dir {files.checkpoint_dir}", "is not a folder")
    options = _engine_options(files, look, work)
    make_engine("sadtalker", options)
    spoken_seconds(files.driven_audio, RenderOptions())
    files.result_dir.mkdir(parents=True, exist_ok=True)
    output = free_name(files.result_dir / time.strftime("%Y_%m_%d_%H.%M.%S.mp4"))
    with tempfile.TemporaryDirectory() as folder, progress_bar() as progress:
        chosen = RenderOptions(engine="sadtalker", engine_options=options, fps=_FRAME_RATE)
        with _avatar(files.source_image, look, Path(folder), progress) as avatar:
            made = render(avatar, files.driven_audio, output, chosen, progress)
    report(
        {"output": str(made.path), "frames": made.frames, "fps": str(made.rate)},
        f"The generated video is named: {made.path}",
    )


def free_name(path: Path) -> Path:
    """Return a path, with a number before its suffix when it is taken."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return free


def _engine_options(files: FileFlags, look: LookFlags, work: WorkFlags) -> dict[str, Any]:
    crops = look.preprocess not in (Preprocess.full, Preprocess.extfull)
    return {
        "checkpoints": files.checkpoint_dir,
        "size": look.size,
        "preprocess": "resize" if crops else look.preprocess.value,
        "still": look.still,
        "pose_style": look.pose_style,
        "expression_scale": look.expression_scale,
        "yaw": look.input_yaw or (),
        "pitch": look.input_pitch or (),
        "roll": look.input_roll or (),
        "ref_eyeblink": files.ref_eyeblink,
        "ref_pose": files.ref_pose,
        "batch_size": work.batch_size,
        "device": "cpu" if work.cpu else "auto",
    }


def _refuse_missing_parts(look: LookFlags, work: WorkFlags) -> None:
    missing = {
        "--enhancer": look.enhancer,
        "--background_enhancer": look.background_enhancer,
        "--face3dvis": work.face3dvis or None,
    }
    for flag, given in missing.items():
        if given is not None:
            raise OptionError(flag, "is not included in masktalk", "leave it out")


def _avatar(source: Path, look: LookFlags, folder: Path, progress: Progress) -> Avatar:
    """Prepare the part of the picture that is shown, in the crop modes at the reference's size.

    A face that is not found in the part keeps the points it has in the picture.
    """
    from PIL import Image

    from masktalk.engines.sadtalker.crop import Region, cut_out, face_points, head_region
    from masktalk.faces import locate
    from masktalk.media import open_source
    from masktalk.preparation import PrepareOptions, prepare

    frame = next(iter(open_source(source).frames()))
    face = locate(frame)
    if face is None:
        raise NoFaceError(source, "no face was found", "use another picture")
    mode, size = look.preprocess, (frame.width, frame.height)
    region, pixels = Region(0, 0, *size), frame.pixels
    if mode in (Preprocess.crop, Preprocess.extcrop):
        region = head_region(face_points(face), size, mode.value)
    if mode not in (Preprocess.full, Preprocess.extfull):
        size = (look.size, max(int(look.size * region.height / region.width), 1))
        pixels = cut_out(frame.pixels[..., :3], region, size)
    shown = folder / "picture.png"
    Image.fromarray(pixels).save(shown)
    try:
        return prepare(shown, folder / "avatar", progress=progress)
    except NoFaceError:
        points = folder / "points.json"
        points.write_text(json.dumps(_rig_points(face, region, size)), encoding="utf-8")
        return prepare(shown, folder / "avatar", PrepareOptions(points=points), progress)


def _rig_points(face: Face, region: Region, size: tuple[int, int]) -> dict[str, list[float]]:
    """Return a face's points in a region that is resized, as a points file has them."""
    from masktalk.engines.sadtalker.crop import points_in

    places = points_in(face.mesh[list(RIG_LANDMARKS.values()), :2], region, size)
    return dict(zip(RIG_LANDMARKS, places.tolist(), strict=True))
