"""The `masktalk` command: its subcommands, and how every error ends in one line."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Annotated

import typer

from masktalk.cli import (
    articulate,
    bench,
    bench_live,
    cache,
    demo,
    doctor,
    engines,
    evaluate,
    locate,
    models,
    musetalk,
    prepare,
    render,
    review,
    serve,
    sheet,
)
from masktalk.cli.flags import engine_flags, name_flags
from masktalk.cli.records import takes_records
from masktalk.errors import MasktalkError


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"masktalk {version('masktalk')}\n")
        raise typer.Exit


def options(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say what is chosen and why.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Any face and any speech in, that face speaking out."""
    del version, debug
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)


def make_app(command: str | None = None) -> typer.Typer:
    """Return the command line.

    Args:
        command: The subcommand that will run. The engines are loaded only for one that has
            flags for their options: ``masktalk --help`` must not wait for them.
    """
    app = typer.Typer(
        name="masktalk",
        help="Any face and any speech in, that face speaking out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(options)
    records = {"engine": engine_flags()} if command == "render" else {}
    app.command("render")(takes_records(render.render, **records))
    app.command()(prepare.prepare)
    app.command()(locate.locate)
    app.command()(articulate.articulate)
    app.command()(serve.serve)
    app.command()(review.review)
    app.command()(sheet.sheet)
    app.command()(demo.demo)
    app.command()(cache.cache)
    app.command()(doctor.doctor)
    app.command()(engines.engines)
    app.add_typer(models.models, name="models")
    app.command()(musetalk.musetalk)
    app.add_typer(evaluate.app, name="evaluate")
    app.command()(bench.bench)
    app.command()(bench_live.bench_live)
    return app


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM as an exception, so that every block cleans up as after Ctrl-C."""


def _terminate(number: int, frame: object) -> None:
    raise _TerminatedError


def main() -> None:
    """Run the command line; exit with 2 and one line when something is wrong with the input."""
    # Our matrices are small: BLAS threads would only take the cores from the encoder.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in sys.argv[1:]
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command != "serve":  # the server shuts down by itself
        signal.signal(signal.SIGTERM, _terminate)
    try:
        make_app(command)(args=arguments, prog_name="masktalk")
    except MasktalkError as error:
        if debug:
            raise
        sys.stderr.write(f"masktalk: {name_flags(str(error))}\n")
        sys.exit(2)
    except _TerminatedError:
        sys.stderr.write("masktalk: stopped\n")
        sys.exit(143)
    except KeyboardInterrupt:
        sys.stderr.write("masktalk: stopped\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
