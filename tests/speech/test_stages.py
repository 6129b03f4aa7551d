from __future__ import annotations

import numpy as np
import pytest

from masktalk.speech.gestures import REST_WIDTH, channels_of, measures
from masktalk.speech.loudness import FLOOR, LoudnessNormalizer
from masktalk.speech.spectrum import HOP, Spectrum, mel_filters
from masktalk.speech.stages import Lockstep, Smoother, Window, highest, lowest
from masktalk.speech.voice_activity import Gate
from masktalk.types import Articulation
from tests.speech.sounds import RATE, babble


def test_window_holds_both_ends() -> None:
    window = Window(2, 1)
    rows = np.arange(4, dtype=np.float32)[:, None]
    got = np.concatenate([window.push(rows[:1]), window.push(rows[1:]), window.flush()])
    assert got[:, :, 0].tolist() == [[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 3]]


def test_smoother_keeps_a_constant_and_the_middle() -> None:
    smoother = Smoother((2.0, 4.0), 6, 6)
    rows = np.zeros((41, 2), np.float32)
    rows[20] = 1
    got = np.concatenate([smoother.push(rows), smoother.flush()])
    assert len(got) == 41
    assert got.argmax(axis=0).tolist() == [20, 20]
    assert got[20, 0] > got[20, 1]
    np.testing.assert_allclose(got.sum(axis=0), 1, atol=1e-5)


def test_lockstep_waits_for_the_slowest() -> None:
    lines = Lockstep({"a": 1, "b": 2})
    lines.add("a", np.ones((5, 1), np.float32))
    lines.add("b", np.ones((3, 2), np.float32))
    assert {name: len(rows) for name, rows in lines.take().items()} == {"a": 3, "b": 3}
    lines.add("b", np.ones((9, 2), np.float32))
    assert len(lines.take()["a"]) == 2


def test_highest_is_the_running_maximum() -> None:
    values = np.array([0, 3, 1, 1, 1], np.float32)
    np.testing.assert_allclose(highest(values, 1.0, 0.5), [0.5, 3, 2.5, 2, 1.5])
    np.testing.assert_allclose(lowest(-values, -1.0, 0.5), [-0.5, -3, -2.5, -2, -1.5])


def test_a_tone_peaks_in_its_band() -> None:
    time = np.arange(RATE) / RATE
    spectrum = Spectrum()
    power = spectrum.push(np.sin(2 * np.pi * 1000 * time).astype(np.float32))
    assert int(power[50].argmax()) == 32
    mel = power @ mel_filters(40, 80.0, 7600.0)
    centres = 700 * (10 ** (np.linspace(*_mels(80, 7600), 42)[1:-1] / 2595) - 1)
    assert abs(centres[mel[50].argmax()] - 1000) < 90


def _mels(low: float, high: float) -> tuple[float, float]:
    return float(2595 * np.log10(1 + low / 700)), float(2595 * np.log10(1 + high / 700))


def test_level_is_free_of_gain() -> None:
    rows = np.log(np.random.default_rng(0).gamma(2, 0.1, (300, 40))).astype(np.float32)
    rows[100:150] -= 6
    loud, soft = LoudnessNormalizer().push(rows), LoudnessNormalizer().push(rows - 4)
    np.testing.assert_allclose(loud.rows, soft.rows, atol=1e-3)
    assert loud.rows.min() >= FLOOR
    np.testing.assert_array_equal(loud.present, soft.present)


def test_gate_ignores_a_short_gap_and_closes_in_a_long_one() -> None:
    voice = np.ones((200, 1), np.float32)
    voice[50:60] = 0
    voice[100:160] = 0
    gate = Gate()
    got = np.concatenate([gate.push(voice), gate.flush()])[:, 0]
    assert len(got) == 200
    assert got[10:100].min() == 1
    assert got[118:152].max() == 0
    assert got[170:].min() == 1


@pytest.mark.parametrize("width", [-0.08, 0.0, 0.05])
@pytest.mark.parametrize("aperture", [0.0, 0.05, 0.2])
def test_channels_mean_what_was_asked(aperture: float, width: float) -> None:
    asked = np.array([[aperture, REST_WIDTH + width, 0, 0, 0]], np.float32)
    meant = measures(Articulation(channels_of(asked), 100))
    assert meant.aperture[0] == pytest.approx(aperture, abs=1e-3)
    assert meant.width[0] == pytest.approx(REST_WIDTH + width, abs=1e-3)


def test_pressed_lips_meet_over_an_open_jaw() -> None:
    pressed = channels_of(np.array([[0.0, REST_WIDTH, 1, 0, 0]], np.float32))
    articulation = Articulation(pressed, 100)
    assert articulation.channel("jawOpen")[0] == articulation.channel("mouthClose")[0] > 0
    assert articulation.channel("mouthPressLeft")[0] > 0.3
    meant = measures(articulation)
    assert meant.closure[0] == 1
    assert meant.aperture[0] == 0


def test_teeth_on_the_lip_and_tongue() -> None:
    shown = channels_of(np.array([[0.03, REST_WIDTH, 0, 1, 1]], np.float32))
    articulation = Articulation(shown, 100)
    assert articulation.channel("mouthRollLower")[0] > 0.3
    assert articulation.channel("mouthUpperUpLeft")[0] > 0.15
    assert articulation.channel("tongueOut")[0] > 0.1


def test_spectrum_covers_the_sound() -> None:
    samples = babble(1.0).samples[:15999]
    spectrum = Spectrum()
    parts = [spectrum.push(samples[:7000]), spectrum.push(samples[7000:]), spectrum.flush()]
    assert sum(map(len, parts)) == -(-15999 // HOP)
