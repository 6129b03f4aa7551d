from __future__ import annotations

import numpy as np
import pytest
import soxr

from masktalk.speech.acoustic import load_acoustic_model
from masktalk.speech.adapted_phones import SpeakerAdaptedPhones
from masktalk.speech.spectrum import Spectrum
from masktalk.speech.vocal_tract import WARPS, VocalTract
from masktalk.types import Audio, FloatArray
from tests.speech.sounds import RATE


def spectra(samples: FloatArray) -> FloatArray:
    spectrum = Spectrum()
    return np.concatenate([spectrum.push(samples), spectrum.flush()])


def heard(power: FloatArray, size: int) -> tuple[FloatArray, float]:
    hearing = SpeakerAdaptedPhones()
    parts = [hearing.push(power[i : i + size]) for i in range(0, len(power), size)]
    return np.concatenate([*parts, hearing.flush()]), hearing.warp


def test_a_shorter_vocal_tract_is_told(spoken: Audio) -> None:
    warps = []
    for factor in (0.88, 1.0, 1.14):
        samples = soxr.resample(spoken.samples, RATE * factor, RATE).astype(np.float32)
        warps.append(heard(spectra(samples), len(samples))[1])
    assert warps[0] < warps[1] < warps[2]


def test_nothing_but_noise_says_nothing_about_the_speaker() -> None:
    tract = VocalTract(load_acoustic_model())
    before = tract.warp
    phones = load_acoustic_model().phones
    silence = np.zeros((50, len(phones)), np.float32)
    silence[:, phones.index("SIL")] = 1
    power = np.random.default_rng(0).uniform(0, 1, (50, 257)).astype(np.float32)
    tract.hear(power, silence)
    assert tract.warp == before
    assert tract.warp in WARPS


@pytest.mark.parametrize("size", [1, 4, 26, 1000])
def test_posteriors_do_not_depend_on_the_blocks(spoken: Audio, size: int) -> None:
    power = spectra(spoken.samples[: 2 * RATE])
    whole, warp = heard(power, len(power))
    blocks, same = heard(power, size)
    assert whole.shape == (len(power), len(load_acoustic_model().phones))
    assert same == warp
    np.testing.assert_allclose(blocks, whole, atol=1e-4)
