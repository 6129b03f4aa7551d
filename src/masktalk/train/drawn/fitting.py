"""Training on pictures that are drawn as it goes."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import multiprocessing, nn

from masktalk.train.drawn.landmark_model import CROP_SIDE, PointNet
from masktalk.train.drawn.photographs import photograph_crop
from masktalk.train.drawn.pictures import crop_picture, empty_picture
from masktalk.types import FloatArray

_MIRRORED = [1, 0, 2, 4, 3, 5, 6, 7]
_NO_HEAD, _PHOTOGRAPH = 0.06, 0.14  # shares of the crops


@dataclass(frozen=True)
class DrawnFitOptions:
    """Options of ``fit_points``.

    Attributes:
        out: State dict to write.
        minutes: Longest time to train for.
        start: State dict to go on from.
        batch: Pictures a step.
        rate: Highest learning rate.
        seed: Of the pictures.
        workers: Processes that draw.
    """

    out: Path
    minutes: float
    start: Path | None = None
    batch: int = 32
    rate: float = 2e-3
    seed: int = 1
    workers: int = 1


def point_sample(rng: np.random.Generator) -> tuple[npt.NDArray[Any], ...]:
    """Draw a crop: picture, points, box, state, kind, animal; -1 or NaN where unknown."""
    chance = rng.random()
    points: FloatArray = np.full((8, 2), np.nan, np.float32)
    box: FloatArray = np.full(4, np.nan, np.float32)
    state, kind, animal = -1, 1, 0
    if chance < _NO_HEAD:
        pixels = empty_picture(rng, CROP_SIDE)
        kind = 0
    elif chance < _NO_HEAD + _PHOTOGRAPH:
        pixels, points, box, state = photograph_crop(rng, CROP_SIDE)
        kind = 2
    else:
        pixels, truth = crop_picture(rng, CROP_SIDE)
        points, box, state, animal = truth.points, truth.box, truth.state, int(truth.animal)
    points, box = points / CROP_SIDE, box / CROP_SIDE
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
        points = (points * [-1, 1] + [1, 0])[_MIRRORED]
        box = np.array([1 - box[2], box[1], 1 - box[0], box[3]])
    labels = np.array([state, kind, animal], np.int64)
    return np.ascontiguousarray(pixels), points.astype(np.float32), box.astype(np.float32), labels


def point_loss(net: nn.Module, batch: list[torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of a batch of crops and its parts."""
    pixels, points, box, labels = batch
    said, _, said_box, state, kind, logits = net(pixels)
    known = torch.isfinite(points[:, :, 0]) & ((points > 0.02) & (points < 0.98)).all(2)
    want = torch.nan_to_num(points)
    away = (said - want).abs().sum(2)
    coordinate = (away * known).sum() / known.sum().clamp(min=1)
    side = math.isqrt(logits.shape[2])
    ramp = (torch.arange(side) + 0.5) / side
    sigma = 1.1 / side
    gx = torch.exp(-(((ramp - want[..., :1]) / sigma) ** 2) / 2)
    gy = torch.exp(-(((ramp - want[..., 1:]) / sigma) ** 2) / 2)
    goal = (gy[..., :, None] * gx[..., None, :]).flatten(2)
    goal = goal / goal.sum(2, keepdim=True).clamp(min=1e-6)
    entropy = -(goal * torch.log_softmax(logits, dim=2)).sum(2)
    heat = (entropy * known).sum() / known.sum().clamp(min=1)
    boxed = torch.isfinite(box[:, 0])
    outline = ((said_box - torch.nan_to_num(box)).abs().sum(1) * boxed).sum() / boxed.sum().clamp(
        min=1
    )
    told = nn.functional.cross_entropy(state, labels[:, 0], ignore_index=-1)
    sort = (
        nn.functional.cross_entropy(kind[:, :3], labels[:, 1])
        if kind.shape[1] >= 3
        else state.sum() * 0
    )
    loss = 8 * coordinate + 0.4 * heat + outline + 0.6 * told + 0.4 * sort
    with torch.no_grad():
        seen = labels[:, 0] >= 0
        right = (state.argmax(1) == labels[:, 0])[seen].float().mean()
        figures = {
            "point": float(coordinate), "heat": float(heat), "state": float(right),
            "kind": float((kind[:, :3].argmax(1) == labels[:, 1]).float().mean()),
        }  # fmt: skip
    return loss, figures


def _draw_forever(sample: Callable[..., Any], seed: int, batch: int, out: Any) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while True:
        parts = zip(*(sample(rng) for _ in range(batch)), strict=True)
        out.put([np.stack(part) for part in parts])


def _batches(sample: Callable[..., Any], options: DrawnFitOptions) -> Iterator[list[torch.Tensor]]:
    context = multiprocessing.get_context("fork")
    filled = context.Queue(8)
    seeds = [options.seed * 1000 + k for k in range(options.workers)]
    painters = [
        context.Process(target=_draw_forever, args=(sample, s, options.batch, filled), daemon=True)
        for s in seeds
    ]
    for painter in painters:
        painter.start()
    try:
        while True:
            try:
                arrays = filled.get(timeout=60)
            except queue.Empty:
                return
            tensors = [torch.from_numpy(array) for array in arrays]
            tensors[0] = tensors[0].permute(0, 3, 1, 2).float().div(255)
            yield tensors
    finally:
        for painter in painters:
            painter.terminate()


def train(
    net: nn.Module, sample: Any, loss_of: Any, options: DrawnFitOptions
) -> Iterator[dict[str, float]]:
    """Train for so many minutes, keeping a moving average of the weights; yield figures."""
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.start is not None:
        net.load_state_dict(torch.load(options.start, weights_only=True))
    mean = {name: value.clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), options.rate, weight_decay=1e-4)
    begun = time.monotonic()
    sums: dict[str, float] = {}
    for step, batch in enumerate(_batches(sample, options), 1):
        share = (time.monotonic() - begun) / (60 * options.minutes)
        if share >= 1:
            break
        warm = min(1.0, step / 100)
        for group in optimiser.param_groups:
            group["lr"] = options.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2)
        net.train()
        loss, figures = loss_of(net, batch)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        keep = min(0.998, step / (step + 10))
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                mean[name].lerp_(value, 1 - keep)
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value
        if step % 100 == 0:
            torch.save(mean, options.out)
            yield {
                "minutes": share * options.minutes,
                "step": step,
                **{n: v / 100 for n, v in sums.items()},
            }
            sums = {}
    torch.save(mean, options.out)


def fit_points(options: DrawnFitOptions) -> Iterator[dict[str, float]]:
    """Train the network of the points."""
    return train(PointNet(), point_sample, point_loss, options)
