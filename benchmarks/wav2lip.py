"""Wav2Lip's runtimes beside plain eager PyTorch, in one run: milliseconds a frame and ratios.

    python benchmarks/wav2lip.py [--size 96] [--device cpu] [--batches 1 16] [--threads 1]

The networks are full-size with random weights; nothing is downloaded. The plain loop is
eager float32: both encoders and the decoder for every frame, the result copied, truncated,
resized and pasted into a frame of 1280x720 as a rectangle. The others are the engine's own
way: features of the face computed once, the decoder in each runtime, colour-matched
blending. Prints one line of JSON per batch size. With one thread on the processor it counts
processor time, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from masktalk.compose import paste
from masktalk.compose.face_masks import box_mask
from masktalk.engines.device import has_bf16_matrix_unit
from masktalk.engines.wav2lip.blending import Surroundings, blended_patch, surroundings
from masktalk.engines.wav2lip.networks import LAYOUTS, Wav2Lip
from masktalk.engines.wav2lip.onnx_runtime import (
    exported_graphs,
    onnxruntime_runtime,
    openvino_runtime,
)
from masktalk.engines.wav2lip.runtime import Runtime, TorchRuntime
from masktalk.types import Frame

#: Dense fp16 of an H100 SXM by its datasheet.
H100_FLOPS = 989e12
BOX = (500, 200, 740, 500)


def main() -> None:
    """Measure and print one line of JSON per batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=96, choices=LAYOUTS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    device = torch.device(options.device)
    made = runtimes(options.size, device, options.threads)
    for batch in options.batches:
        loops = {"plain": plain_loop(options.size, device, batch)}
        loops |= {name: engine_loop(runtime, batch) for name, runtime in made.items()}
        alone = device.type == "cpu" and options.threads == 1
        clock = time.process_time if alone else time.perf_counter
        taken = milliseconds(loops, batch, options.seconds, clock)
        results: dict[str, object] = {
            "size": options.size,
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "batch": batch,
            "plain_ms": round(taken["plain"], 2),
        }
        for name in made:
            measured = {
                "ms": round(taken[name], 2),
                "ratio": round(taken[name] / taken["plain"], 3),
                "frames_s": round(1000 / taken[name]),
            }
            if device.type == "cuda":
                flops = decoder_flops(options.size, device) * 1000 / taken[name]
                measured["peak"] = round(flops / H100_FLOPS, 3)
            results[name] = measured
        sys.stdout.write(json.dumps(results) + "\n")


def runtimes(size: int, device: torch.device, threads: int) -> dict[str, Runtime]:
    """Return every runtime that computes here."""
    if device.type == "cuda":
        return {"torch fp16": TorchRuntime(network(size), device, torch.float16)}
    made = {"torch fp32": TorchRuntime(network(size), device, torch.float32)}
    if has_bf16_matrix_unit():
        made["torch bf16"] = TorchRuntime(network(size), device, torch.bfloat16)
    folder = exported_graphs(lambda: network(size), Path(tempfile.mkdtemp()) / "graphs")
    made["onnxruntime fp32"] = onnxruntime_runtime(folder, size, threads)
    if find_spec("openvino"):
        for precision in ("fp32", "bf16")[: 1 + has_bf16_matrix_unit()]:
            made[f"openvino {precision}"] = openvino_runtime(folder, size, precision, threads)
    return made


def network(size: int) -> Wav2Lip:
    """Return a generator with random weights."""
    return Wav2Lip(LAYOUTS[size]).eval().requires_grad_(False)


def plain_loop(size: int, device: torch.device, batch: int) -> Callable[[], None]:
    """Return one batch of the plain way."""
    plain = network(size).to(device)
    frame = background()
    mels = torch.zeros(batch, 1, 80, 16)
    faces = torch.rand(batch, 6, size, size)
    x0, y0, x1, y1 = BOX

    def run() -> None:
        with torch.inference_mode():
            images = plain(mels.to(device), faces.to(device)).cpu().numpy()
        for image in images.transpose(0, 2, 3, 1) * 255.0:
            shown = frame.copy()
            shown[y0:y1, x0:x1] = cv2.resize(image.astype(np.uint8), (x1 - x0, y1 - y0))

    return run


def engine_loop(runtime: Runtime, batch: int) -> Callable[[], None]:
    """Return one batch of the engine's way."""
    size = runtime.size
    frame = Frame(background())
    mels = np.zeros((batch, 1, 80, 16), np.float32)
    features = runtime.encode(np.random.default_rng(2).random((1, 6, size, size), np.float32))
    around = matched_to(frame, size)

    def run() -> None:
        for image in runtime.decode(mels, features * batch):
            paste(frame, blended_patch(image, BOX, around, 1.0), Fraction(0))

    return run


def matched_to(frame: Frame, size: int) -> Surroundings:
    """Return the surroundings of the box in a frame."""
    x0, y0, x1, y1 = BOX
    crop = np.ascontiguousarray(frame.pixels[y0:y1, x0:x1])
    return surroundings(crop, box_mask(BOX), (x1 - x0) / size)


def background() -> np.ndarray:
    """Return a (720, 1280, 3) RGB uint8 frame."""
    return np.random.default_rng(3).integers(60, 180, (720, 1280, 3), np.uint8)


def milliseconds(
    loops: dict[str, Callable[[], None]],
    batch: int,
    seconds: float,
    clock: Callable[[], float],
) -> dict[str, float]:
    """Return the shortest milliseconds per frame of each loop; they take turns.

    Args:
        loops: One batch each.
        batch: Frames in a batch.
        seconds: Time to measure for, per loop.
        clock: Gives seconds.
    """
    for run in loops.values():
        run()
        run()
    shortest = dict.fromkeys(loops, float("inf"))
    end = time.perf_counter() + seconds * len(loops)
    while time.perf_counter() < end:
        for name, run in loops.items():
            begun = clock()
            run()
            shortest[name] = min(shortest[name], clock() - begun)
    return {name: 1000 * time_s / batch for name, time_s in shortest.items()}


def decoder_flops(size: int, device: torch.device) -> float:
    """Return the floating-point operations of one decoded frame."""
    counted = network(size).to(device)
    with torch.inference_mode():
        features = counted.encode(torch.zeros(1, 6, size, size, device=device))
        with FlopCounterMode(display=False) as counter:
            counted.decode(torch.zeros(1, 1, 80, 16, device=device), features)
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
