"""Option records: frozen dataclasses whose fields carry their own description.

Command-line flags, the HTTP schema and the tables of the documentation are generated from
these records and from the engines' pydantic ones, so that an option is described once.
"""

from __future__ import annotations

from dataclasses import field
from fractions import Fraction
from typing import Any

from masktalk.errors import OptionError


def described(default: Any, help_text: str) -> Any:
    """Return a dataclass field with a default and a one-line description for users."""
    return field(default=default, metadata={"help": help_text})


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
