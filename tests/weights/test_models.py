"""The weights table, where files are looked for, and how they are checked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from masktalk.cli.models import models
from masktalk.errors import OptionError, WeightsError
from masktalk.weights import (
    WeightFile,
    WeightStore,
    load_tensors,
    weight_file,
    weight_table,
)
from masktalk.weights import store as store_module
from masktalk.weights import table as table_module

app = typer.Typer()
app.add_typer(models, name="models")

CONTENT = b"weights " * 1000


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> WeightFile:
    """A table with one small file in it, from an address."""
    row = WeightFile(
        name="small",
        purpose="a test",
        url="https://example.org/small.pth",
        file="small.pth",
        local=("here/small.pth",),
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="none",
        commercial=None,
    )
    monkeypatch.setattr(table_module, "weight_table", lambda: {"small": row})
    return row


def test_every_row_says_all_there_is_to_say() -> None:
    assert {"musetalk-v1", "musetalk-v15", "sd-vae", "whisper-tiny", "bisenet"} <= set(
        weight_table()
    )
    for row in weight_table().values():
        assert row.sha256 is None or len(row.sha256) == 64
        assert row.licence
        assert row.local
        assert row.revision or row.url or row.page
        assert row.instead is None or row.instead in weight_table()


def test_a_file_that_only_a_person_can_download_is_named_with_its_page(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, tmp_path / "state")
    with pytest.raises(WeightsError, match=r"github\.com/lipku/LiveTalking.*wav2lip256\.pth"):
        store.pull("wav2lip-256")
    (tmp_path / "wav2lip256.pth").write_bytes(CONTENT)
    assert store.pull("wav2lip-256") == tmp_path / "wav2lip256.pth"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(OptionError, match=r"no such model.*musetalk-v15"):
        weight_file("musetalk")


def test_a_folder_in_the_references_layout_is_used_as_it_is(tmp_path: Path) -> None:
    for place in ("musetalkV15/unet.pth", "sd-vae/diffusion_pytorch_model.bin"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_bytes(CONTENT)
    store = WeightStore(tmp_path)
    assert store.path("musetalk-v15") == tmp_path / "musetalkV15/unet.pth"
    assert store.path("sd-vae") == tmp_path / "sd-vae/diffusion_pytorch_model.bin"
    with pytest.raises(WeightsError, match="masktalk models pull whisper-tiny"):
        store.path("whisper-tiny")


def test_the_variable_and_what_was_remembered_are_looked_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, state = tmp_path / "models", tmp_path / "state"
    (folder / "musetalkV15").mkdir(parents=True)
    (folder / "musetalkV15" / "unet.pth").write_bytes(CONTENT)
    assert WeightStore(state=state).find("musetalk-v15") is None
    WeightStore(state=state).remember(folder)
    assert WeightStore(state=state).find("musetalk-v15") is not None
    monkeypatch.setenv("MASKTALK_MODELS", str(tmp_path))
    assert WeightStore(state=state).folder == tmp_path


def test_checking_tells_right_from_wrong(tmp_path: Path, small: WeightFile) -> None:
    store = WeightStore(tmp_path, state=tmp_path / "state")
    assert store.verify("small").state == "missing"
    path = tmp_path / "here" / "small.pth"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert store.verify("small").state == "ok"
    path.write_bytes(CONTENT[:-1])
    assert store.verify("small").state == "wrong"
    path.write_bytes(b"x" + CONTENT[1:])
    assert "sha256" in store.verify("small").detail
    with pytest.raises(WeightsError, match="pull it again"):
        store.pull("small")


class Answer:
    """What an address answers, from a byte on, breaking off after some."""

    def __init__(self, first: int, count: int | None) -> None:
        self.status = 206 if first else 200
        self._rest = CONTENT[first:][:count]

    def read(self, size: int) -> bytes:
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def test_a_download_goes_on_where_it_broke_off(
    tmp_path: Path, small: WeightFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def answer(request: Any, timeout: float) -> Answer:
        header = request.get_header("Range")
        asked.append(header)
        return Answer(int(header[6:-1]) if header else 0, 3000 if len(asked) == 1 else None)

    monkeypatch.setattr(store_module.urllib.request, "urlopen", answer)
    store = WeightStore(state=tmp_path)
    with pytest.raises(WeightsError, match="3000 of 8000 bytes"):
        store.pull("small")
    assert store.find("small") is None
    assert store.pull("small").read_bytes() == CONTENT
    assert asked == [None, "bytes=3000-"]


def test_a_hash_the_hub_gives_is_pinned_and_held_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    row = WeightFile(
        name="v",
        purpose="a test",
        repository="some/where",
        revision="0" * 40,
        file="v.bin",
        local=("v.bin",),
        bytes=None,
        sha256=None,
        licence="none",
        commercial=True,
    )
    monkeypatch.setattr(table_module, "weight_table", lambda: {"v": row})
    fetched = tmp_path / "fetched.bin"
    fetched.write_bytes(CONTENT)

    class Metadata:
        etag = hashlib.sha256(CONTENT).hexdigest()

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url: Metadata)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: str(fetched))
    store = WeightStore(state=tmp_path / "state")
    assert store.pull("v") == fetched
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "v.bin").write_bytes(b"other")
    assert WeightStore(tmp_path / "folder", state=tmp_path / "state").verify("v").state == "wrong"


def test_the_commands(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, _made(tmp_path / "face-parse-bisent" / "79999_iter.pth"))
    runner = CliRunner()
    listed = runner.invoke(app, ["models", "list", "--from", str(tmp_path)])
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) == len(weight_table())
    assert "468e13ca13a9" in listed.stdout
    found = runner.invoke(app, ["models", "path", "bisenet", "--from", str(tmp_path)])
    assert found.stdout.strip() == str(tmp_path / "face-parse-bisent" / "79999_iter.pth")
    checked = runner.invoke(app, ["models", "verify", "--from", str(tmp_path)])
    assert isinstance(checked.exception, WeightsError)
    assert '"state": "wrong"' in checked.stdout


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def test_safetensors_and_plain_state_dicts_open(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tensors = {"a": torch.arange(3.0)}
    save_file(tensors, tmp_path / "a.safetensors")
    torch.save({"state_dict": tensors}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        torch.testing.assert_close(load_tensors(tmp_path / name)["a"], tensors["a"])
    torch.save([1, 2], tmp_path / "b.pth")
    with pytest.raises(WeightsError, match="plain state dict"):
        load_tensors(tmp_path / "b.pth")
    with pytest.raises(WeightsError, match="no such file"):
        load_tensors(tmp_path / "c.pth")
