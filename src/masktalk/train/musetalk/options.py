"""Options of a training run, and what a card of some memory can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from masktalk.engines.musetalk.finetuning import TrainedPart
from masktalk.train.musetalk.losses import LossWeights


def _option(default: Any, description: str, **limits: Any) -> Any:
    return Field(default=default, description=description, **limits)


class TrainOptions(BaseModel):
    """Options of ``train_musetalk``; None means what the device's memory allows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: TrainedPart = _option("lora", "trained part: lora, audio (cross attention) or full")
    rank: int = _option(16, "rank of the low-rank updates", ge=1, le=256)
    steps: int = _option(2000, "optimiser steps", ge=1)
    batch: int | None = _option(None, "samples at a time", ge=1, le=256)
    accumulate: int | None = _option(None, "batches added up for a step", ge=1, le=256)
    learning_rate: float | None = _option(None, "of the UNet; 1e-4, 2e-5 or 5e-6 by part", gt=0)
    warmup: int = _option(100, "steps over which the learning rate rises", ge=0)
    masks: float = _option(0.5, "share of the samples with a painted mask", ge=0, le=1)
    l1: float = _option(1.0, "weight of the absolute difference of pixels", ge=0)
    vgg: float = _option(0.01, "weight of the perceptual loss; needs vgg19", ge=0)
    gan: float = _option(0.0, "weight of the face's adversarial loss; 0.01 in the reference", ge=0)
    mouth_gan: float = _option(0.0, "weight of the mouth's adversarial loss", ge=0)
    feature_matching: float = _option(1.0, "weight of the discriminators' features", ge=0)
    sync: float = _option(0.05, "weight of the synchrony loss; needs latentsync-syncnet", ge=0)
    start_gan: int = _option(1000, "step from which the adversarial losses count", ge=0)
    save_every: int = _option(200, "steps between checkpoints", ge=1)
    validate_every: int = _option(200, "steps between validations", ge=1)
    held_out: float = _option(0.1, "share at the end of each clip kept for validation", gt=0, lt=1)
    seed: int = _option(41, "of every random choice", ge=0)
    face: str = _option("largest", "which of several faces: largest, left, right, N or X,Y")
    device: str = _option("auto", "auto, cpu, mps, cuda or cuda:N")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = _option("auto", "fp32, bf16 or fp16")
    checkpointing: bool | None = _option(None, "recompute activations to save memory")
    compat: Literal["upstream"] | None = _option(None, "upstream: the reference's own choices")
    prepared: Path | None = _option(None, "folder of the prepared set; within OUT unless given")
    models: Path | None = _option(None, "a models/ folder in the reference's layout")
    version: Literal["v15", "v1"] = _option("v15", "base to start from: v15 or v1")
    unet: Path | None = _option(None, "base's file, instead of the version's own")
    vae: Path | None = _option(None, "the VAE's file, instead of the published one")
    whisper: Path | None = _option(None, "Whisper's file, instead of the published one")

    @property
    def loss_weights(self) -> LossWeights:
        """Weights of the losses."""
        return LossWeights(
            l1=self.l1,
            vgg=self.vgg,
            gan=self.gan,
            mouth_gan=self.mouth_gan,
            feature_matching=self.feature_matching,
            sync=self.sync,
        )

    @property
    def rate(self) -> float:
        """Learning rate of the UNet."""
        return self.learning_rate or {"lora": 1e-4, "audio": 2e-5, "full": 5e-6}[self.train]

    def frozen_settings(self) -> dict[str, Any]:
        """Return what must not change when a run goes on: all but length, pace and places."""
        free = {"steps", "save_every", "validate_every", "device", "prepared", "models"}
        return self.model_dump(mode="json", exclude=free)


@dataclass(frozen=True)
class MemoryPlan:
    """Batch size and memory savings that fit a device.

    Attributes:
        batch: Samples at a time.
        accumulate: Batches added up for a step.
        checkpointing: Whether activations are recomputed.
    """

    batch: int
    accumulate: int
    checkpointing: bool


#: Least memory in GB and what fits it, largest first; estimated, see docs/training.md.
_PLANS = (
    (70, MemoryPlan(16, 1, False)),
    (22, MemoryPlan(8, 2, True)),
    (11, MemoryPlan(4, 4, True)),
    (0, MemoryPlan(1, 16, True)),
)
_CPU_PLAN = MemoryPlan(1, 1, False)


def memory_plan(options: TrainOptions, memory_gb: float | None) -> MemoryPlan:
    """Return batch, accumulation and checkpointing, as given or as the memory allows.

    Args:
        options: Those that are not None hold.
        memory_gb: Memory of the device in GB; None on a processor.
    """
    fits = _CPU_PLAN
    if memory_gb is not None:
        fits = next(plan for least, plan in _PLANS if memory_gb >= least)
    return MemoryPlan(
        options.batch or fits.batch,
        options.accumulate or (1 if options.batch else fits.accumulate),
        fits.checkpointing if options.checkpointing is None else options.checkpointing,
    )
