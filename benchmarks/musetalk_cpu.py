"""What MuseTalk costs on a processor: passes through each network, time, peak memory.

python benchmarks/musetalk_weights.py MODELS
python benchmarks/musetalk_cpu.py MODELS VIDEO SPEECH OUT.mp4 [--seconds 2] [--precision fp32]
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import sys
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from masktalk.compose.parsing import BiSeNet
from masktalk.preparation import prepare
from masktalk.rendering import RenderOptions, render


def main() -> None:
    """Render once and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("models", "video", "speech", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seconds", type=Fraction, default=Fraction(2))
    parser.add_argument("--precision", default="auto")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    passes = counted()
    begun = time.perf_counter()
    avatar = prepare(chosen.video)
    prepared = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF)
    options = RenderOptions(
        engine="musetalk",
        engine_options={
            "models": chosen.models,
            "device": "cpu",
            "precision": chosen.precision,
            "keep_silence": True,
        },
        preview=chosen.seconds,
        overwrite=True,
    )
    made = render(avatar, chosen.speech, chosen.out, options)
    after = resource.getrusage(resource.RUSAGE_SELF)
    report = {
        "precision": chosen.precision,
        "frames": made.frames,
        **passes,
        "seconds_preparing": round(prepared - begun, 1),
        "processor_seconds_a_frame": round((after.ru_utime - before.ru_utime) / made.frames, 2),
        "seconds_a_frame": round((time.perf_counter() - prepared) / made.frames, 2),
        "peak_gib": round(after.ru_maxrss / 2**20, 2),
    }
    sys.stdout.write(json.dumps(report) + "\n")


def counted() -> Counter[str]:
    """Counts pictures that pass each network from now on."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    passes: Counter[str] = Counter()
    watched = [
        (AutoencoderKL, "encode", "encodes"),
        (AutoencoderKL, "decode", "decodes"),
        (UNet2DConditionModel, "forward", "unet"),
        (BiSeNet, "forward", "parses"),
    ]
    for owner, method, name in watched:
        setattr(owner, method, _counting(getattr(owner, method), passes, name))
    return passes


def _counting(original: Any, passes: Counter[str], name: str) -> Any:
    def call(self: Any, batch: torch.Tensor, *rest: Any, **named: Any) -> Any:
        passes[name] += len(batch)
        return original(self, batch, *rest, **named)

    return call


if __name__ == "__main__":
    main()
