"""The folder of a training run: settings, curve, checkpoint, contact sheets, result and card."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from masktalk.engines.musetalk.finetuning import RESULT_NAME
from masktalk.errors import OptionError, OutputError, WeightsError
from masktalk.media import write_atomic
from masktalk.media.output import PartFile
from masktalk.train.musetalk.options import TrainOptions
from masktalk.train.musetalk.validation import encoded_sheet
from masktalk.types import UInt8Array

_SETTINGS, _CHECKPOINT = "settings.json", "checkpoint.pt"
CURVE, VALIDATION, CARD = "curve.csv", "validation.csv", "card.json"
_SHEETS, PREPARED = "sheets", "prepared"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run's state after some steps.

    Attributes:
        step: Steps taken.
        data: Digest of the prepared set.
        state: From ``Trainer.state``.
    """

    step: int
    data: str
    state: dict[str, Any]


class RunFolder:
    """The files of one training run.

    Args:
        folder: Made when it does not exist.
        options: Of the run.

    Raises:
        OptionError: The folder holds a run with other options.
        OutputError: It holds something else.
    """

    def __init__(self, folder: Path, options: TrainOptions) -> None:
        self.folder = folder
        settings = options.frozen_settings()
        path = folder / _SETTINGS
        if path.is_file():
            _check_same(path, settings)
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(folder, "holds something else", "choose a new folder")
        (folder / _SHEETS).mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(settings, indent=2).encode())

    def read_checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint; None before the first.

        Raises:
            WeightsError: It is damaged.
        """
        path = self.folder / _CHECKPOINT
        if not path.is_file():
            return None
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
            return Checkpoint(int(kept["step"]), str(kept["data"]), kept["state"])
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
            raise WeightsError(path, "is damaged", "delete it to begin again") from error

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, whole or not at all."""
        with PartFile(self.folder / _CHECKPOINT, overwrite=True) as part:
            torch.save(vars(checkpoint), part.path)

    def append(self, name: str, row: Mapping[str, float]) -> None:
        """Append a row to a CSV; the first row names the columns."""
        path = self.folder / name
        packed = io.StringIO()
        writer = csv.DictWriter(packed, list(row))
        if not path.is_file():
            writer.writeheader()
        writer.writerow({key: f"{value:.9g}" for key, value in row.items()})
        with path.open("a", encoding="utf-8", newline="") as stream:
            stream.write(packed.getvalue())

    def cut(self, name: str, step: int) -> None:
        """Drop the rows of a CSV after a step: they will be made again."""
        path = self.folder / name
        if not path.is_file():
            return
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines[1:] if line and int(line.split(",")[0]) <= step]
        content = "\r\n".join([lines[0], *kept]) + "\r\n"
        write_atomic(path, content.encode(), overwrite=True)

    def write_sheet(self, step: int, sheet: UInt8Array) -> None:
        """Write a contact sheet.

        Args:
            step: Steps taken.
            sheet: (H, W, 3) uint8 RGB.
        """
        path = self.folder / _SHEETS / f"step-{step:06}.png"
        write_atomic(path, encoded_sheet(sheet), overwrite=True)

    def write_result(self, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
        """Write the trained weights and their card."""
        from safetensors.torch import save

        plain = {key: str(value) for key, value in card.items() if isinstance(value, str | int)}
        write_atomic(self.folder / RESULT_NAME, save(tensors, metadata=plain), overwrite=True)
        write_atomic(
            self.folder / CARD, json.dumps(card, indent=2, default=str).encode(), overwrite=True
        )


def _check_same(path: Path, settings: dict[str, Any]) -> None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(path, "is damaged", "choose a new folder") from error
    changed = sorted(name for name in settings if kept.get(name) != settings[name])
    if changed:
        name = changed[0]
        raise OptionError(
            f"`{name}` {settings[name]}",
            f"the run in {path.parent} began with {kept.get(name)}",
            "go on with the same options, or choose a new folder",
        )
