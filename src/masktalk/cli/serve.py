"""`masktalk serve`: the page, the HTTP interface and live sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from masktalk.errors import MissingExtraError, OptionError


def serve(
    data: Annotated[
        Path, typer.Option("--data", help="The one folder the server writes to.")
    ] = Path("masktalk-data"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="MASKTALK_TOKEN",
            help="What callers must show; needed unless HOST is loopback. At least 16 characters.",
        ),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="A host name it may be called by; may be repeated.")
    ] = None,
    ice_server: Annotated[
        list[str] | None,
        typer.Option(help="A STUN or TURN address for WebRTC, stun:HOST:PORT; may be repeated."),
    ] = None,
) -> None:
    """Serve the page and the HTTP interface until stopped."""
    try:
        from masktalk.server.run import run
    except ImportError as error:
        raise MissingExtraError(
            "serve", f"{error.name} is not installed", "pip install 'masktalk[server]'"
        ) from error
    from pydantic import ValidationError

    from masktalk.server.options import ServerOptions

    try:
        options = ServerOptions(
            data=data,
            host=host,
            port=port,
            token=token,
            names=tuple(name or ()),
            ice_servers=tuple(ice_server or ()),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise OptionError("serve", first["msg"].removeprefix("Value error, ")) from error
    run(options)
