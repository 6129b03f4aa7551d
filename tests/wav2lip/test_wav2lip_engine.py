"""The engine on tiny weights: frame counts, blending, silence, streaming, what is kept."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masktalk.avatar import Avatar
from masktalk.compose import paste
from masktalk.engines import Speech, frame_count, make_engine
from masktalk.engines.wav2lip import blending, faces
from masktalk.engines.wav2lip.runtime import TorchRuntime
from masktalk.errors import WeightsError
from masktalk.types import Audio
from tests.wav2lip.conftest import speak, voice

NTSC = Fraction(30000, 1001)
FRAME_RATES = [Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(25, 2), Fraction(50)]


@pytest.mark.parametrize("sample_rate", [16000, 44100])
@pytest.mark.parametrize("seconds", ["0.1", "0.5", "2", "31.3"])
def test_a_frame_for_all_of_the_audio(
    avatar: Avatar, options: dict[str, Any], seconds: str, sample_rate: int
) -> None:
    engine = make_engine("wav2lip", options)
    audio = Audio(np.zeros(round(Fraction(seconds) * sample_rate), np.float32), sample_rate)
    for rate in FRAME_RATES if seconds != "31.3" else [NTSC, Fraction(25, 2)]:
        speech = Speech([audio], rate, wanted=lambda _: False, recorded=True)
        assert len(list(engine.speak(avatar, speech))) == frame_count(audio.duration, rate)


def test_live_and_recorded_speech_give_the_same_patches(
    avatar: Avatar, options: dict[str, Any]
) -> None:
    recorded = speak(avatar, options, 0.5)
    live = speak(avatar, options, 0.5, recorded=False)
    assert len(recorded) == len(live) == 15
    for index, (one, other) in enumerate(zip(recorded, live, strict=True)):
        assert (one is None) == (other is None) == (index == 10)
        if one is not None and other is not None:
            assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1


def test_live_frames_come_with_their_look_ahead(avatar: Avatar, options: dict[str, Any]) -> None:
    heard = Fraction(0)

    def listening() -> Any:
        nonlocal heard
        for block in voice(1, size=160):
            heard += block.duration
            yield block

    engine = make_engine("wav2lip", options)
    engine.prepare(avatar)
    speech = Speech(listening(), Fraction(25))
    for frame, _ in enumerate(engine.speak(avatar, speech)):
        if heard == 1:
            break
        ahead = heard - frame / Fraction(25)
        assert ahead <= engine.capabilities.lookahead + Fraction(2, 100)


def test_pixels_outside_the_mask_are_the_frame_s_own(
    avatar: Avatar, options: dict[str, Any]
) -> None:
    patch = speak(avatar, options, 0.2)[3]
    assert patch is not None
    before = avatar.frame(3).pixels
    after = paste(avatar.frame(3), patch, Fraction(0)).pixels
    alpha = np.zeros(before.shape[:2], np.uint8)
    height, width = patch.pixels.shape[:2]
    alpha[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels[..., 3]
    np.testing.assert_array_equal(after[alpha == 0], before[alpha == 0])
    assert (after[alpha > 200] != before[alpha > 200]).any()
    assert (alpha > 0).mean() < 0.2


def test_upstream_pastes_the_whole_box(avatar: Avatar, options: dict[str, Any]) -> None:
    patches = speak(avatar, {**options, "compat": "upstream"}, 2.0, Fraction(25))
    assert len(patches) == 47
    patch = patches[0]
    assert patch is not None
    assert (patch.pixels[..., 3] == 255).all()
    live = speak(avatar, {**options, "compat": "upstream"}, 0.5, Fraction(25), recorded=False)
    assert len(live) == 13
    assert [patch is None for patch in live] == [False] * 9 + [True] * 4  # a wall, no audio


def test_in_silence_the_mouth_is_the_avatar_s_own(avatar: Avatar, options: dict[str, Any]) -> None:
    engine = make_engine("wav2lip", {**options, "animate_silence": False})
    engine.prepare(avatar)
    quiet = Audio(np.zeros(16000, np.float32), 16000)
    speech = [quiet, *voice(0.5), quiet]
    patches = list(engine.speak(avatar, Speech(speech, Fraction(25), recorded=True)))
    shown = np.array([patch is not None for patch in patches])
    assert not shown[:21].any()
    assert shown[25:30].all()
    assert not shown[46:].any()


def test_faces_are_encoded_once_and_kept(
    avatar: Avatar, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = TorchRuntime.encode

    def counting(self: TorchRuntime, images: np.ndarray) -> Any:
        encoded.append(len(images))
        return encode(self, images)

    monkeypatch.setattr(TorchRuntime, "encode", counting)
    first = speak(avatar, options, 1.2)
    assert sum(encoded) <= 23 + 1  # every frame with a face, and one to measure the runtime
    encoded.clear()
    again = speak(avatar, options, 1.2)
    assert sum(encoded) <= 1
    for one, other in zip(first, again, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.pixels, other.pixels)


def test_what_is_kept_stays_within_bounds(
    avatar: Avatar, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "_MAX_KEPT_BYTES", 1000)
    monkeypatch.setattr(faces, "_MAX_HELD_BYTES", 300_000)
    bounded = speak(avatar, options, 0.5)
    assert not list((avatar.folder / "engines" / "wav2lip").rglob("*.npz"))
    monkeypatch.undo()
    for one, other in zip(bounded, speak(avatar, options, 0.5), strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_damaged_file_is_made_again(avatar: Avatar, options: dict[str, Any]) -> None:
    whole = speak(avatar, options, 0.1)
    for path in (avatar.folder / "engines" / "wav2lip").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    again = speak(avatar, options, 0.1)
    np.testing.assert_array_equal(whole[0].pixels, again[0].pixels)  # type: ignore[union-attr]


def test_a_checkpoint_that_is_not_here_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="masktalk models pull wav2lip-gan"):
        make_engine("wav2lip", {"model": "wav2lip-gan", "models": tmp_path})


def test_colours_are_matched_along_the_edge() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[10:50, 10:70] = 255
    mask = np.asarray(faces.cv2.GaussianBlur(mask, (9, 9), 0))
    ramp = np.linspace(60, 160, 80, dtype=np.float32)
    crop = np.repeat(np.broadcast_to(ramp, (60, 80))[..., None], 3, axis=2).astype(np.uint8)
    around = blending.surroundings(crop, mask, scale=1.0)
    x0, y0, x1, y1 = around.area
    own = np.ascontiguousarray(crop[y0:y1, x0:x1])
    result = blending.matched(own + np.uint8(25), around, scale=1.0)
    assert np.abs(result.astype(int) - own).mean() < 3
    unchanged = blending.matched(own, around, scale=1.0)
    assert np.abs(unchanged.astype(int) - own).max() <= 1


def test_an_enlarged_face_is_sharpened_as_far_as_its_surroundings_are_sharp() -> None:
    rng = np.random.default_rng(4)
    sharp = rng.integers(80, 160, (64, 64, 1)).repeat(3, axis=2).astype(np.uint8)
    soft = np.asarray(faces.cv2.GaussianBlur(sharp, (0, 0), 2), np.uint8)
    mask = np.full((64, 64), 128, np.uint8)
    for crop, gains in ((sharp, True), (soft, False)):
        around = blending.surroundings(crop, mask, scale=2.0)
        result = blending.matched(soft[: around.mask.shape[0]], around, scale=2.0)
        assert (result.std() > 1.05 * soft.std()) == gains


def test_memory_does_not_grow_with_the_speech(avatar: Avatar, options: dict[str, Any]) -> None:
    engine = make_engine("wav2lip", options)
    engine.prepare(avatar)
    second = Audio(np.zeros(16000, np.float32), 16000)
    held = []
    speech = Speech((second for _ in range(40)), Fraction(5), wanted=lambda step: step % 20 == 0)
    tracemalloc.start()
    try:
        for step, _ in enumerate(engine.speak(avatar, speech)):
            if step in (60, 190):
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 1_000_000
