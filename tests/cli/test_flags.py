"""Flags become records, and wrong ones become one clear line."""

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from masktalk.cli.flags import EngineFlags, RecordFlags, engine_flags, record_flags
from masktalk.cli.records import takes_records
from masktalk.engines import ENGINES, Engine, EngineOptions, engine_class
from masktalk.errors import MissingExtraError, OptionError
from masktalk.faces.options import parse_face
from masktalk.option_fields import described, parse_fraction


@dataclass(frozen=True)
class Size:
    width: Annotated[int, typer.Option(help="Pixels.")]
    height: Annotated[int, typer.Option()] = 7


def test_a_record_becomes_the_flags_of_a_command():
    seen = []

    @takes_records
    def command(name: Annotated[str, typer.Argument()], size: Size, loud: bool = False) -> None:
        seen.append((name, size, loud))

    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["x", "--width", "3", "--loud"])
    assert result.exit_code == 0, result.output
    assert seen == [("x", Size(width=3, height=7), True)]
    assert CliRunner().invoke(app, ["x"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25", Fraction(25)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("30", Fraction(30)),
        (None, None),
    ],
)
def test_rates_are_exact(text, value):
    assert parse_fraction(text, "fps") == value


@pytest.mark.parametrize("text", ["fast", "1/0", ""])
def test_a_rate_that_is_no_number_is_refused(text):
    with pytest.raises(OptionError, match="`fps`"):
        parse_fraction(text, "fps")


@pytest.mark.parametrize(
    ("text", "choice"), [("largest", "largest"), ("2", 2), ("10,20.5", (10.0, 20.5))]
)
def test_faces_are_chosen(text, choice):
    assert parse_face(text) == choice


@pytest.mark.parametrize("text", ["biggest", "1,2,3", "1,x"])
def test_an_unknown_face_lists_the_known(text):
    with pytest.raises(OptionError, match="largest, left, right"):
        parse_face(text)


@dataclass(frozen=True)
class Tint:
    fps: Fraction | None = described(None, "Frame rate [25].")
    face: str | tuple[float, float] = described("left", "Face.", parse=parse_face)
    strength: int = described(3, "How red, beside `face`.", short="s")
    hidden: int = 5
    source: Path | None = described(None, "Colours.")


def test_a_record_becomes_flags_and_is_made_of_them_again():
    seen = []

    def command(tint: RecordFlags) -> None:
        seen.append(tint.options(hidden=7))

    flags = record_flags(Tint, leave_out={"source"}, names={"strength": "force"})
    app = typer.Typer()
    app.command()(takes_records(command, tint=flags))
    text = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "Frame rate [25]." in text
    assert "beside --face" in text
    assert "--source" not in text
    result = CliRunner().invoke(app, ["--fps", "29.97", "--face", "1,2.5", "-s", "9"])
    assert result.exit_code == 0, result.output
    assert CliRunner().invoke(app, []).exit_code == 0
    assert seen == [
        Tint(Fraction(30000, 1001), (1.0, 2.5), 9, hidden=7),
        Tint(None, "left", 3, hidden=7),
    ]


class Tinted(EngineOptions):
    RENAMED: ClassVar[dict[str, str]] = {"hue": "tint"}

    tint: float = Field(0.5, ge=0, le=1, description="how red lips are")
    bright: bool = Field(False, description="more light")
    amplitude: float = Field(1.0, description="as the warp engine's")


class TintEngine(Engine):
    Options = Tinted


def test_an_engine_is_a_line_in_the_table(monkeypatch):
    monkeypatch.setitem(ENGINES, "tint", f"{__name__}:TintEngine")
    seen = []

    def command(engine: EngineFlags) -> None:
        seen.append(engine.values())

    app = typer.Typer()
    app.command()(takes_records(command, engine=engine_flags()))
    help_text = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "how red lips are, 0 to 1 [0.5]" in help_text
    assert "--hue" not in help_text
    result = CliRunner().invoke(app, ["--tint", "0.25", "--bright", "--amplitude", "2"])
    assert result.exit_code == 0, result.output
    assert seen == [{"tint": "0.25", "bright": True, "amplitude": "2"}]
    assert Tinted(**seen[0]) == Tinted(tint=0.25, bright=True, amplitude=2.0)


def test_an_option_by_its_earlier_name_is_accepted_with_a_warning(caplog):
    assert Tinted(hue=0.75).tint == 0.75
    assert "`hue` is now called `tint`" in caplog.text


def test_every_option_of_every_installed_engine_has_a_flag_and_a_description():
    flags = {field.name for field in fields(engine_flags())}
    for name in ENGINES:
        try:
            options = engine_class(name).Options.model_fields
        except MissingExtraError:
            continue
        assert set(options) <= flags
        assert all(option.description for option in options.values())
