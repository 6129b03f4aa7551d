"""Held-out figures and a contact sheet of the faces that the network paints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

import cv2
import numpy as np
import torch
from torch import Tensor

from masktalk.train.musetalk.samples import Batch, Part, Sampler
from masktalk.train.musetalk.trainer import Trainer
from masktalk.types import UInt8Array

#: Samples that are measured and shown.
VALIDATION_SAMPLES = 12
_SHEET_ROWS = 6
_GAP = 4


@dataclass(frozen=True)
class Figures:
    """Mean absolute errors over held-out samples, of values in -1..1.

    Attributes:
        l1: Over the whole crop.
        mouth: Within the mouths' boxes.
        cover: Within the painted masks; 0 where there are none.
    """

    l1: float
    mouth: float
    cover: float

    def row(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


class Validator:
    """Measures the same held-out samples again and again.

    Args:
        sampler: Of the held-out parts.
        count: Samples to measure.
    """

    def __init__(self, sampler: Sampler, count: int = VALIDATION_SAMPLES) -> None:
        self._sampler = sampler
        self._targets = _spread(sampler.parts, count)

    def batches(self, delay: Fraction = Fraction(0)) -> list[Batch]:
        """Return the samples, one each.

        Args:
            delay: Seconds by which their audio is moved.
        """
        return [
            self._sampler.sample(part, frame, np.random.default_rng([number]), delay)
            for number, (part, frame) in enumerate(self._targets)
        ]

    def measure(
        self, trainer: Trainer, delay: Fraction = Fraction(0)
    ) -> tuple[Figures, UInt8Array]:
        """Return the figures and a contact sheet: hidden, reference, predicted, target.

        Args:
            trainer: Whose network paints.
            delay: Seconds by which the audio is moved.
        """
        rows, errors = [], []
        unet = trainer.networks.unet
        unet.eval()
        with torch.no_grad():
            for batch in self.batches(delay):
                moved = batch.to(trainer.device)
                predicted = trainer.predict(moved).clamp(-1, 1)
                errors.append(_errors(moved, predicted))
                rows.append([batch.hidden[0], batch.reference[0], predicted[0], batch.target[0]])
        unet.train()
        whole, mouths, covers = (np.array(column) for column in zip(*errors, strict=True))
        seen = covers[covers >= 0]
        cover = float(seen.mean()) if len(seen) else 0.0
        figures = Figures(float(whole.mean()), float(mouths.mean()), cover)
        return figures, contact_sheet(rows[:_SHEET_ROWS])


def _spread(parts: Sequence[Part], count: int) -> list[tuple[Part, int]]:
    """Return targets spread evenly over the frames of all parts."""
    frames = [(part, frame) for part in parts for frame in part.frames]
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return [frames[place] for place in places]


def _errors(batch: Batch, predicted: Tensor) -> tuple[float, float, float]:
    """Return the mean error of a sample in all, in its mouth and in its cover (-1: none)."""
    error = (predicted - batch.target).abs()[0].mean(dim=0)
    x0, y0, x1, y1 = batch.mouth_boxes[0].tolist()
    cover = batch.covers[0, 0] > 0.5
    cover[: cover.shape[0] // 2] = False  # the upper half is given
    hidden = float(error[cover].mean()) if cover.any() else -1.0
    return float(error.mean()), float(error[y0:y1, x0:x1].mean()), hidden


def contact_sheet(rows: Sequence[Sequence[Tensor]]) -> UInt8Array:
    """Return one image of rows of (3, S, S) images in -1..1."""
    lines = []
    for row in rows:
        tiles = [
            ((image.float().cpu().permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte()
            for image in row
        ]
        padded = [np.pad(tile.numpy(), ((0, _GAP), (0, _GAP), (0, 0))) for tile in tiles]
        lines.append(np.concatenate(padded, axis=1))
    return np.concatenate(lines)


def encoded_sheet(sheet: UInt8Array) -> bytes:
    """Return an (H, W, 3) sheet as PNG."""
    done, packed = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    assert done
    return packed.tobytes()
