"""Commands that take records: the flags of a command grouped into frozen dataclasses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


def takes_records(command: Callable[..., None], **replaced: type[Any]) -> Callable[..., None]:
    """Let a typer command have dataclass parameters whose fields become its flags.

    Each field is annotated as a typer parameter would be. The command is called with
    the records built.

    Args:
        command: The function to call.
        replaced: Records to build, by parameter, instead of those that it is annotated with.
    """
    hints = {**get_type_hints(command, include_extras=True), **replaced}
    parameters: list[inspect.Parameter] = []
    records: dict[str, type[Any]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = _annotated(hints[name])
        if isinstance(kind, type) and is_dataclass(kind):
            records[name] = kind
            parameters += _flags(kind)
        else:
            parameters.append(
                parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)
            )

    @functools.wraps(command)
    def flattened(**values: Any) -> None:
        built = {
            name: kind(**{f.name: values.pop(f.name) for f in fields(kind)})
            for name, kind in records.items()
        }
        command(**values, **built)

    flattened.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flattened.__annotations__ = {p.name: p.annotation for p in parameters}
    del flattened.__wrapped__  # typer would look through it to the grouped signature
    return flattened


def _annotated(hint: Any) -> Any:
    """Python 3.10 wraps the hint of a parameter that defaults to None in Optional; undo that."""
    inner = [part for part in get_args(hint) if get_origin(part) is Annotated]
    return inner[0] if get_origin(hint) is Union and inner else hint


def _flags(kind: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default
