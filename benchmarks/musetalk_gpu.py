"""MuseTalk on a GPU beside a plain loop, in one run: frames per second, peak, memory.

    python benchmarks/musetalk_gpu.py [--batch 16] [--batches 60] [--fused]

Both generate 256x256 faces with the full-size networks in fp16 (random weights) and lay
them over frames. The plain loop does so batch by batch: eager UNet, eager decoder, copy,
then resize and paste on the processor through whole-frame Pillow pictures, with masks
made beforehand. The other is the engine's own way. Needs no weights and no media.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from masktalk.compose import paste
from masktalk.engines.musetalk.face_generator import Generator
from masktalk.engines.musetalk.frame_cache import Material
from masktalk.engines.musetalk.networks import Networks, make_unet, make_vae
from masktalk.engines.musetalk.batch_pipeline import BatchPipeline, Step
from masktalk.types import Frame

#: Dense fp16 of an H100 SXM by its datasheet.
H100_FLOPS = 989e12
TOKENS, WIDTH = 50, 384


@dataclass(frozen=True, eq=False)
class Scene:
    """One avatar frame and what is painted into it."""

    frame: Frame
    material: Material


class OneMaterial:
    """Every avatar frame has the same material."""

    def __init__(self, material: Material) -> None:
        self._material = material

    def get(self, indices: list[int]) -> list[Material]:
        """One for each index."""
        return [self._material] * len(indices)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--frame", default="704x1216")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="float16")
    parser.add_argument("--fused", action="store_true", help="compile the networks too")
    chosen = parser.parse_args()
    width, height = (int(side) for side in chosen.frame.split("x"))
    device, dtype = torch.device(chosen.device), getattr(torch, chosen.dtype)
    scene = make_scene(width, height)
    tokens = np.random.default_rng(0).normal(size=(chosen.batch, TOKENS, WIDTH))
    tokens = tokens.astype(np.float32)

    plain = Generator(networks(device, dtype), device, dtype, chosen.batch, plain=True)
    theirs = plain.generate(np.stack([scene.material.latent] * chosen.batch), tokens)
    plain_seconds = median(timed(plain_loop(plain, scene, tokens, chosen.batches)), chosen.batch)
    flops = counted_flops(plain, scene, tokens) / chosen.batch
    del plain
    torch.cuda.empty_cache()

    torch.cuda.reset_peak_memory_stats()
    begun = time.perf_counter()
    fast = Generator(networks(device, dtype), device, dtype, chosen.batch, fused=chosen.fused)
    ours = fast.generate(np.stack([scene.material.latent] * chosen.batch), tokens)
    recorded = time.perf_counter() - begun
    fast_seconds = median(timed(engine_loop(fast, scene, tokens, chosen.batches)), chosen.batch)
    first = first_frame(fast, scene, tokens)
    difference = np.abs(theirs.astype(int) - ours)
    report = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "batch": chosen.batch,
        "fused": chosen.fused,
        "plain_frames_per_second": round(1 / plain_seconds, 1),
        "frames_per_second": round(1 / fast_seconds, 1),
        "times_the_plain_loop": round(plain_seconds / fast_seconds, 2),
        "tflop_a_frame": round(flops / 1e12, 3),
        "share_of_h100_peak": round(flops / fast_seconds / H100_FLOPS, 3),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2),
        "seconds_loading_and_recording": round(recorded, 2),
        "milliseconds_to_first_frame": round(first * 1000, 1),
        "largest_difference_in_levels": int(difference.max()),
        "mean_difference_in_levels": round(float(difference.mean()), 3),
    }
    sys.stdout.write(json.dumps(report) + "\n")


def networks(device: torch.device, dtype: torch.dtype) -> Networks:
    """The full-size pair with random weights, the same every time."""
    torch.manual_seed(0)
    made = []
    for make in (make_unet, make_vae):
        network = make(device="meta").to_empty(device="cpu")
        for key, value in network.state_dict().items():
            bound = (3 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
            value.uniform_(-bound, bound)
            if value.ndim == 1 and key.endswith("weight"):
                value.add_(1)
        made.append(torch.nn.Module.to(network, device, dtype).requires_grad_(False))
    return Networks(*made)


def make_scene(width: int, height: int) -> Scene:
    """A frame, a box of a third of it and a soft mask."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    side = width // 3
    box = (side, height // 3, 2 * side, height // 3 + side * 5 // 4)
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    mask[len(mask) // 2 : -20, 20:-20] = 255
    latent = rng.normal(size=(8, 32, 32)).astype(np.float32)
    return Scene(Frame(pixels), Material(latent, cv2.GaussianBlur(mask, (21, 21), 0), box))


def plain_loop(
    generator: Generator, scene: Scene, tokens: np.ndarray, batches: int
) -> Iterator[Any]:
    """Generate a batch, copy it, paste it; then the next."""
    latents = torch.from_numpy(np.stack([scene.material.latent] * len(tokens)))
    x0, y0, x1, y1 = scene.material.box
    mask = Image.fromarray(scene.material.mask)
    for _ in range(batches):
        faces = generator.faces(latents, torch.from_numpy(tokens)).cpu().numpy()
        for face in faces:
            resized = cv2.resize(face, (x1 - x0, y1 - y0))
            body = Image.fromarray(scene.frame.pixels.copy())
            around = body.crop((x0, y0, x1, y1))
            around.paste(Image.fromarray(resized), (0, 0))
            body.paste(around, (x0, y0), mask)
            yield np.array(body)


def engine_loop(
    generator: Generator, scene: Scene, tokens: np.ndarray, batches: int
) -> Iterator[Any]:
    """The engine's way: the device works on later batches while patches are pasted."""
    painter = BatchPipeline(generator, OneMaterial(scene.material))  # type: ignore[arg-type]
    steps = [[Step(0, heard, 1.0) for heard in tokens] for _ in range(batches)]
    for patch in painter.run(steps, ahead=True):
        yield paste(scene.frame, patch, Fraction(0)).pixels


def timed(frames: Iterator[Any]) -> list[float]:
    """When each frame was there."""
    return [time.perf_counter() for _ in frames]


def median(times: list[float], batch: int) -> float:
    """Seconds a frame, over the later two thirds of the run."""
    warm = times[len(times) // 3 // batch * batch :]
    return (warm[-1] - warm[0]) / (len(warm) - 1)


def first_frame(generator: Generator, scene: Scene, tokens: np.ndarray) -> float:
    """Seconds from asking for one frame to having it, networks loaded."""
    begun = time.perf_counter()
    next(engine_loop(generator, scene, tokens[:1], 1))
    return time.perf_counter() - begun


def counted_flops(generator: Generator, scene: Scene, tokens: np.ndarray) -> float:
    """Floating-point operations of one batch."""
    latents = torch.from_numpy(np.stack([scene.material.latent] * len(tokens)))
    with FlopCounterMode(display=False) as counter:
        generator.faces(latents, torch.from_numpy(tokens))
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
