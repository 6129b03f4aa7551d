from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from masktalk.errors import InputError, MasktalkError
from masktalk.speech.network import shipped_network
from masktalk.speech.phones import INDEX
from masktalk.train.prompts import make_prompts, prompts
from masktalk.train.synthesis import FliteVoice

SAID = "mama and papa bought a blue boat"


def write_g722(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=16000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """What the packages put under /usr/share, with one flite voice as the speaker."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    samples = (FliteVoice("slt").say(SAID).audio.samples * 32767).astype(np.int16)
    sounds = tmp_path / "asterisk" / "sounds" / "en_US_f_Test"
    write_g722(sounds / "agent-user.g722", samples[: len(samples) // 2 * 2])
    write_g722(sounds / "beep.g722", np.zeros(8000, np.int16))
    texts = tmp_path / "doc" / "asterisk-core-sounds-en" / "core-sounds-en.txt.gz"
    texts.parent.mkdir(parents=True)
    lines = f"; a comment\nagent-user: {SAID}\nbeep: [a tone]\nmissing: not recorded\n"
    texts.write_bytes(gzip.compress(lines.encode()))
    return tmp_path


def test_only_what_is_said_is_a_prompt(packages: Path) -> None:
    assert [(prompt.path.name, prompt.text) for prompt in prompts(packages, "en")] == [
        ("agent-user.g722", SAID)
    ]


def test_a_prompt_is_aligned_with_its_text(packages: Path, tmp_path: Path) -> None:
    (path,) = make_prompts(packages, tmp_path, shipped_network(), ["en"])
    with np.load(path) as shard:
        labels, features = shard["labels"], shard["features"]
        assert shard["recorded"]
    assert len(labels) == len(features)
    lips = np.isin(labels, [INDEX[name] for name in ("M", "P", "B")])
    assert np.count_nonzero(np.diff(lips.astype(int)) == 1) == 7


def test_another_text_is_not_believed(packages: Path, tmp_path: Path) -> None:
    texts = packages / "doc" / "asterisk-core-sounds-en" / "core-sounds-en.txt.gz"
    texts.write_bytes(gzip.compress(b"agent-user: six thick thistles\n"))
    with pytest.raises(MasktalkError, match="said nothing"):
        list(make_prompts(packages, tmp_path, shipped_network(), ["en"]))


def test_no_packages(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="asterisk-core-sounds-fr-g722"):
        list(prompts(tmp_path, "fr"))
