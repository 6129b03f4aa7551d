from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from masktalk.errors import OptionError, OutputError
from masktalk.speech.events import PhonemeEvent, articulation_of
from masktalk.speech.export import FORMATS, ExportInput, format_for, write_articulation
from masktalk.types import CHANNELS, Audio

SAID = [("m", 0.3, 0.12), ("ɑ", 0.42, 0.3), ("f", 0.72, 0.12), ("u", 0.84, 0.3)]


@pytest.fixture(scope="module")
def subject() -> ExportInput:
    events = [PhonemeEvent(time, length, symbol) for symbol, time, length in SAID]
    articulation = articulation_of(events, Fraction(2))
    sound = np.sin(np.arange(32000) / 20).astype(np.float32)
    return ExportInput(articulation, "a & b.wav", Audio(sound, 16000))


def test_json(subject: ExportInput) -> None:
    document = json.loads(FORMATS["json"].encode(subject))
    assert document["rate"] == 100
    assert list(document["channels"]) == list(CHANNELS)
    assert {len(values) for values in document["channels"].values()} == {200}
    assert {len(values) for values in document["measures"].values()} == {200}
    assert set(document["measures"]) == {"aperture", "width", "closure"}


def test_csv(subject: ExportInput) -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].encode(subject).decode())))
    assert [float(row["time"]) for row in rows[:3]] == [0.0, 0.01, 0.02]
    jaw = subject.articulation.channel("jawOpen")
    np.testing.assert_allclose([float(row["jawOpen"]) for row in rows], jaw, atol=1e-5)


def test_livelink(subject: ExportInput) -> None:
    rows = list(csv.reader(io.StringIO(FORMATS["livelink"].encode(subject).decode())))
    assert len(rows[0]) == 63
    assert len(rows) == 1 + 120
    assert rows[61][0] == "00:00:01:00.000"
    column = rows[0].index("JawOpen")
    expected = subject.articulation.at(0.5)[0]
    assert float(rows[31][column]) == pytest.approx(float(expected), abs=1e-5)


def test_rhubarb_formats_agree(subject: ExportInput) -> None:
    lines = FORMATS["rhubarb-tsv"].encode(subject).decode().split("\n")[:-2]
    tsv = [(float(line.split("\t")[0]), line.split("\t")[1]) for line in lines]
    root = ElementTree.fromstring(FORMATS["rhubarb-xml"].encode(subject).decode())
    xml = [(float(cue.attrib["start"]), cue.text) for cue in root.iter("mouthCue")]
    found = json.loads(FORMATS["rhubarb-json"].encode(subject))
    cues = [(cue["start"], cue["value"]) for cue in found["mouthCues"]]
    assert tsv == xml == cues
    assert root.findtext("metadata/soundFile") == "a & b.wav"
    shapes = "".join(shape for _, shape in cues)
    assert shapes[0] == shapes[-1] == "X"
    order = [shapes.index(shape) for shape in "ADGF"]
    assert order == sorted(order)


def test_webvtt(subject: ExportInput) -> None:
    text = FORMATS["vtt"].encode(subject).decode()
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert text.rstrip().endswith("X")


def test_vrm(subject: ExportInput) -> None:
    document = json.loads(FORMATS["vrm"].encode(subject))
    curves = {name: np.array(values) for name, values in document["expressions"].items()}
    assert set(curves) == {"aa", "ih", "ou", "ee", "oh"}
    assert max(curves, key=lambda name: curves[name][55]) == "aa"
    assert max(curves, key=lambda name: curves[name][100]) in ("ou", "oh")
    assert sum(curves.values()).max() <= 1 + 1e-3


def test_picture(subject: ExportInput) -> None:
    image = Image.open(io.BytesIO(FORMATS["png"].encode(subject)))
    assert image.width > 400
    assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.json", "json"),
        ("a.rhubarb.json", "rhubarb-json"),
        ("a.VRM.json", "vrm"),
        ("a.csv", "csv"),
        ("a.livelink.csv", "livelink"),
        ("a.rhubarb.tsv", "rhubarb-tsv"),
        ("a.xml", "rhubarb-xml"),
    ],
)
def test_the_ending_chooses(name: str, expected: str) -> None:
    assert format_for(name) is FORMATS[expected]


def test_unknown_endings_and_names() -> None:
    with pytest.raises(OptionError, match=r"\.vtt"):
        format_for("a.mp3")
    with pytest.raises(OptionError, match="rhubarb-tsv"):
        format_for("a.json", "maya")


def test_written_only_when_complete(subject: ExportInput, tmp_path: Path) -> None:
    write_articulation(subject, tmp_path / "a.dat", "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["a.dat"]
    with pytest.raises(OutputError, match="does not exist"):
        write_articulation(subject, tmp_path / "none" / "a.csv")
