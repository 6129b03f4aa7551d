from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import soxr

from masktalk.errors import InputError, OptionError
from masktalk.speech import articulate, make_articulator, measures
from masktalk.speech.articulator import ArticulatorOptions
from masktalk.types import CHANNELS, Articulation, Audio
from tests.speech.sounds import RATE, babble, pause, vowel


def in_blocks(audio: Audio, size: int, options: ArticulatorOptions | None = None) -> Articulation:
    articulator = make_articulator(options)
    starts = range(0, len(audio.samples), size)
    parts = [
        articulator.push(Audio(audio.samples[i : i + size], audio.sample_rate)) for i in starts
    ]
    return Articulation.concat([*parts, articulator.flush()])


def r(a: Articulation, b: Articulation) -> float:
    return float(np.corrcoef(a.values.ravel(), b.values.ravel())[0, 1])


@pytest.mark.parametrize("size", [37, 320, 5000])
def test_blocks_and_whole_agree(spoken: Audio, size: int) -> None:
    part = Audio(spoken.samples[: 2 * RATE], RATE)
    whole, streamed = articulate(part), in_blocks(part, size)
    assert len(streamed) == len(whole)
    np.testing.assert_allclose(streamed.values, whole.values, atol=1e-4)
    np.testing.assert_allclose(streamed.voice, whole.voice, atol=1e-3)


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 161, 1600, 4000])
def test_a_step_every_ten_milliseconds(samples: int) -> None:
    articulation = articulate(Audio(np.zeros(samples, np.float32), RATE))
    assert len(articulation) == -(-samples // 160)
    assert articulation.time == 0


def test_parts_follow_one_another(spoken: Audio) -> None:
    articulator = make_articulator()
    clock = Fraction(0)
    for start in range(0, RATE, 1000):
        part = articulator.push(Audio(spoken.samples[start : start + 1000], RATE))
        assert part.time == clock
        clock = part.end
    assert articulator.flush().time == clock


def test_nothing_waits_longer_than_the_lookahead(spoken: Audio) -> None:
    articulator = make_articulator()
    assert articulator.lookahead <= Fraction(1, 5)
    given = articulator.push(Audio(spoken.samples[:RATE], RATE))
    assert given.end + Fraction(1, 100) > 1 - articulator.lookahead


@pytest.mark.parametrize("size", [160, 320, 441, 960])
def test_small_blocks_wait_no_longer_either(spoken: Audio, size: int) -> None:
    articulator = make_articulator()
    given = Fraction(0)
    for start in range(0, RATE, size):
        end = start + size
        given = articulator.push(Audio(spoken.samples[start:end], RATE)).end
        assert given + Fraction(1, 100) > Fraction(end, RATE) - articulator.lookahead


def test_the_future_beyond_the_lookahead_changes_nothing(spoken: Audio) -> None:
    articulator = make_articulator()
    given = articulator.push(Audio(spoken.samples[:RATE], RATE))
    whole = articulate(Audio(spoken.samples[: 2 * RATE], RATE))
    np.testing.assert_allclose(given.values, whole.values[: len(given)], atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_rates(spoken: Audio, rate: int) -> None:
    part = spoken.samples[: 2 * RATE]
    other = soxr.resample(part, RATE, rate).astype(np.float32)
    original, resampled = articulate(Audio(part, RATE)), articulate(Audio(other, rate))
    assert abs(len(original) - len(resampled)) <= 1
    if rate > RATE:
        count = min(len(original), len(resampled))
        a, b = original.values[:count], resampled.values[:count]
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.99


def test_gain_does_not_matter(spoken: Audio) -> None:
    soft = Audio(spoken.samples * np.float32(0.1), RATE)
    assert r(articulate(spoken), articulate(soft)) > 0.98


def test_still_in_a_pause() -> None:
    sound = np.concatenate([babble(1.5).samples, pause(1.0), babble(1.5, 1).samples])
    values = articulate(Audio(sound, RATE)).values
    assert np.ptp(values[180:235], axis=0).max() == 0
    assert values[180:235].max() == 0
    assert values[:150].max() > 0.1


def test_still_in_digital_silence_and_hiss() -> None:
    for sound in (np.zeros(RATE, np.float32), pause(1.0)):
        assert articulate(Audio(sound, RATE)).values.max() < 0.01


def test_an_open_vowel_opens_and_a_round_one_rounds() -> None:
    apertures, widths = {}, {}
    for name in ("aa", "iy", "uw"):
        sound = np.concatenate([pause(0.3), vowel(name, 0.5), pause(0.3)])
        meant = measures(articulate(Audio(sound, RATE)))
        apertures[name] = meant.aperture[40:75].mean()
        widths[name] = meant.width[40:75].mean()
    assert apertures["aa"] > 1.3 * apertures["uw"]
    assert widths["iy"] > widths["uw"] + 0.02


def test_the_demo_speech_moves_the_mouth(spoken: Audio) -> None:
    articulation = articulate(spoken)
    meant = measures(articulation)
    assert 0.1 < np.percentile(meant.aperture, 95) < 0.34
    assert (meant.closure > 0.5).any()
    assert articulation.values.min() >= 0
    assert articulation.values.max() <= 1
    moving = {name for name in CHANNELS if np.ptp(articulation.channel(name)) > 0.05}
    assert {"jawOpen", "mouthPressLeft", "mouthStretchLeft", "mouthLowerDownLeft"} <= moving


def test_strength_scales(spoken: Audio) -> None:
    part = Audio(spoken.samples[:RATE], RATE)
    half = articulate(part, ArticulatorOptions(strength=0.5))
    np.testing.assert_allclose(half.values, 0.5 * articulate(part).values, atol=1e-3)


@pytest.mark.parametrize("strength", [-1.0, 4.0, float("nan")])
def test_an_impossible_strength(strength: float) -> None:
    with pytest.raises(OptionError, match="strength"):
        ArticulatorOptions(strength=strength)


def test_bad_sound_is_refused() -> None:
    articulator = make_articulator()
    with pytest.raises(InputError, match="not finite"):
        articulator.push(Audio(np.array([0, np.nan], np.float32), RATE))
    articulator = make_articulator()
    articulator.push(Audio(np.zeros(100, np.float32), RATE))
    with pytest.raises(InputError, match="rate changed"):
        articulator.push(Audio(np.zeros(100, np.float32), 8000))


@pytest.mark.parametrize("together", [1, 3, 8])
def test_steps_heard_together_come_later_and_say_the_same(spoken: Audio, together: int) -> None:
    part = Audio(spoken.samples[:RATE], RATE)
    options = ArticulatorOptions(together=together)
    waits = make_articulator(options).lookahead - make_articulator().lookahead
    assert waits == Fraction(together - 5, 100)
    said = in_blocks(part, 320, options).values
    np.testing.assert_allclose(said, articulate(part).values, atol=1e-4)


def test_no_steps_cannot_be_heard_together() -> None:
    with pytest.raises(OptionError, match=r"at least 1"):
        ArticulatorOptions(together=0)
