"""Flags generated from option records."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from masktalk.option_fields import OptionField, option_fields, parse_option

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


#: Options whose flag is not their own name.
_FLAGS = {"rate": "fps", "driver.video": "driver"}


def name_flags(message: str) -> str:
    """Return an error message with `` `crf` ``, the option, replaced by ``--crf``, the flag."""
    return re.sub(r"`([a-z_.]+)`", lambda found: f"--{_flag_name(found[1])}", message)


def _flag_name(option: str) -> str:
    return re.sub("[_.]", "-", _FLAGS.get(option, option))


@dataclass(frozen=True)
class RecordFlags:
    """The flags of one option record; ``record_flags`` adds a field for every option."""

    RECORD: ClassVar[type[Any]]
    #: Option of the record by flag, where the names differ.
    OPTIONS: ClassVar[Mapping[str, str]] = {}

    def options(self, **others: Any) -> Any:
        """Return the option record of these flags.

        Args:
            others: Options that have no flag.

        Raises:
            OptionError: A flag has no such value.
        """
        given = {}
        for each in fields(self):
            option = self.OPTIONS.get(each.name, each.name)
            value = parse_option(self.RECORD, option, getattr(self, each.name))
            if value is not None:
                given[option] = value
        return self.RECORD(**given, **others)


def record_flags(
    record: type[Any],
    panel: str | None = None,
    leave_out: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> type[RecordFlags]:
    """Return ``RecordFlags`` with a flag for every described option of a record.

    Args:
        record: A dataclass of ``described`` fields, or a pydantic model.
        panel: Heading of the flags in the help text.
        leave_out: Options without a flag.
        names: Names of flags by option, where they differ from the option's.
    """
    names = names or {}
    made: list[tuple[str, Any, Any]] = []
    for option in option_fields(record):
        if option.name not in leave_out:
            name = names.get(option.name, option.name)
            made.append((name, Annotated[_flag_type(option), _flag(option, name, panel)],
                         _flag_default(option)))  # fmt: skip
    flags: Any = make_dataclass(f"{record.__name__}Flags", made, bases=(RecordFlags,), frozen=True)
    flags.RECORD = record
    flags.OPTIONS = {flag: option for option, flag in names.items()}
    generated: type[RecordFlags] = flags
    return generated


def _flag(option: OptionField, name: str, panel: str | None) -> Any:
    words = [f"--{_flag_name(name)}", *([f"-{option.short}"] if option.short else [])]
    return typer.Option(
        *words,
        help=name_flags(option.help).replace("[", r"\["),  # not a tag of Rich's markup
        rich_help_panel=panel,
        envvar=option.envvar,
        show_default=False,
    )


def _flag_type(option: OptionField) -> Any:
    if option.hint in (bool, int, int | None, float, float | None, Path, Path | None, str):
        return option.hint
    if option.hint == tuple[str, ...]:
        return list[str] | None
    return str | None


def _flag_default(option: OptionField) -> Any:
    if option.default is None or isinstance(option.default, (bool, int, float, str, Path)):
        return option.default
    return None if isinstance(option.default, tuple) else str(option.default)


@dataclass(frozen=True)
class EngineFlags:
    """The engines' own options; ``engine_flags`` adds a field for each."""

    def values(self) -> dict[str, Any]:
        """Return the options that were given, by name."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if value is not None}


def engine_flags() -> type[EngineFlags]:
    """Return ``EngineFlags`` with a flag for every option of every engine in the table.

    Flags take text, which the option records check. An engine that is not installed has
    none.
    """
    from masktalk.engines import ENGINES, engine_class
    from masktalk.errors import MissingExtraError

    texts: dict[str, list[str]] = {}
    engines: dict[str, list[str]] = {}
    switches, hidden = set(), set()
    for engine in ENGINES:
        try:
            record = engine_class(engine).Options
        except MissingExtraError:
            continue
        for option, declared in record.model_fields.items():
            texts.setdefault(option, []).append(describe_option(declared))
            engines.setdefault(option, []).append(engine)
            if declared.annotation is bool:
                switches.add(option)
        for old, new in record.RENAMED.items():
            texts[old], engines[old] = [f"Earlier name of --{_flag_name(new)}."], [engine]
            hidden.add(old)
            if new in switches:
                switches.add(old)
    made: list[tuple[str, Any, Any]] = []
    for option, descriptions in texts.items():
        chosen: Any = typer.Option(
            *((f"--{_flag_name(option)}",) if option in hidden else ()),
            help=" / ".join(dict.fromkeys(descriptions)),
            rich_help_panel=f"Engine {', '.join(engines[option])}",
            hidden=option in hidden,
        )
        kind: Any = bool if option in switches else str
        made.append((option, Annotated[kind | None, chosen], None))
    return make_dataclass("AllEngineFlags", made, bases=(EngineFlags,), frozen=True)


def describe_option(declared: FieldInfo) -> str:
    """Return an option's description with its range and default."""
    limits = {
        name: value
        for limit in declared.metadata
        for name in ("ge", "le")
        if (value := getattr(limit, name, None)) is not None
    }
    text = declared.description or ""
    if len(limits) == 2:
        text += f", {limits['ge']:g} to {limits['le']:g}"
    return text if declared.default is None else f"{text} [{declared.default}]"


def transcript_for_flags(text: str | None, speech: Path, engine: str) -> str | None:
    """Return the known text that was given, or else the transcript beside the speech."""
    from masktalk.engines import engine_class
    from masktalk.speech.transcript import transcript_beside

    if text is not None or not engine_class(engine).capabilities.articulated:
        return text
    beside = transcript_beside(speech)
    return None if beside is None else str(beside)
