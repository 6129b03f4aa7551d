"""`masktalk musetalk`: the reference's own command line and YAML files."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import name_flags
from masktalk.cli.records import takes_records
from masktalk.errors import MasktalkError, OptionError
from masktalk.option_fields import parse_fraction

if TYPE_CHECKING:
    from masktalk.avatar import Avatar
    from masktalk.cli.musetalk_tasks import Clip
    from masktalk.types import Progress

logger = logging.getLogger(__name__)

_EXIT_SOME_FAILED = 1
_RESULTS = Path("./results")
_FILES, _LOOK, _WORK = "Files", "Look", "Work"


class Release(str, Enum):
    """The published versions."""

    v1 = "v1"
    v15 = "v15"


class Parsing(str, Enum):
    """Part of the face that the blending mask covers."""

    raw = "raw"
    jaw = "jaw"
    neck = "neck"


def _flag(name: str, text: str, panel: str) -> Any:
    return typer.Option(f"--{name}", help=text, rich_help_panel=panel)


@dataclass(frozen=True)
class FileFlags:
    """Flags of input, output and weight paths."""

    inference_config: Annotated[Path, _flag("inference_config", "YAML with the tasks.", _FILES)] = (
        Path("configs/inference/test.yaml")
    )
    result_dir: Annotated[Path, _flag("result_dir", "Where the videos go.", _FILES)] = _RESULTS
    output_vid_name: Annotated[
        str | None, _flag("output_vid_name", "Name of the video.", _FILES)
    ] = None
    unet_model_path: Annotated[
        Path | None, _flag("unet_model_path", "The generator's file.", _FILES)
    ] = None
    unet_config: Annotated[
        Path | None, _flag("unet_config", "The generator's configuration.", _FILES)
    ] = None
    whisper_dir: Annotated[Path | None, _flag("whisper_dir", "Folder of Whisper.", _FILES)] = None
    vae_type: Annotated[str, _flag("vae_type", "Folder in models/ of the VAE.", _FILES)] = "sd-vae"
    ffmpeg_path: Annotated[
        str | None, _flag("ffmpeg_path", "Not needed: FFmpeg is built in.", _FILES)
    ] = None


@dataclass(frozen=True)
class LookFlags:
    """Flags of the generated picture."""

    version: Annotated[Release, _flag("version", "Which release.", _LOOK)] = Release.v15
    bbox_shift: Annotated[
        int, _flag("bbox_shift", "Pixels the box moves down; opens the mouth.", _LOOK)
    ] = 0
    extra_margin: Annotated[
        int | None, _flag("extra_margin", "Pixels below the chin; 10 for v15.", _LOOK)
    ] = None
    fps: Annotated[str | None, _flag("fps", "Frames per second; a video keeps its own.", _LOOK)] = (
        None
    )
    audio_padding_length_left: Annotated[
        int, _flag("audio_padding_length_left", "Frames heard before.", _LOOK)
    ] = 2
    audio_padding_length_right: Annotated[
        int, _flag("audio_padding_length_right", "Frames heard after.", _LOOK)
    ] = 2
    parsing_mode: Annotated[
        Parsing | None, _flag("parsing_mode", "How the mask is cut; jaw for v15.", _LOOK)
    ] = None
    left_cheek_width: Annotated[
        int | None, _flag("left_cheek_width", "Reach of a jaw mask.", _LOOK)
    ] = None
    right_cheek_width: Annotated[
        int | None, _flag("right_cheek_width", "Reach of a jaw mask.", _LOOK)
    ] = None
    animate_silence: Annotated[
        bool, _flag("animate_silence", "Move the mouth in silence too.", _LOOK)
    ] = False
    keep_silence: Annotated[bool, typer.Option("--keep_silence", hidden=True)] = False
    crop: Annotated[str, _flag("crop", "stable or reference.", _LOOK)] = "stable"


@dataclass(frozen=True)
class WorkFlags:
    """Flags of device and precision."""

    batch_size: Annotated[int | None, _flag("batch_size", "Frames at a time.", _WORK)] = None
    gpu_id: Annotated[int, _flag("gpu_id", "Which GPU, where there is one.", _WORK)] = 0
    use_float16: Annotated[
        bool, _flag("use_float16", "Compute in fp16; the usual on a GPU anyway.", _WORK)
    ] = False
    use_saved_coord: Annotated[
        bool, _flag("use_saved_coord", "Always so: what did not change is reused.", _WORK)
    ] = False
    saved_coord: Annotated[
        bool, _flag("saved_coord", "Always so: what was prepared is kept.", _WORK)
    ] = False
    skip_save_images: Annotated[
        bool, _flag("skip_save_images", "Always so: no frame is written as a picture.", _WORK)
    ] = False


@takes_records
def musetalk(
    script: Annotated[
        str, typer.Argument(help="scripts.inference or scripts.realtime_inference; either way.")
    ] = "scripts.inference",
    *,
    files: FileFlags,
    look: LookFlags,
    work: WorkFlags,
) -> None:
    """Run MuseTalk's own command lines and YAML files.

    Entries with audio_clips are what scripts.realtime_inference does, the others what
    scripts.inference does. A task that fails does not stop the others.
    """
    from masktalk.cli.musetalk_tasks import OutputPaths, clips, read_tasks

    if script not in ("scripts.inference", "scripts.realtime_inference"):
        raise OptionError(script, "is not a script of MuseTalk's", "leave the word out")
    if look.keep_silence:
        logger.warning("--keep_silence is now called --animate_silence")
    _explain(files, work)
    places = OutputPaths(files.result_dir, look.version.value, files.output_vid_name)
    tasks = read_tasks(files.inference_config)
    failed: dict[str, str] = {}
    engine = _Engine(files, look, work)
    with progress_bar() as progress:
        for clip in clips(tasks, places):
            try:
                engine.make(clip, progress)
            except (MasktalkError, OSError) as error:
                failed[f"{clip.task} ({clip.output.name})"] = name_flags(str(error))
                logger.warning("%s failed: %s", clip.task, error)
    for name, why in failed.items():
        sys.stderr.write(f"masktalk: {name}: {why}\n")
    if failed:
        raise typer.Exit(_EXIT_SOME_FAILED)


def _explain(files: FileFlags, work: WorkFlags) -> None:
    if files.ffmpeg_path is not None:
        logger.info("--ffmpeg_path is not needed: FFmpeg is built in")
    if work.use_saved_coord or work.saved_coord:
        logger.info("prepared avatars are always kept, and reused when nothing changed")


class _Engine:
    """Makes clips, with the networks loaded once."""

    def __init__(self, files: FileFlags, look: LookFlags, work: WorkFlags) -> None:
        self._files = files
        self._look = look
        self._work = work
        self._loaded: Any = None

    def make(self, clip: Clip, progress: Progress) -> None:
        """Render one clip to where the reference writes it.

        Raises:
            MasktalkError: Anything is wrong with it.
        """
        from masktalk.engines import make_engine
        from masktalk.rendering import RenderOptions, render

        options = self._options(clip)
        engine = make_engine("musetalk", options)
        clip.output.parent.mkdir(parents=True, exist_ok=True)
        with self._avatar(clip, progress) as avatar:
            if self._loaded is None:
                self._loaded = engine.studio  # type: ignore[attr-defined]
            span = engine.bbox_shift_range(avatar)  # type: ignore[attr-defined]
            chosen = RenderOptions(
                engine="musetalk",
                engine_options=options,
                fps=parse_fraction(self._look.fps, "fps"),
                overwrite=True,
            )
            made = render(avatar, clip.speech, clip.output, chosen, progress)
        self._also_in_result_dir(clip)
        shift = f"bbox_shift {options['bbox_shift']} of [-{span.up}~{span.down}]"
        report(
            {
                "task": clip.task,
                "output": str(made.path),
                "frames": made.frames,
                "fps": str(made.rate),
                "bbox_shift": options["bbox_shift"],
                "bbox_shift_range": [-span.up, span.down],
            },
            f"{clip.task}: {made.path}, {made.frames} frames, {shift}",
        )

    def _avatar(self, clip: Clip, progress: Progress) -> Avatar:
        from masktalk.avatar import is_avatar
        from masktalk.cli.musetalk_tasks import folder_rate
        from masktalk.preparation import PrepareOptions, prepare

        if clip.bundle is not None and is_avatar(clip.bundle) and not clip.source.exists():
            return prepare(clip.bundle)
        if clip.bundle is not None:
            clip.bundle.parent.mkdir(parents=True, exist_ok=True)
        rate = folder_rate(clip.source, parse_fraction(self._look.fps, "fps"))
        return prepare(clip.source, clip.bundle, PrepareOptions(fps=rate), progress)

    def _options(self, clip: Clip) -> dict[str, Any]:
        look, work = self._look, self._work
        own = {
            "version": look.version.value,
            "crop": look.crop,
            "bbox_shift": look.bbox_shift if clip.bbox_shift is None else clip.bbox_shift,
            "extra_margin": look.extra_margin,
            "parsing_mode": look.parsing_mode.value if look.parsing_mode else None,
            "left_cheek_width": look.left_cheek_width,
            "right_cheek_width": look.right_cheek_width,
            "animate_silence": look.animate_silence or look.keep_silence,
            "audio_padding_length_left": look.audio_padding_length_left,
            "audio_padding_length_right": look.audio_padding_length_right,
            "batch_size": work.batch_size,
            "encode": "all" if clip.encode_all else "shown",
            **_device(work),
        }
        return {**own, **_weights(self._files)}

    def _also_in_result_dir(self, clip: Clip) -> None:
        """The reference keeps avatars in ./results whatever is asked; what is asked is done too."""
        chosen = self._files.result_dir
        if clip.bundle is None or chosen.resolve() == _RESULTS.resolve():
            return
        copy = chosen / clip.output.relative_to(_RESULTS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        try:
            os.link(clip.output, copy)
        except OSError:
            shutil.copyfile(clip.output, copy)


def _device(work: WorkFlags) -> dict[str, str]:
    import torch

    if torch.cuda.is_available():
        return {
            "device": f"cuda:{work.gpu_id}",
            "precision": "fp16" if work.use_float16 else "auto",
        }
    if work.use_float16:
        logger.info("--use_float16 is for a GPU; this machine's own precision is used")
    return {"device": "auto", "precision": "auto"}


def _weights(files: FileFlags) -> dict[str, Path | None]:
    """The engine's weights options: what is given must be there, the usual places may be."""
    models = Path("models")
    chosen: dict[str, Path | None] = {"models": models if models.is_dir() else None}
    for option, path in (("unet", files.unet_model_path), ("unet_config", files.unet_config)):
        chosen[option] = _given(path, f"--{'unet_model_path' if option == 'unet' else option}")
    if files.whisper_dir is not None:
        folder = _given(files.whisper_dir, "--whisper_dir")
        chosen["whisper"] = _first(folder, ("model.safetensors", "pytorch_model.bin"))
    vae = models / files.vae_type
    if vae.is_dir():
        names = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
        chosen["vae"] = _first(vae, names)
    elif files.vae_type != "sd-vae":
        raise OptionError(f"--vae_type {files.vae_type}", f"{vae} is not here")
    return chosen


def _given(path: Path | None, flag: str) -> Path | None:
    if path is not None and not path.exists():
        raise OptionError(f"{flag} {path}", "is not here")
    return path


def _first(folder: Path | None, names: tuple[str, ...]) -> Path | None:
    if folder is None:
        return None
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        raise OptionError(folder, f"has neither {' nor '.join(names)}")
    return found
