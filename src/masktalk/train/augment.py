"""Augmentation of log-mel rows: rooms, microphones, lines and other speakers.

All of it works on (B, T, BANDS) natural-log mel power before levelling: noises are added
as powers, rooms smear the power over time, lines and microphones add a curve over
frequency, and other vocal tracts warp the frequency axis (Jaitly & Hinton 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from masktalk.speech.loudness import FLOOR, level_peaks
from masktalk.speech.network import BANDS, HIGH, LOW
from masktalk.train.corpus import features_of
from masktalk.types import Audio, FloatArray

_RATE = 16000


@dataclass(frozen=True, eq=False)
class NoiseBank:
    """Noises as log-mel rows, each of mean power 1 over its length.

    Attributes:
        rows: (K, T, BANDS).
    """

    rows: FloatArray

    @staticmethod
    def make(random: np.random.Generator, seconds: int = 40) -> NoiseBank:
        """Make white (twice), pink, brown and speech-shaped noise, hum, and music of a sort."""
        count = seconds * _RATE
        noises = [_coloured(random, count, slope) for slope in (0.0, 0.0, 0.5, 1.0, 0.8)]
        noises += [_hum(random, count), _music(random, count), _music(random, count)]
        rows = []
        for noise in noises:
            scaled = (0.1 * noise / np.std(noise)).astype(np.float32)
            row = features_of(Audio(scaled, _RATE))
            rows.append(row - np.log(np.exp(row).mean()))
        return NoiseBank(np.stack(rows).astype(np.float32))


def augment(rows: FloatArray, bank: NoiseBank, random: np.random.Generator) -> FloatArray:
    """Return augmented and normalised rows, (B, T, BANDS), of (B, T, BANDS) log-mel."""
    out = np.stack([_warp(row, random) if random.random() < 0.7 else row for row in rows])
    speech = np.array(out)
    for index in range(len(out)):
        if random.random() < 0.3:
            out[index] = _room(out[index], random)
        if random.random() < 0.25:
            others = speech[random.integers(0, len(speech), 5)].astype(np.float64)
            babble = np.log(np.exp(others).mean(axis=0) + 1e-10)
            out[index] = _mix(out[index], babble, random.uniform(3, 25))
        if random.random() < 0.8:
            kind = bank.rows[random.integers(len(bank.rows))]
            begin = random.integers(0, len(kind) - rows.shape[1])
            noise = kind[begin : begin + rows.shape[1]]
            out[index] = _mix(out[index], noise, random.uniform(-2, 28))
        out[index] += _line(random)
    return _masked(_exchanged(levelled(out), random), random)


def _exchanged(rows: FloatArray, random: np.random.Generator) -> FloatArray:
    """Exchange long-term spectra between examples (MixStyle, Zhou et al. 2021).

    A network must not know synthesisers by their colour: real voices have none of theirs.
    """
    mean, spread = rows.mean(axis=1, keepdims=True), rows.std(axis=1, keepdims=True) + 0.1
    others = random.permutation(len(rows))
    share = random.beta(0.3, 0.3, (len(rows), 1, 1)) * (random.random((len(rows), 1, 1)) < 0.4)
    new_mean = mean + share * (mean[others] - mean)
    new_spread = spread + share * (spread[others] - spread)
    mixed = (rows - mean) / spread * new_spread + new_mean
    return np.asarray(np.maximum(mixed, FLOOR), np.float32)


def _masked(rows: FloatArray, random: np.random.Generator) -> FloatArray:
    """Mask bands and steps (SpecAugment, Park et al. 2019)."""
    means = rows.mean(axis=1)
    for row, mean in zip(rows, means, strict=True):
        for _ in range(int(random.integers(0, 3))):
            width = int(random.integers(1, 9))
            begin = int(random.integers(0, BANDS - width))
            row[:, begin : begin + width] = mean[begin : begin + width]
        for _ in range(int(random.integers(0, 3))):
            width = int(random.integers(1, 9))
            begin = int(random.integers(0, len(row) - width))
            row[begin : begin + width] = mean
    return rows


def levelled(rows: FloatArray) -> FloatArray:
    """Normalise the loudness of each of (B, T, BANDS), as ``masktalk.speech.loudness`` does."""
    return np.stack(
        [np.maximum(row - level_peaks(row)[:, None], FLOOR).astype(np.float32) for row in rows]
    )


def _warp(row: FloatArray, random: np.random.Generator) -> FloatArray:
    factor = float(np.exp(random.uniform(np.log(0.82), np.log(1.25))))
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (LOW, HIGH))
    mels = np.linspace(low, high, BANDS + 2)[1:-1]
    hertz = 700 * (10 ** (mels / 2595) - 1) * factor
    position = np.interp(2595 * np.log10(1 + hertz / 700), mels, np.arange(BANDS))
    lower = np.minimum(position.astype(int), BANDS - 2)
    share = (position - lower).astype(np.float32)
    return np.asarray(row[:, lower] * (1 - share) + row[:, lower + 1] * share, np.float32)


def _room(row: FloatArray, random: np.random.Generator) -> FloatArray:
    decay = np.exp(-6.9 * 2 / (100 * random.uniform(0.15, 0.9)))
    ratio = 10 ** (-random.uniform(-2, 12) / 10)
    power = np.exp(row.astype(np.float64))
    late = lfilter([0, 0, 1 - decay], [1, -decay], power, axis=0)
    return np.asarray(np.log(power + ratio * late + 1e-10), np.float32)


def _mix(row: FloatArray, noise: FloatArray, snr: float) -> FloatArray:
    power = np.exp(row.astype(np.float64))
    other = np.exp(noise.astype(np.float64))
    gain = power.mean() / max(other.mean(), 1e-12) * 10 ** (-snr / 10)
    return np.asarray(np.log(power + gain * other + 1e-10), np.float32)


def _line(random: np.random.Generator) -> FloatArray:
    band = np.linspace(0, 1, BANDS)
    curve = random.normal(0, 0.9) * (band - 0.5)
    for order in (1, 2, 3, 4):
        curve += random.normal(0, 0.35) * np.cos(np.pi * order * band + random.uniform(0, 6.3))
    if random.random() < 0.15:
        edge = random.uniform(0.6, 0.9)
        curve -= 8 * np.clip((band - edge) / 0.06, 0, 1)
    if random.random() < 0.1:
        curve -= 6 * np.clip((0.09 - band) / 0.05, 0, 1)
    return curve.astype(np.float32)


def _coloured(random: np.random.Generator, count: int, slope: float) -> FloatArray:
    spectrum = np.fft.rfft(random.normal(size=count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 30.0) ** slope
    return np.asarray(np.fft.irfft(spectrum, count), np.float32)


def _hum(random: np.random.Generator, count: int) -> FloatArray:
    time = np.arange(count) / _RATE
    tones = [np.sin(2 * np.pi * 50 * k * time + random.uniform(0, 6)) / k for k in range(1, 30)]
    hum = np.sum(tones, axis=0) + 0.3 * random.normal(size=count)
    return np.asarray(hum, np.float32)


def _music(random: np.random.Generator, count: int) -> FloatArray:
    """Synthesise decaying chords and beats: pitched, broad-band and rhythmic."""
    out = np.zeros(count)
    length = int(_RATE * random.uniform(0.25, 0.6))
    time = np.arange(2 * length) / _RATE
    for begin in range(0, count - 2 * length, length):
        root = 110 * 2 ** (random.integers(0, 24) / 12)
        for step in random.choice([0, 3, 4, 7, 9, 12, 16, 19], 4, replace=False):
            pitch = root * 2 ** (step / 12)
            for harmonic in range(1, 9):
                tone = np.sin(2 * np.pi * pitch * harmonic * time) / harmonic
                out[begin : begin + 2 * length] += tone * np.exp(-3 * time)
        beat = random.normal(size=2 * length) * np.exp(-random.uniform(15, 60) * time)
        out[begin : begin + 2 * length] += 1.5 * beat
    return out.astype(np.float32)
