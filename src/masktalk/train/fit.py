"""Trains the speech network on the corpus: CPU only, fixed seeds."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from masktalk.errors import InputError
from masktalk.speech.coarticulation import trajectories
from masktalk.speech.gestures import GESTURES
from masktalk.speech.network import NetworkStage, load_network, save_network
from masktalk.speech.phones import INDEX, NAMES, SILENCE
from masktalk.train.articulation_model import SPREAD, SpeechModel
from masktalk.train.augment import NoiseBank, augment, levelled
from masktalk.types import FloatArray

log = logging.getLogger(__name__)

#: Steps each head hears ahead.
DELAYS = {"phones": 6, "late": 11, "gestures": 11, "voice": 4}
_SIZES = {"phones": len(NAMES), "late": len(NAMES), "gestures": len(GESTURES), "voice": 1}
#: How much more often real voices are heard than synthesised ones.
_RECORDED = 3.0
#: Share of the examples in which nobody speaks.
_NOISE_ONLY = 0.06
#: Share of the examples that begin with a pause.
_LATE_START = 0.25


@dataclass(frozen=True)
class FitOptions:
    """Options of ``fit``.

    Attributes:
        corpus: Folder of shards.
        out: Where the network goes.
        minutes: Longest time to train for.
        seed: Of weights, order and augmentation.
        length: Steps of one example.
        batch: Examples at a time.
        threads: Of the processor.
        width: Channels of every layer.
        start: A trained network of that width to go on from.
        rate: Highest learning rate.
        steps: Stop after so many; a run that ends by them, and not by the clock, can be
            made again. The rate falls to nothing towards whichever end is nearer.
        noise: Seconds of each noise to spoil the speech with.
    """

    corpus: Path
    out: Path
    minutes: float = 60.0
    seed: int = 1
    length: int = 256
    batch: int = 32
    threads: int = 1
    width: int = 176
    start: Path | None = None
    rate: float = 2e-3
    steps: int | None = None
    noise: int = 40


@dataclass(frozen=True, eq=False)
class Shard:
    """One voice: (N, BANDS) log-mel, (N,) classes and (N, gestures) targets.

    Attributes:
        share: How often it is heard, against others of its length.
    """

    name: str
    features: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]
    gestures: FloatArray
    share: float = 1.0


def read_corpus(folder: Path) -> list[Shard]:
    """Read every shard of a corpus.

    Raises:
        InputError: The folder has none.
    """
    shards = []
    for path in sorted(folder.glob("*.npz")):
        if path.name.endswith(".part.npz"):
            continue
        with np.load(path, allow_pickle=False) as packed:
            labels = packed["labels"]
            share = _RECORDED if packed.get("recorded") else 1.0
            rows, targets = packed["features"], trajectories(labels)
            shards.append(Shard(path.stem, rows, labels, targets, share))
    if not shards:
        raise InputError(folder, "has no corpus", "make one: python -m masktalk.train corpus")
    return shards


def fit(options: FitOptions) -> Iterator[dict[str, float]]:
    """Train, yield the figures now and then, and write the network at the end."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    random = np.random.default_rng(options.seed)
    shards = read_corpus(options.corpus)
    bank = NoiseBank.make(random, options.noise)
    model = SpeechModel(_SIZES, width=options.width)
    if options.start is not None:
        model.resume(load_network(options.start), _batch(shards, bank, random, options)[0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    begin, step = time.monotonic(), 0
    sums: dict[str, float] = {}
    while (elapsed := (time.monotonic() - begin) / 60) < options.minutes and step != options.steps:
        share = max(elapsed / options.minutes, step / options.steps if options.steps else 0.0)
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / 100)
            group["lr"] = options.rate * warm * 0.5 * (1 + np.cos(np.pi * share)) + 1e-5
        batch = _batch(shards, bank, random, options)
        with torch.autocast("cpu", torch.bfloat16):
            losses = _losses(model, *batch)
        total = losses["phones"] + 0.5 * losses["late"] + losses["gestures"] + losses["voice"]
        optimizer.zero_grad()
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        step += 1
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach())
        if step % 50 == 0:
            yield {"step": step, "minutes": elapsed, **{k: v / 50 for k, v in sums.items()}}
            sums = {}
        if step % 250 == 0:
            _save(model, options)
    _save(model, options)


def _save(model: SpeechModel, options: FitOptions) -> None:
    model.eval()
    save_network(model.exported(DELAYS, NAMES), options.out)
    model.train()


def _batch(
    shards: list[Shard], bank: NoiseBank, random: np.random.Generator, options: FitOptions
) -> tuple[Tensor, Tensor, Tensor]:
    weights = np.array([len(shard.labels) * shard.share for shard in shards], float)
    chosen = random.choice(len(shards), options.batch, p=weights / weights.sum())
    rows, labels, gestures = [], [], []
    for index in chosen:
        shard = shards[index]
        start = int(random.integers(0, len(shard.labels) - options.length))
        part = slice(start, start + options.length)
        rows.append(shard.features[part].astype(np.float32))
        labels.append(shard.labels[part])
        gestures.append(shard.gestures[part])
        if random.random() < _NOISE_ONLY:
            noise = bank.rows[random.integers(len(bank.rows))]
            begin = int(random.integers(0, len(noise) - options.length))
            rows[-1] = noise[begin : begin + options.length]
            labels[-1] = np.full(options.length, INDEX[SILENCE], np.uint8)
            gestures[-1] = trajectories(labels[-1])
        elif random.random() < _LATE_START:
            rows[-1], labels[-1] = _quiet_start(rows[-1], labels[-1], bank, random)
            gestures[-1] = trajectories(labels[-1])
    augmented = augment(np.stack(rows), bank, random)
    return (
        torch.from_numpy(augmented),
        torch.from_numpy(np.stack(labels)).long(),
        torch.from_numpy(np.stack(gestures)),
    )


def _quiet_start(
    rows: FloatArray,
    labels: npt.NDArray[np.uint8],
    bank: NoiseBank,
    random: np.random.Generator,
) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    """Replace the beginning with faint noise: the level of the speech is then unknown."""
    count = int(random.integers(10, len(rows) // 2))
    noise = bank.rows[random.integers(len(bank.rows))]
    begin = int(random.integers(0, len(noise) - count))
    level = float(np.log(np.exp(rows).mean() + 1e-10)) - random.uniform(4.5, 10.5)
    rows, labels = rows.copy(), labels.copy()
    rows[:count] = noise[begin : begin + count] + level
    labels[:count] = INDEX[SILENCE]
    return rows, labels


def _losses(
    model: SpeechModel, rows: Tensor, labels: Tensor, gestures: Tensor
) -> dict[str, Tensor]:
    outputs = model(rows)
    warm = 20

    def lined_up(head: str, target: Tensor) -> tuple[Tensor, Tensor]:
        delay = DELAYS[head]
        return outputs[head][:, delay + warm :], target[:, warm : target.shape[1] - delay]

    losses = {}
    for head in ("phones", "late"):
        answer, truth = lined_up(head, labels)
        losses[head] = nn.functional.cross_entropy(answer.flatten(0, 1), truth.flatten())
    answer, truth = lined_up("gestures", gestures)
    losses["gestures"] = (((answer - truth) / SPREAD) ** 2).mean()
    answer, truth = lined_up("voice", (labels != INDEX[SILENCE]).float().unsqueeze(2))
    losses["voice"] = nn.functional.binary_cross_entropy_with_logits(answer, truth)
    return losses


_STEPS = 1500


def evaluate(
    path: Path, corpus: Path, seed: int = 99, noise: int = 40
) -> dict[str, dict[str, float]]:
    """Return phone accuracy and gesture correlation, one entry a condition.

    Raises:
        InputError: The corpus is empty.
        WeightsError: The network cannot be read.
    """
    network = load_network(path)
    random = np.random.default_rng(seed)
    bank = NoiseBank.make(random, noise)
    figures = {}
    for condition in ("clean", "spoilt"):
        right, correlations = [], []
        for shard in read_corpus(corpus):
            rows = shard.features[:_STEPS].astype(np.float32)[None]
            spoilt = levelled(rows) if condition == "clean" else augment(rows, bank, random)
            heard = NetworkStage(network).push(spoilt[0])
            guessed = heard["late"].argmax(axis=1)
            right.append(float((guessed == shard.labels[: len(guessed)]).mean()))
            truth = shard.gestures[: len(heard["gestures"])]
            correlations.append(
                [np.corrcoef(heard["gestures"][:, k], truth[:, k])[0, 1] for k in (0, 1)]
            )
        aperture, width = np.nanmean(correlations, axis=0)
        figures[condition] = {
            "phones": float(np.mean(right)),
            "aperture_r": float(aperture),
            "width_r": float(width),
        }
    return figures
