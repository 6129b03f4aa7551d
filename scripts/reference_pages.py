"""MkDocs hook that generates the reference pages from the code.

The command line comes from its own commands, option tables from the option records and the
HTTP reference from the OpenAPI description, so that none can fall behind the code.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from masktalk.batch import BatchOptions
from masktalk.cli.flags import describe_option
from masktalk.cli.command_line import make_app
from masktalk.driver import DriverOptions
from masktalk.dub import DubOptions
from masktalk.engines import ENGINES, engine_class
from masktalk.errors import MissingExtraError
from masktalk.option_fields import option_fields
from masktalk.preparation import PrepareOptions
from masktalk.rendering import RenderOptions
from masktalk.server.app import create_app
from masktalk.server.options import ServerOptions

RECORDS = (
    PrepareOptions, RenderOptions, DriverOptions, BatchOptions, DubOptions, ServerOptions,
)  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for uri, content in (
        ("reference/cli.md", command_line()),
        ("reference/options.md", option_tables()),
        ("reference/http.md", http_routes()),
        ("reference/openapi.json", json.dumps(openapi(), indent=1)),
    ):
        files.append(File.generated(config, uri, content=content))
    return files


def command_line() -> str:
    """Return the page of every command with its arguments and flags."""
    group: Any = typer.main.get_command(make_app())
    parts = ["# Command line", "Every command, as `masktalk COMMAND --help` prints it."]
    for name in sorted(group.commands):
        full: Any = typer.main.get_command(make_app(name))
        parts += _command(f"masktalk {name}", full.commands[name])
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any) -> list[str]:
    if hasattr(command, "commands"):
        inner = [_command(f"{name} {each}", sub) for each, sub in sorted(command.commands.items())]
        return [f"## {name}", command.help or "", *(part for parts in inner for part in parts)]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([name, *(each.name.upper() for each in arguments), "[OPTIONS]"])
    rows = [(each.name.upper(), each.help or "") for each in arguments]
    rows += [
        (", ".join(f"`{word}`" for word in each.opts), each.help or "")
        for each in command.params
        if each.param_type_name == "option" and not each.hidden and each.name != "help"
    ]
    return [f"## {name}", command.help or "", f"    {usage}", _table(("", ""), rows)]


def option_tables() -> str:
    """Return the page of every option record, those of the engines included."""
    parts = ["# Options", "Records of Python; the command line has them as flags."]
    for record in RECORDS:
        rows = [(f"`{each.name}`", each.help) for each in option_fields(record)]
        parts += [f"## {record.__name__}", _table(("option", ""), rows)]
    for engine in ENGINES:
        try:
            declared = engine_class(engine).Options.model_fields
        except MissingExtraError:
            continue
        rows = [(f"`{name}`", describe_option(each)) for name, each in declared.items()]
        parts += [f"## Engine {engine}", _table(("option", ""), rows)]
    return "\n\n".join(parts) + "\n"


def openapi() -> dict[str, Any]:
    """Return the OpenAPI description of the server."""
    with TemporaryDirectory() as folder:
        app = create_app(ServerOptions(data=Path(folder)))
        try:
            return app.openapi()
        finally:
            app.state.services.store.close()


def http_routes() -> str:
    """Return the page of every HTTP route."""
    description = openapi()
    rows = [
        (f"`{method.upper()} {path}`", route.get("summary", ""))
        for path, methods in description["paths"].items()
        for method, route in methods.items()
        if method in METHODS
    ]
    text = "The complete [OpenAPI description](openapi.json), as the server gives it."
    return "\n\n".join(["# HTTP", text, _table(("route", ""), rows)]) + "\n"


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    cells = [tuple(" ".join(cell.split()).replace("|", r"\|") for cell in row) for row in rows]
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join(lines + [f"| {first} | {second} |" for first, second in cells])
