"""How much MuseTalk computes, when it rests, and what it keeps in memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from masktalk.avatar import Avatar
from masktalk.engines import Speech, engine_class, make_engine
from masktalk.engines.device import Compute, choose_compute, estimate_seconds
from masktalk.engines.musetalk.options import VERSIONS, version_named
from masktalk.errors import OptionError, WeightsError
from masktalk.preparation import prepare
from masktalk.speech.silence import SilenceGate
from masktalk.types import Audio
from tests.musetalk.conftest import speak, voice

RATE = Fraction(30000, 1001)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts pictures that pass each network."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    counted: Counter[str] = Counter()

    def counting(owner: Any, method: str, name: str) -> None:
        original = getattr(owner, method)

        def call(self: Any, batch: torch.Tensor, *rest: Any, **named: Any) -> Any:
            counted[name] += len(batch)
            return original(self, batch, *rest, **named)

        monkeypatch.setattr(owner, method, call)

    counting(AutoencoderKL, "encode", "encodes")
    counting(AutoencoderKL, "decode", "decodes")
    counting(UNet2DConditionModel, "forward", "unet")
    return counted


class Skin:
    """A parser that sees skin everywhere and counts."""

    calls = 0

    def labels(self, _picture: np.ndarray) -> np.ndarray:
        self.calls += 1
        return np.ones((512, 512), np.uint8)


def test_only_what_is_shown_is_made_and_only_once(
    avatar: Avatar, options: dict[str, Any], passes: Counter[str]
) -> None:
    engine = make_engine("musetalk", options)
    engine.prepare(avatar)
    assert not passes
    parser = engine.studio.parser = Skin()  # type: ignore[attr-defined]
    said = list(engine.speak(avatar, Speech(voice(0.3), RATE, recorded=True)))
    assert len(said) == 9
    assert passes == {"encodes": 9 * 2, "unet": 9, "decodes": 9}
    assert parser.calls == 9
    passes.clear()
    list(engine.speak(avatar, Speech(voice(2.0), RATE, recorded=True)))
    shown = [index for i in range(60) if (index := avatar.index_at(i / RATE)) != 10]
    assert passes["unet"] == passes["decodes"] == len(shown)
    assert passes["encodes"] == (len(set(shown)) - 9) * 2
    assert parser.calls == len(set(shown))


def test_a_picture_is_encoded_once_when_it_is_prepared(
    material: Path, options: dict[str, Any], passes: Counter[str], tmp_path: Path
) -> None:
    with prepare(material / "portrait.jpg", tmp_path / "avatar") as avatar:
        speak(avatar, options, 0.5)
        speak(avatar, options, 0.5)
    assert passes["encodes"] == 2


def test_frames_that_nobody_sees_cost_nothing(
    avatar: Avatar, options: dict[str, Any], passes: Counter[str]
) -> None:
    engine = make_engine("musetalk", options)
    engine.prepare(avatar)
    speech = Speech(voice(0.5), RATE, wanted=lambda step: step % 2 == 0)
    answers = list(engine.speak(avatar, speech))
    assert [answer is None for answer in answers[:8]] == [False, True] * 4
    assert passes["unet"] == sum(answer is not None for answer in answers)


def test_a_caller_who_stops_early_is_let_go(avatar: Avatar, options: dict[str, Any]) -> None:
    engine = make_engine("musetalk", options)
    engine.prepare(avatar)
    answers = engine.speak(avatar, Speech(voice(20), RATE, recorded=True))
    next(answers)
    answers.close()  # type: ignore[attr-defined]


def test_memory_does_not_grow_with_the_speech(material: Path, options: dict[str, Any]) -> None:
    with prepare(material / "portrait.jpg") as avatar:
        engine = make_engine("musetalk", {**options, "batch_size": 16})
        engine.prepare(avatar)
        answers = engine.speak(avatar, Speech(voice(80), Fraction(10), recorded=True))
        held = []
        tracemalloc.start()
        try:
            for step, _ in enumerate(answers):
                if step in (400, 750):
                    gc.collect()
                    held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert step == 799
    assert held[1] - held[0] < 2_000_000


def levels(*pieces: tuple[float, float]) -> np.ndarray:
    """A tone of so much loudness for so many seconds, one piece after the other."""
    parts = [
        loud * np.sin(np.arange(round(seconds * 16000)) * 0.3).astype(np.float32)
        for loud, seconds in pieces
    ]
    return np.concatenate(parts)


def weights(samples: np.ndarray, rate: int = 100, block: int = 700) -> np.ndarray:
    """What a gate says at an even rate."""
    gate = SilenceGate()
    for start in range(0, len(samples), block):
        gate.push(samples[start : start + block])
    return np.array([gate.weight(Fraction(i, rate)) for i in range(len(samples) * rate // 16000)])


def test_in_silence_the_mouth_is_the_avatars_own_and_it_fades() -> None:
    said = weights(levels((0, 1), (0.2, 1), (0, 1)))
    assert (said[:85] == 0).all()
    assert (said[98:112] == 1).all()
    assert (said[118:200] == 1).all()
    assert (said[232:] == 0).all()
    assert 0 < np.abs(np.diff(said)).max() < 0.25


def test_the_closure_of_a_stop_is_not_silence() -> None:
    assert (weights(levels((0.2, 0.5), (0, 0.12), (0.2, 0.5)))[5:-5] == 1).all()


def test_quiet_noise_behind_speech_is_silence() -> None:
    said = weights(levels((0.3, 0.5), (0.001, 1.0), (0.3, 0.5)))
    assert (said[85:135] == 0).all()


def test_the_gate_does_not_depend_on_how_sound_is_cut() -> None:
    sound = levels((0, 0.3), (0.2, 0.3), (0, 0.5))
    np.testing.assert_array_equal(weights(sound, block=137), weights(sound, block=16000))


def pause() -> Iterator[Audio]:
    """Half a second of voice, a second of nothing."""
    yield from voice(0.5)
    yield Audio(np.zeros(16000, np.float32), 16000, Fraction(1, 2))


def test_silent_frames_are_left_as_they_are_unless_asked(
    avatar: Avatar, options: dict[str, Any], passes: Counter[str]
) -> None:
    engine = make_engine("musetalk", {**options, "animate_silence": False})
    engine.prepare(avatar)
    answers = list(engine.speak(avatar, Speech(pause(), RATE, recorded=True)))
    assert all(answer is None for answer in answers[26:])
    assert sum(answer is not None for answer in answers) < 26
    assert passes["unet"] < 26
    kept = make_engine("musetalk", options)
    answers = list(kept.speak(avatar, Speech(pause(), RATE, recorded=True)))
    assert sum(answer is None for answer in answers) <= 3


def test_devices_that_are_not_here_are_said() -> None:
    assert choose_compute("cpu", "auto", None).batch == 2
    assert choose_compute("cpu", "bf16", 3) == Compute(torch.device("cpu"), torch.bfloat16, 3)
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="no CUDA device"):
            choose_compute("cuda:0", "auto", None)


def test_a_slow_machine_says_beforehand_how_long_it_takes(
    avatar: Avatar, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    seconds = estimate_seconds(choose_compute("cpu", "fp32", None), 0.41e12)
    assert 0.01 < seconds < 1000
    with caplog.at_level("WARNING"):
        make_engine("musetalk", {**options, "batch_size": 3}).prepare(avatar)
    assert "s a frame" in caplog.text


def test_versions_are_records_and_an_unknown_one_lists_them() -> None:
    assert VERSIONS["v1"].masks.mode == "raw"
    assert VERSIONS["v15"].extra_margin == 10
    with pytest.raises(OptionError, match="v1, v15"):
        version_named("v2")


def test_missing_weights_are_said_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="masktalk models pull"):
        make_engine("musetalk", {"models": tmp_path})
    assert engine_class("musetalk").capabilities.weights
