from __future__ import annotations

import numpy as np
import pytest

from masktalk.speech import articulate
from masktalk.speech.vad_network import Detector
from masktalk.speech.voice_activity import VadFusion
from masktalk.types import Audio, FloatArray
from tests.speech.sounds import RATE


def likelihoods(samples: FloatArray, size: int) -> FloatArray:
    detector = Detector()
    parts = [detector.push(samples[i : i + size]) for i in range(0, len(samples), size)]
    return np.concatenate([*parts, detector.flush()])


@pytest.mark.parametrize("size", [100, 512, 3000])
def test_a_likelihood_for_every_step(spoken: Audio, size: int) -> None:
    part = spoken.samples[: RATE + 77]
    whole = likelihoods(part, len(part))
    assert whole.shape == (-(-len(part) // 160), 1)
    np.testing.assert_allclose(likelihoods(part, size), whole, atol=1e-5)


def test_no_step_waits_longer_than_the_delay(spoken: Audio) -> None:
    detector = Detector()
    given = 0
    for index in range(100):
        given += len(detector.push(spoken.samples[index * 160 : (index + 1) * 160]))
        assert given >= index + 1 - detector.delay


def test_speech_is_told_from_noise_at_any_gain(spoken: Audio) -> None:
    noise = np.random.default_rng(0).normal(size=2 * RATE).astype(np.float32)
    for gain in (0.5, 0.05):
        assert np.median(likelihoods(gain * spoken.samples, 512)) > 0.8
        assert np.percentile(likelihoods(gain * 0.1 * noise, 512)[30:], 95) < 0.2


def heard(voice: FloatArray, loud: float) -> FloatArray:
    return np.stack([voice, np.full(len(voice), loud)], axis=1).astype(np.float32)


def test_phones_without_speech_are_not_believed_until_they_go_on() -> None:
    agreement = VadFusion()
    phones = heard(np.ones(400), 0)
    agreed = agreement.push(phones, np.zeros((400, 1), np.float32))
    assert agreed[:90].max() == 0
    assert agreed[110:].min() == 1


def test_what_was_speech_is_believed_until_a_pause() -> None:
    voice = np.ones(160)
    voice[60:100] = 0
    speech = np.zeros((160, 1), np.float32)
    speech[30] = 0.5
    agreement = VadFusion()
    agreed = np.concatenate([agreement.push(heard(voice, 0), speech), agreement.flush()])
    assert agreed[:27].max() == 0
    assert agreed[27:60].min() == 1
    assert agreed[60:].max() == 0


def test_a_song_as_loud_as_the_speech_before_goes_on_between_its_words() -> None:
    voice = np.ones(400)
    voice[60:80] = voice[200:240] = 0
    speech = np.zeros((400, 1), np.float32)
    speech[30] = 0.5
    for loud, last in ((1, 1), (0, 0)):
        agreement = VadFusion()
        agreed = np.concatenate([agreement.push(heard(voice, loud), speech), agreement.flush()])
        assert agreed[80:130].min() == last


def test_certain_speech_is_held_whatever_the_network_hears() -> None:
    agreement = VadFusion()
    speech = np.full((60, 1), 0.99, np.float32)
    quiet = heard(np.zeros(60), 0)
    agreed = np.concatenate([agreement.push(quiet, speech), agreement.flush()])
    assert 0.3 < agreed.min() < 1


def test_a_knock_in_a_pause_moves_nothing(spoken: Audio) -> None:
    random = np.random.default_rng(0)
    knock = 0.3 * random.normal(size=RATE // 4) * np.exp(-np.arange(RATE // 4) / 800)
    pause = 1e-4 * random.normal(size=RATE)
    pause[RATE // 2 : RATE // 2 + len(knock)] += knock
    sound = np.concatenate([spoken.samples[: 2 * RATE], pause, spoken.samples[: 2 * RATE]])
    values = articulate(Audio(sound.astype(np.float32), RATE)).values
    assert values[235:290].max() == 0
    assert values[:200].max() > 0.1
