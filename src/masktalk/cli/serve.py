"""`masktalk serve`: the page, the HTTP interface and live sessions."""

from __future__ import annotations

from masktalk.cli.flags import RecordFlags
from masktalk.errors import MissingExtraError, OptionError


def serve(options: RecordFlags) -> None:
    """Serve the page and the HTTP interface until stopped."""
    try:
        from masktalk.server.run import run
    except ImportError as error:
        raise MissingExtraError(
            "serve", f"{error.name} is not installed", "pip install 'masktalk[server]'"
        ) from error
    from pydantic import ValidationError

    try:
        checked = options.options()
    except ValidationError as error:
        first = error.errors()[0]
        option = f"`{first['loc'][0]}`" if first["loc"] else "serve"
        raise OptionError(option, first["msg"].removeprefix("Value error, ")) from error
    run(checked)
