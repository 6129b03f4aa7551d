"""A training run from a folder of videos to weights that ``masktalk render`` takes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from masktalk.engines.device import choose_compute
from masktalk.engines.musetalk.finetuning import RESULT_NAME
from masktalk.engines.musetalk.networks import Networks, load_unet, load_vae
from masktalk.engines.musetalk.options import VERSIONS
from masktalk.engines.musetalk.whisper import WhisperStates
from masktalk.errors import OutputError
from masktalk.faces import LocateOptions
from masktalk.faces.options import parse_face
from masktalk.files import file_digest
from masktalk.train.musetalk.clips import Clip, ClipOptions
from masktalk.train.musetalk.dataset import Index, Preparation, open_clips, prepare_set, videos_in
from masktalk.train.musetalk.losses import LossWeights, Objective
from masktalk.train.musetalk.options import MemoryPlan, TrainOptions, memory_plan
from masktalk.train.musetalk.perceptual import VGG19
from masktalk.train.musetalk.run_folder import (
    CURVE,
    PREPARED,
    VALIDATION,
    Checkpoint,
    RunFolder,
)
from masktalk.train.musetalk.samples import SampleOptions, Sampler, split_runs
from masktalk.train.musetalk.sync_expert import SyncExpert
from masktalk.train.musetalk.trainer import Trainer
from masktalk.train.musetalk.validation import Figures, Validator
from masktalk.types import Progress, no_progress
from masktalk.weights import WeightStore

logger = logging.getLogger(__name__)

_BYTES_PER_GB = 1 << 30


@dataclass(frozen=True)
class TrainResult:
    """Result of ``train_musetalk``.

    Attributes:
        path: The trained weights.
        steps: Steps taken in all.
        before: Held-out figures of the base.
        after: Held-out figures of the result.
    """

    path: Path
    steps: int
    before: Figures
    after: Figures


def train_musetalk(
    videos: Path,
    folder: Path,
    options: TrainOptions | None = None,
    progress: Progress = no_progress,
) -> TrainResult:
    """Fine-tune MuseTalk on talking videos; go on with a run that was interrupted.

    Args:
        videos: A folder of videos with sound, or one video.
        folder: Folder of the run: settings, prepared set, checkpoint, curve and result.
        options: See there.
        progress: Progress callback.

    Raises:
        InputError: No video can be used.
        OptionError: The folder holds a run with other options.
        WeightsError: A base weight is missing or does not fit.
        OutputError: The folder cannot be written or holds something else.
    """
    options = options or TrainOptions()
    found = videos_in(videos)
    store = WeightStore(options.models)
    paths = _Paths.find(options, store)
    kept = RunFolder(folder, options)
    index, prepared = _prepare(found, folder, options, paths, progress)
    run = _Run(options, paths, store, kept, list(open_clips(prepared, index)), index)
    return run.finish(progress)


@dataclass(frozen=True)
class _Paths:
    unet: Path
    vae: Path
    whisper: Path

    @classmethod
    def find(cls, options: TrainOptions, store: WeightStore) -> _Paths:
        return cls(
            options.unet or store.path(VERSIONS[options.version].weights),
            options.vae or store.path("sd-vae"),
            options.whisper or store.path("whisper-tiny"),
        )


def _prepare(
    videos: list[Path], folder: Path, options: TrainOptions, paths: _Paths, progress: Progress
) -> tuple[Index, Path]:
    device = choose_compute(options.device, options.precision, None).device
    clips = ClipOptions(
        LocateOptions(face=parse_face(options.face)), upstream=options.compat == "upstream"
    )
    digest = file_digest(paths.whisper)
    whisper = WhisperStates.load(paths.whisper, device)
    target = options.prepared or folder / PREPARED
    index = prepare_set(videos, target, Preparation(whisper, digest, clips), progress)
    return index, target


class _Run:
    """A run with its data and networks."""

    def __init__(
        self,
        options: TrainOptions,
        paths: _Paths,
        store: WeightStore,
        folder: RunFolder,
        clips: list[Clip],
        index: Index,
    ) -> None:
        self.options, self.folder, self.index = options, folder, index
        self._base = file_digest(paths.unet)
        compute = choose_compute(options.device, options.precision, None)
        torch.manual_seed(options.seed)
        plan = memory_plan(options, _memory_gb(compute.device))
        networks = Networks(
            load_unet(paths.unet, None, torch.float32, compute.device),
            load_vae(paths.vae, torch.float32, compute.device),
        )
        self.left_out: list[str] = []
        objective = self._objective(store).to(compute.device)
        # bfloat16 has float32's range and needs no loss scaling, which float16 would.
        half = torch.bfloat16 if compute.dtype != torch.float32 else None
        self.trainer = Trainer(networks, objective, options, plan, half)
        self.plan: MemoryPlan = plan
        samples = SampleOptions(
            size=networks.picture_size,
            masked_share=options.masks,
            synced=objective.sync_expert is not None,
            upstream=options.compat == "upstream",
        )
        train, held_out = split_runs(clips, options.held_out)
        self.sampler = Sampler(clips, train, samples, options.seed)
        measured = replace(samples, synced=False)
        self.validator = Validator(Sampler(clips, held_out, measured, options.seed))

    def _objective(self, store: WeightStore) -> Objective:
        """Return the losses whose networks are on this machine; name those that are not."""
        weights = self.options.loss_weights
        vgg = self._find(store, "vgg19", "vgg") if weights.vgg else None
        expert = self._find(store, "latentsync-syncnet", "sync") if weights.sync else None
        absent = dict.fromkeys(self.left_out, 0.0)
        kept = LossWeights(**{**vars(weights), **absent})
        return Objective(
            kept,
            VGG19.load(vgg) if vgg else None,
            SyncExpert.load(expert) if expert else None,
        )

    def _find(self, store: WeightStore, weights: str, loss: str) -> Path | None:
        found = store.find(weights)
        if found is None:
            self.left_out.append(loss)
            said = "model %s: is not on this machine, so the loss %s is off; run '%s' to have it"
            logger.warning(said, weights, loss, f"masktalk models pull {weights}")
        return found

    def finish(self, progress: Progress) -> TrainResult:
        """Train to the last step, from the last checkpoint on."""
        done = self._resume()
        before, _ = self.validator.measure(self.trainer)
        after = before
        begun, first = time.monotonic(), done
        while done < self.options.steps:
            report = self.trainer.step(done, self.sampler)
            done += 1
            row = {"step": done, **report.losses, "gradient": report.gradient}
            seconds = (time.monotonic() - begun) / (done - first)
            self.folder.append(CURVE, {**row, "seconds": seconds})
            progress("training", done, self.options.steps)
            last = done == self.options.steps
            if last or done % self.options.validate_every == 0:
                after = self._validate(done)
            if last or done % self.options.save_every == 0:
                self._save(done, after)
        return TrainResult(self.folder.folder / RESULT_NAME, done, before, after)

    def _resume(self) -> int:
        kept = self.folder.read_checkpoint()
        done = 0
        if kept is not None:
            if kept.data != self.index.digest():
                raise OutputError(
                    self.folder.folder,
                    "was trained on other videos",
                    "give the same videos, or choose a new folder",
                )
            self.trainer.restore(kept.state, self.folder.folder)
            done = kept.step
            logger.info("going on after step %d", done)
        for name in (CURVE, VALIDATION):
            self.folder.cut(name, done)
        return done

    def _validate(self, step: int) -> Figures:
        figures, sheet = self.validator.measure(self.trainer)
        self.folder.append(VALIDATION, {"step": step, **figures.row()})
        self.folder.write_sheet(step, sheet)
        return figures

    def _save(self, step: int, figures: Figures) -> None:
        tensors = self.trainer.result()
        self.folder.write_result(tensors, self._card(step, figures))
        state = self.trainer.state()
        self.folder.write_checkpoint(Checkpoint(step, self.index.digest(), state))

    def _card(self, step: int, figures: Figures) -> dict[str, Any]:
        return {
            "masktalk": version("masktalk"),
            "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "part": self.options.train,
            "rank": self.options.rank if self.options.train == "lora" else 0,
            "steps": step,
            "base": self._base,
            "data": self.index.digest(),
            "videos": [clip.name for clip in self.index.clips.values()],
            "skipped": self.index.skipped,
            "frames": sum(clip.frames for clip in self.index.clips.values()),
            "losses_off": self.left_out,
            "batch": self.plan.batch,
            "accumulate": self.plan.accumulate,
            "settings": self.options.frozen_settings(),
            "held_out": figures.row(),
            "licence": "that of the base weights and of the videos",
        }


def _memory_gb(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    return float(torch.cuda.get_device_properties(device).total_memory) / _BYTES_PER_GB
