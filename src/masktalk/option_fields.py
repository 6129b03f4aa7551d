"""Option records: frozen dataclasses and pydantic models whose fields describe themselves.

Command-line flags, the HTTP schema and the tables of the documentation are generated from
these records, so that an option is described once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

from masktalk.errors import OptionError


@dataclass(frozen=True)
class OptionField:
    """One option of a record.

    Attributes:
        name: Name of the option.
        hint: Its type.
        default: Its default value.
        help: One-line description for users.
        parse: Conversion of a user's text; None goes by the type.
        short: One-letter flag, or None.
        envvar: Environment variable that is read when the flag is not given, or None.
    """

    name: str
    hint: Any
    default: Any
    help: str
    parse: Callable[[str], Any] | None = None
    short: str | None = None
    envvar: str | None = None


def described(
    default: Any,
    help_text: str,
    parse: Callable[[str], Any] | None = None,
    short: str | None = None,
) -> Any:
    """Return a dataclass field with a default and a one-line description for users."""
    return field(default=default, metadata={"help": help_text, "parse": parse, "short": short})


def option_fields(record: type[Any]) -> tuple[OptionField, ...]:
    """Return the described options of a record in their order; other fields are left out."""
    hints = get_type_hints(record)
    if is_dataclass(record):
        return tuple(
            OptionField(each.name, hints[each.name], each.default, **each.metadata)
            for each in fields(record)
            if each.metadata and each.default is not MISSING
        )
    declared: dict[str, Any] = record.model_fields
    return tuple(
        OptionField(
            name, hints[name], each.default, each.description, **(each.json_schema_extra or {})
        )
        for name, each in declared.items()
        if each.description
    )


def parse_option(record: type[Any], name: str, value: Any) -> Any:
    """Return a user's value, text or already converted, as the type of a record's option.

    Raises:
        OptionError: It has no such value.
    """
    option = next(each for each in option_fields(record) if each.name == name)
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, str):
        return value
    if option.parse is not None:
        return option.parse(value)
    if option.hint == Fraction | None:
        return parse_fraction(value, name)
    return Path(value) if option.hint in (Path, Path | None) else value


def parse_fraction(text: str | None, option: str) -> Fraction | None:
    """Return the number that a text writes: 25, 29.97 or 30000/1001; None for None.

    Broadcast frame rates that are written short mean their exact value.

    Raises:
        OptionError: It is not a number.
    """
    if text is None:
        return None
    try:
        value = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise OptionError(
            f"`{option}` {text}", "is not a number", "write 25 or 30000/1001"
        ) from error
    for nominal in (24, 30, 48, 60, 120):
        exact = Fraction(nominal * 1000, 1001)
        if "/" not in text and "." in text and abs(value - exact) < Fraction(1, 200):
            return exact
    return value


def parse_seconds(text: str | None, option: str) -> Fraction | None:
    """Return the seconds that a text writes: 5, 2.5 or 5s; None for None.

    Raises:
        OptionError: It is not a number of seconds.
    """
    if text is None:
        return None
    try:
        return Fraction(text.strip().removesuffix("s").strip())
    except (ValueError, ZeroDivisionError) as error:
        raise OptionError(
            f"`{option}` {text}", "is not a number of seconds", "write 5 or 2.5"
        ) from error
