"""HTTP schemas of options, generated from the option records that the library takes.

Only options that are safe in the hands of a stranger are offered: none that names a file.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field

from masktalk.engines.warp.engine import WarpOptions
from masktalk.option_fields import option_fields, parse_option
from masktalk.rendering import RenderOptions

#: Offered fields of ``RenderOptions`` with their bounds for HTTP.
_RENDER_BOUNDS: dict[str, dict[str, Any]] = {
    "fps": {"ge": 1, "le": 60},
    "crf": {"ge": 0, "le": 51},
    "preview": {"gt": 0, "le": 3600},
    "background": {"pattern": "^#[0-9a-fA-F]{6}$"},
    "label": {"max_length": 60},
}
_JSON_TYPES: dict[Any, Any] = {Fraction | None: float, int | None: int, str | None: str}


def option_schema() -> dict[str, Any]:
    """Return the fields of the options that a render may be asked for, for ``create_model``."""
    made: dict[str, Any] = {}
    for option in option_fields(RenderOptions):
        if option.name in _RENDER_BOUNDS:
            bounds = Field(description=option.help, **_RENDER_BOUNDS[option.name])
            made[option.name] = (Annotated[_JSON_TYPES[option.hint], bounds] | None, None)
    for name, declared in WarpOptions.model_fields.items():
        kind: Any = declared.annotation
        described = Field(description=declared.description)
        for bound in declared.metadata:
            kind = Annotated[kind, bound]
        made[name] = (Annotated[kind, described] | None, None)
    return made


def render_options(chosen: dict[str, Any]) -> RenderOptions:
    """Return render options from checked values by name.

    Args:
        chosen: Values of fields of ``option_schema``; missing ones keep their default.
    """
    engine = {name: value for name, value in chosen.items() if name in WarpOptions.model_fields}
    own = {name: value for name, value in chosen.items() if name not in engine}
    for name in ("fps", "preview"):
        if name in own:
            own[name] = parse_option(RenderOptions, name, f"{own[name]:g}")
    return RenderOptions(engine_options=engine, overwrite=True, **own)
