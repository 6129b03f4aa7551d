"""Option records: frozen dataclasses whose fields carry their own description.

Command-line flags, the HTTP schema and the tables of the documentation are generated from
these records and from the engines' pydantic ones, so that an option is described once.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any


def described(default: Any, help_text: str) -> Any:
    """Return a dataclass field with a default and a one-line description for users."""
    return field(default=default, metadata={"help": help_text})
