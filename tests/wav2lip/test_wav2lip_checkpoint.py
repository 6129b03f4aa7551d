"""Checkpoints in every form that is published, and files that are none."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from masktalk.engines.wav2lip.checkpoint import load_generator
from masktalk.engines.wav2lip.networks import LAYOUTS, Wav2Lip
from masktalk.errors import WeightsError
from masktalk.weights import load_tensors
from tests.wav2lip.tiny import WIDTH, tiny_generator, write_checkpoint


def same(ours: torch.nn.Module, theirs: torch.nn.Module) -> bool:
    expected = theirs.state_dict()
    state = ours.state_dict()
    return state.keys() == expected.keys() and all(
        torch.equal(state[key], expected[key]) for key in state
    )


@pytest.mark.parametrize("size", [96, 256, 384])
def test_the_keys_tell_the_network(tmp_path: Path, size: int) -> None:
    path = write_checkpoint(tmp_path / "any name.pth", size)
    network = load_generator(path)
    assert network.layout == LAYOUTS[size].narrowed(WIDTH)
    assert same(network, tiny_generator(size))
    assert not network.training


def test_full_width_is_the_public_one() -> None:
    assert LAYOUTS[96].narrowed(16) == LAYOUTS[96]


def test_tensors_that_384_never_uses_are_left_out(tmp_path: Path) -> None:
    state = tiny_generator(384).state_dict()
    torch.save({**state, "audio_refine.0.weight": torch.ones(3)}, tmp_path / "a.pth")
    assert same(load_generator(tmp_path / "a.pth"), tiny_generator(384))


def test_safetensors(tmp_path: Path) -> None:
    save_file(tiny_generator().state_dict(), tmp_path / "a.safetensors")
    assert same(load_generator(tmp_path / "a.safetensors"), tiny_generator())


def traced(network: torch.nn.Module, path: Path) -> Path:
    """A generator as TorchScript, as the drive links of today give it."""
    inputs = torch.zeros(1, 1, 80, 16), torch.zeros(1, 6, 96, 96)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(network, inputs, check_trace=False).save(path)
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traced(tiny_generator(), tmp_path_factory.mktemp("archive") / "scripted.pth")


def test_torchscript_archives_are_read(archive: Path) -> None:
    assert same(load_generator(archive), tiny_generator())


def changed(archive: Path, target: Path, members: dict[str, bytes]) -> Path:
    """A copy of an archive with some of its files replaced."""
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            content = members.get(name.split("/", 1)[1], before.read(name))
            after.writestr(name, content)
    return target


def test_no_code_of_an_archive_runs(archive: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (Path(tmp_path / "sprung"),)  # type: ignore[return-value]

    path = changed(archive, tmp_path / "trap.pth", {"data.pkl": pickle.dumps(Trap())})
    with pytest.raises(WeightsError, match="opens safely"):
        load_tensors(path)
    broken = {"code/__torch__/masktalk/engines/wav2lip/networks.py": b"raise SystemExit"}
    assert same(load_generator(changed(archive, tmp_path / "code.pth", broken)), tiny_generator())
    assert not (tmp_path / "sprung").exists()


def test_damaged_archives_are_refused(archive: Path, tmp_path: Path) -> None:
    short = changed(archive, tmp_path / "short.pth", {"data/0": b"12"})
    with pytest.raises(WeightsError, match=r"short\.pth"):
        load_generator(short)
    compressed = io.BytesIO()
    with (
        zipfile.ZipFile(archive) as before,
        zipfile.ZipFile(compressed, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            after.writestr(name, before.read(name))
    (tmp_path / "bomb.pth").write_bytes(compressed.getvalue())
    with pytest.raises(WeightsError, match="is compressed"):
        load_generator(tmp_path / "bomb.pth")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": torch.ones(2)}, "not a Wav2Lip generator"),
        (
            {k: v for k, v in tiny_generator().state_dict().items() if "output_block.1" not in k},
            "missing .*output_block.1",
        ),
        ({**tiny_generator().state_dict(), "extra": torch.ones(1)}, "unknown .*extra"),
        (
            {**tiny_generator().state_dict(), "output_block.1.bias": torch.ones(9)},
            r"output_block.1.bias is \[9\], not \[3\]",
        ),
        ({"a": object()}, "opens safely"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, state: object, said: str) -> None:
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=said):
        load_generator(tmp_path / "other.pth")


def test_5d_batches_are_separate_frames() -> None:
    network = tiny_generator()
    mels, faces = torch.randn(1, 3, 1, 80, 16), torch.rand(1, 6, 3, 96, 96)
    with torch.inference_mode():
        stacked = network(mels, faces)
        plain = network(mels[0], faces[0].transpose(0, 1))
    assert isinstance(network, Wav2Lip)
    torch.testing.assert_close(stacked[0].transpose(0, 1), plain)
