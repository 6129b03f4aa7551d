"""A synthetic person whose mouth follows its sound exactly, and networks small enough for tests.

The face is the demo's portrait; below the nose a dark mouth opens as loud as the tone is, so
that what the network should paint is known and follows from the audio alone.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn

from masktalk.faces import locate
from masktalk.landmarks import MOUTH
from masktalk.types import Face, Frame

RATE, SAMPLE_RATE = Fraction(25), 16_000
SIZE = 64


def loudness(seconds: float, seed: int = 3) -> np.ndarray:
    """(N,) opening of the mouth 0..1 at 100 Hz: a random walk through syllables."""
    rng = np.random.default_rng(seed)
    steps = int(seconds * 100)
    places = np.cumsum(rng.integers(12, 40, steps // 12 + 2))
    return np.interp(np.arange(steps), places, rng.uniform(0, 1, len(places)))


def sound(opening: np.ndarray) -> np.ndarray:
    """(N,) 16 kHz samples whose pitch and level tell the opening."""
    level = np.repeat(opening, SAMPLE_RATE // 100)
    phase = 2 * np.pi * np.cumsum(200 + 2000 * level) / SAMPLE_RATE
    return (0.4 * np.sin(phase)).astype(np.float32)


@cache
def portrait() -> tuple[np.ndarray, Face]:
    """The demo's portrait at half its size, and its face."""
    path = Path(str(files("masktalk.demo") / "material" / "portrait.jpg"))
    with Image.open(path) as image:
        half = image.width // 4 * 2, image.height // 4 * 2
        pixels = np.asarray(image.convert("RGB").resize(half))
    face = locate(Frame(pixels))
    assert face is not None
    return pixels, face


def talking(opening: float, pixels: np.ndarray, face: Face) -> np.ndarray:
    """The portrait with a mouth opened so far."""
    unit, (x, y) = face.interocular, face.mesh[list(MOUTH), :2].mean(axis=0)
    drawn = pixels.copy()
    lips = (round(float(x)), round(float(y)))
    axes = (round(0.3 * unit), round((0.08 + 0.24 * opening) * unit))
    cv2.ellipse(drawn, lips, axes, 0, 0, 360, (150, 60, 60), -1, cv2.LINE_AA)
    inner = (round(0.24 * unit), round((0.01 + 0.2 * opening) * unit))
    cv2.ellipse(drawn, lips, inner, 0, 0, 360, (25, 8, 8), -1, cv2.LINE_AA)
    return drawn


def write_person(path: Path, seconds: float, seed: int = 3) -> Face:
    """Write a video of the person with sound; return the face, which holds still."""
    from masktalk.media import Writer, WriterOptions
    from masktalk.types import Audio

    pixels, face = portrait()
    opening = loudness(seconds, seed)
    audio = [Audio(sound(opening), SAMPLE_RATE)]
    height, width = pixels.shape[:2]
    with Writer(path, WriterOptions(width, height, RATE, crf=12), audio) as writer:
        for index in range(int(seconds * RATE)):
            frame = talking(float(opening[min(index * 4, len(opening) - 1)]), pixels, face)
            writer.write(Frame(frame, index / RATE))
    return face


class PatchVAE(nn.Module):
    """A linear VAE: four principal components of 4x4 patches, in the interface of diffusers'.

    Args:
        images: (N, 3, S, S) in -1..1 to find the components in.
    """

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.config = type("Config", (), {"scaling_factor": 1.0, "sample_size": SIZE})
        patches = nn.functional.unfold(images, 4, stride=4).transpose(1, 2).reshape(-1, 48)
        mean = patches.mean(dim=0)
        _, scale, basis = torch.linalg.svd(patches[::7] - mean, full_matrices=False)
        spread = (scale / len(patches[::7]) ** 0.5)[:4, None]
        weight = (basis[:4] / spread).reshape(4, 3, 4, 4)
        self.encoder = nn.Conv2d(3, 4, 4, stride=4)
        self.decoder = nn.ConvTranspose2d(4, 3, 4, stride=4, bias=False)
        self.register_buffer("mean", mean.reshape(1, 3, 4, 4))
        with torch.no_grad():
            self.encoder.weight.copy_(weight)
            self.encoder.bias.copy_(-(weight.reshape(4, 48) @ mean))
            self.decoder.weight.copy_((basis[:4] * spread).reshape(4, 3, 4, 4))

    def encode(self, images: torch.Tensor) -> Any:
        latents = self.encoder(images)
        posterior = type("Posterior", (), {"mode": lambda _: latents})()
        return type("Encoded", (), {"latent_dist": posterior})

    def decode(self, latents: torch.Tensor) -> Any:
        shown = self.decoder(latents)
        steps = shown.shape[-1] // 4
        return type("Decoded", (), {"sample": shown + self.mean.repeat(1, 1, steps, steps)})


class BandEncoder:
    """A stand-in for Whisper: sixteen bands of the log-mel, two equal layers, 50 Hz."""

    layers, width = 2, 16

    def encode(self, samples: np.ndarray) -> np.ndarray:
        from masktalk.speech.mel import log_mel

        rows = len(samples) // 320
        if not rows:
            return np.zeros((0, self.layers, self.width), np.float32)
        bands = log_mel(np.asarray(samples, np.float32)).reshape(self.width, 5, -1).mean(axis=1)
        places = np.minimum((np.arange(rows) * 1.6 + 0.8).astype(int), bands.shape[1] - 1)
        return np.repeat(bands.T[places][:, None], self.layers, axis=1).astype(np.float32)
