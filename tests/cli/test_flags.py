"""Flags become records, and wrong ones become one clear line."""

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from masktalk.cli.flags import EngineFlags, parse_face, parse_fraction
from masktalk.cli.records import takes_records
from masktalk.engines import ENGINES, engine_class
from masktalk.errors import MissingExtraError, OptionError


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


def test_every_engine_flag_belongs_to_an_engine():
    known = set()
    for name in ENGINES:
        try:
            known |= set(engine_class(name).Options.model_fields)
        except MissingExtraError:
            pytest.skip(f"engine {name} is not installed")
    assert {field.name for field in fields(EngineFlags)} - {"engine"} <= known
