"""The SadTalker engine with tiny weights: work done once, options, files, composition."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from masktalk.compose import paste
from masktalk.engines import Speech, make_engine
from masktalk.engines.device import choose_compute
from masktalk.engines.sadtalker.checkpoint import Files, load_networks
from masktalk.engines.sadtalker.composition import feathered_patch
from masktalk.engines.sadtalker.crop import Region
from masktalk.engines.sadtalker.options import SadTalkerOptions
from masktalk.engines.sadtalker.recon import ReconNetwork
from masktalk.errors import OptionError, WeightsError
from masktalk.head_renderer import HeadGenerator, KeypointDetector
from masktalk.preparation import prepare
from masktalk.types import Audio, Frame
from tests.sadtalker.tiny import earlier_checkpoints, tiny_checkpoints

RATE = Fraction(25)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def picture(material, tmp_path_factory):
    folder = tmp_path_factory.mktemp("avatars") / "cartoon"
    with prepare(material / "cartoon.png", folder) as avatar:
        yield avatar


def voice(steps, extra=0):
    t = np.arange(640 * steps + extra) / 16000
    samples = 0.2 * sum(np.sin(2 * np.pi * 120 * h * t) / h for h in range(1, 8))
    return Audio(samples.astype(np.float32), 16000)


def engine(checkpoints, **options):
    return make_engine("sadtalker", {"checkpoints": checkpoints, "device": "cpu", **options})


def speak(made, avatar, audio, rate=RATE, **more):
    made.prepare(avatar)
    return list(made.speak(avatar, Speech([audio], rate, **more)))


def count(monkeypatch, owner, name):
    calls = []
    original = getattr(owner, name)

    def counted(self, *arguments):
        calls.append(len(arguments[-1]))
        return original(self, *arguments)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_the_source_is_prepared_once_and_frames_are_made_once(
    checkpoints, picture, monkeypatch, tmp_path
):
    encoded = count(monkeypatch, HeadGenerator, "encode")
    found = count(monkeypatch, KeypointDetector, "forward")
    read = count(monkeypatch, ReconNetwork, "forward")
    made = count(monkeypatch, HeadGenerator, "forward")
    for seed in (1, 2):
        options = {"seed": seed, "batch_size": 2, "preprocess": "extfull"}
        assert len(speak(engine(checkpoints, **options), picture, voice(3))) == 3
    assert len(encoded) == len(found) == len(read) == 1
    assert made == [2, 1, 2, 1]


def test_what_nobody_sees_is_not_made(checkpoints, picture, monkeypatch):
    made = count(monkeypatch, HeadGenerator, "forward")
    shown = speak(engine(checkpoints), picture, voice(4), wanted=lambda step: step == 2)
    assert [patch is not None for patch in shown] == [False, False, True, False]
    assert made == [1]


@pytest.mark.parametrize("steps", [1, 2, 21])
def test_speech_of_any_length(checkpoints, picture, steps):
    shown = speak(
        engine(checkpoints), picture, voice(steps, 7), wanted=lambda step: step == steps - 1
    )
    assert len(shown) == steps
    assert shown[-1] is not None


def test_no_speech_is_no_frame(checkpoints, picture):
    assert speak(engine(checkpoints), picture, voice(0)) == []


def test_seeds_and_styles_matter(checkpoints, picture):
    def last(**options):
        made = engine(checkpoints, head_motion=3, **options)
        return speak(made, picture, voice(31), wanted=lambda step: step == 30)[-1].pixels

    assert (last(seed=1) == last(seed=1)).all()
    assert (last(seed=1) != last(seed=2)).any()
    assert (last(pose_style=0) != last(pose_style=45)).any()


def test_still_heads_blink(checkpoints, picture):
    silence = Audio(np.zeros(640 * 40, np.float32), 16000)

    def frames(**options):
        made = engine(checkpoints, still=True, expression_scale=3, **options)
        shown = speak(made, picture, silence, wanted=lambda step: step in (0, 14, 18, 39))
        return [patch.pixels for patch in shown if patch is not None]

    resting = frames(blinks=0)
    assert all((pixels == resting[0]).all() for pixels in resting)
    blinking = frames(seed=0)
    assert (blinking[2] != blinking[0]).any()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pose_style": 46}, "pose_style"),
        ({"yaw": "-20 120"}, "yaw"),
        ({"preprocess": "half"}, "preprocess"),
        ({"size": 128}, "size"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options, named):
    with pytest.raises(OptionError, match=named):
        make_engine("sadtalker", options)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(WeightsError, match="sadtalker-256"):
        engine(tmp_path)


def test_the_earlier_release_is_the_same_engine(checkpoints, picture, tmp_path):
    earlier = earlier_checkpoints(tmp_path / "earlier")
    first = speak(engine(checkpoints), picture, voice(1))[0]
    second = speak(engine(earlier), picture, voice(1))[0]
    assert (first.pixels == second.pixels).all()


def test_damaged_and_foreign_files_are_refused(checkpoints, tmp_path):
    options = SadTalkerOptions(checkpoints=checkpoints)
    files, compute = Files.find(options), choose_compute("cpu", "fp32", 1)
    for content in (b"", b"no weights", files.mapping.read_bytes()[:500]):
        (tmp_path / "x.pth").write_bytes(content)
        with pytest.raises(WeightsError):
            load_networks(Files(files.networks, tmp_path / "x.pth"), compute)
    torch.save({"mapping": {"a": torch.zeros(1)}}, tmp_path / "y.pth")
    with pytest.raises(WeightsError, match="SadTalker"):
        load_networks(Files(files.networks, tmp_path / "y.pth"), compute)


@pytest.mark.parametrize("place", [(40, 30), (-30, 20), (200, -10), (220, 170)])
def test_a_patch_changes_nothing_outside_and_has_no_edge(place):
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    region = Region(*place, 120, 120)
    head = np.zeros((256, 256, 3), np.uint8)
    patch = feathered_patch(head, region, (320, 240))
    shown = paste(Frame(frame), patch, Fraction(0)).pixels
    x0, y0 = max(region.x, 0), max(region.y, 0)
    x1, y1 = min(region.x + 120, 320), min(region.y + 120, 240)
    outside = np.ones((240, 320), bool)
    outside[y0:y1, x0:x1] = False
    assert (shown[outside] == frame[outside]).all()
    assert (patch.x, patch.y, patch.pixels.shape) == (x0, y0, (y1 - y0, x1 - x0, 4))
    alpha = patch.pixels[..., 3].astype(int)
    edges = {"left": (x0 > 0, alpha[:, 0]), "right": (x1 < 320, alpha[:, -1]),
             "top": (y0 > 0, alpha[0]), "bottom": (y1 < 240, alpha[-1])}  # fmt: skip
    for inner, values in edges.values():
        assert values.max() == (0 if inner else 255)
    assert np.abs(np.diff(alpha, axis=0)).max() <= 45


def test_the_picture_is_kept_where_the_head_does_not_reach(checkpoints, picture):
    patch = speak(engine(checkpoints), picture, voice(1))[0]
    before = picture.frame(0)
    after = paste(before, patch, Fraction(0)).pixels.astype(int)
    reach = patch.pixels[..., 3] > 0
    changed = np.zeros(after.shape[:2], bool)
    rows, columns = reach.shape
    changed[patch.y : patch.y + rows, patch.x : patch.x + columns] = reach
    assert (after[~changed] == before.pixels[~changed]).all()
    step = np.abs(after - before.pixels).max(axis=2)
    rim = changed & ~np.roll(changed, 1, axis=0) | changed & ~np.roll(changed, 1, axis=1)
    assert step[rim].mean() <= 2
