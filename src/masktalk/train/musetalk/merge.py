"""Fine-tuned weights merged into a plain UNet that any MuseTalk loads."""

from __future__ import annotations

from pathlib import Path

import torch

from masktalk.engines.musetalk.finetuning import FinetunedWeights, read_card
from masktalk.errors import OutputError, WeightsError
from masktalk.files import file_digest
from masktalk.media import check_output
from masktalk.media.output import PartFile
from masktalk.weights import load_tensors


def merge(run: Path, base: Path, output: Path, overwrite: bool = False) -> Path:
    """Write the base with a run's weights merged in, as a plain ``.pth`` state dict.

    Args:
        run: A run's folder, or its ``.safetensors``.
        base: The UNet that the run started from.
        output: File to write, ``.pth`` or ``.safetensors``.
        overwrite: Replace an existing file.

    Raises:
        WeightsError: The run or the base is missing, or they do not belong together.
        OutputError: The file cannot be written.
    """
    if output.suffix not in (".pth", ".bin", ".safetensors"):
        raise OutputError(output, "has the wrong suffix", "name a .pth or a .safetensors")
    check_output(output, overwrite)
    tuned = FinetunedWeights.read(run)
    expected = read_card(tuned.path.parent).get("base")
    if expected is not None and file_digest(base) != expected:
        raise WeightsError(base, "is not the base of this run", "give the file it started from")
    tensors = load_tensors(base)
    tensors.update(tuned.merged(tensors))
    with PartFile(output, overwrite) as part:
        if output.suffix == ".safetensors":
            from safetensors.torch import save_file

            save_file(tensors, part.path)
        else:
            torch.save(tensors, part.path)
    return output
