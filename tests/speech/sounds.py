"""Speech-like sound made by the tests themselves: a source and three formants."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from masktalk.types import Audio, FloatArray

RATE = 16000
VOWELS = {"aa": (730, 1090, 2440), "iy": (270, 2290, 3010), "uw": (300, 870, 2240)}


def vowel(name: str, seconds: float, pitch: float = 120.0) -> FloatArray:
    """A sustained vowel: a pulse train through three resonances (Klatt 1980)."""
    count = int(seconds * RATE)
    sound = np.zeros(count)
    sound[:: int(RATE / pitch)] = 1.0
    sound += 0.01 * np.random.default_rng(0).normal(size=count)
    for formant in VOWELS[name]:
        radius = np.exp(-np.pi * 90 / RATE)
        angle = 2 * np.pi * formant / RATE
        sound = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], sound)
    edge = np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / 200)
    return (0.2 * edge * sound / np.abs(sound).max()).astype(np.float32)


def pause(seconds: float) -> FloatArray:
    """A faint hiss."""
    noise = np.random.default_rng(1).normal(size=int(seconds * RATE))
    return (1e-4 * noise).astype(np.float32)


def babble(seconds: float = 4.0, seed: int = 0) -> Audio:
    """Syllables of changing vowels and pitch with short gaps."""
    random = np.random.default_rng(seed)
    parts = [pause(0.2)]
    while sum(map(len, parts)) < seconds * RATE:
        name = str(random.choice(list(VOWELS)))
        parts += [vowel(name, random.uniform(0.1, 0.25), random.uniform(90, 220))]
        parts += [pause(random.uniform(0.03, 0.09))]
    return Audio(np.concatenate(parts)[: int(seconds * RATE)], RATE)
