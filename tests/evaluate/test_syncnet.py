"""SyncNet: the public names and shapes, real loading, and distances that mean something."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from masktalk.errors import WeightsError  # noqa: E402
from masktalk.evaluate.syncnet import (  # noqa: E402
    _errors,
    build_syncnet,
    lip_sync_error,
    load_syncnet,
    mfcc,
)


@pytest.fixture(scope="module")
def state():
    """Pseudo-random weights in the public layout."""
    generator = torch.Generator().manual_seed(7)
    network = build_syncnet()
    made = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        noise = torch.rand(tensor.shape, generator=generator) - 0.5
        fan = max(int(np.prod(tensor.shape[1:])), 1)
        made[name] = noise * (12 / fan) ** 0.5 if tensor.ndim > 1 else noise.abs() + 0.5
    return made


@pytest.fixture(scope="module", params=[True, False], ids=["zip", "legacy"])
def checkpoint(request, state, tmp_path_factory):
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    torch.save(state, path, _use_new_zipfile_serialization=request.param)
    return path


def test_names_and_shapes_are_the_public_ones():
    shapes = {name: tuple(t.shape) for name, t in build_syncnet().state_dict().items()}
    assert shapes["netcnnaud.0.weight"] == (64, 1, 3, 3)
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4)
    assert shapes["netcnnlip.0.weight"] == (96, 3, 5, 7, 7)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6)
    assert shapes["netfcaud.3.weight"] == (1024, 512)
    assert shapes["netfclip.0.weight"] == (512, 512)


def test_a_checkpoint_is_loaded_as_it_is(checkpoint, state):
    loaded = load_syncnet(checkpoint).state_dict()
    for name, tensor in state.items():
        assert torch.equal(loaded[name], tensor), name


def test_another_checkpoint_is_refused(tmp_path, state):
    path = tmp_path / "other.model"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="netcnnaud"):
        load_syncnet(path)
    torch.save({**state, "netfcaud.3.weight": torch.zeros(10, 512)}, path)
    with pytest.raises(WeightsError, match=r"netfcaud\.3"):
        load_syncnet(path)


def test_it_runs_on_crops_and_sound(checkpoint):
    rng = np.random.default_rng(0)
    lips = rng.integers(0, 256, (9, 224, 224, 3), np.uint8)
    sound = mfcc(rng.normal(0, 0.1, 16000).astype(np.float32))
    distance, confidence = lip_sync_error(load_syncnet(checkpoint), lips, sound)
    assert distance > 0
    assert confidence >= 0


def test_the_error_is_least_where_lips_and_sound_belong_together():
    rng = np.random.default_rng(2)
    heard = rng.normal(size=(80, 1024)).astype(np.float32)
    together, sure = _errors(heard + 0.1 * rng.normal(size=heard.shape), heard)
    late, late_sure = _errors(np.roll(heard, 4, axis=0), heard)
    apart, unsure = _errors(rng.normal(size=heard.shape), heard)
    assert together < 0.2 * apart
    assert sure > 5 * unsure
    assert late < apart
    assert late_sure > unsure


def test_mfcc_has_a_hundred_steps_a_second_and_hears_pitch_not_phase():
    time = np.arange(16000) / 16000
    low = mfcc((0.3 * np.sin(2 * np.pi * 200 * time)).astype(np.float32))
    assert low.shape == (99, 13)
    shifted = mfcc((0.3 * np.sin(2 * np.pi * 200 * time + 1)).astype(np.float32))
    high = mfcc((0.3 * np.sin(2 * np.pi * 2000 * time)).astype(np.float32))
    same, other = np.abs(low - shifted)[5:-5, 1:].mean(), np.abs(low - high)[5:-5, 1:].mean()
    assert other > 4 * same


def test_louder_sound_changes_the_first_coefficient_alone():
    noise = np.random.default_rng(3).normal(0, 0.05, 8000).astype(np.float32)
    soft, loud = mfcc(noise), mfcc(noise * 4)
    assert np.abs(soft[:, 1:] - loud[:, 1:]).max() < 0.2
    assert np.median(loud[:, 0] - soft[:, 0]) == pytest.approx(2 * np.log(4), abs=0.05)
