"""The `masktalk` command: its subcommands, and how every error ends in one line."""

from __future__ import annotations

import _thread
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from masktalk.cli import (
    articulate,
    batch,
    bench,
    cache,
    demo,
    doctor,
    dub,
    evaluate,
    live,
    locate,
    mask,
    models,
    musetalk,
    prepare,
    render,
    review,
    sadtalker,
    serve,
    sheet,
    train,
    verify,
    wav2lip,
)
from masktalk.cli.flags import engine_flags, name_flags, record_flags
from masktalk.cli.records import takes_records
from masktalk.errors import MasktalkError


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"masktalk {version('masktalk')}\n")
        raise typer.Exit


class OnceFilter(logging.Filter):
    """A filter that lets each line through once: a file is read several times over."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop a record that was shown before."""
        line = record.getMessage()
        if line in self._shown:
            return False
        self._shown.add(line)
        return True


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
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(OnceFilter())
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])


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
    records = _records(command)
    for taking in (render.render, prepare.prepare, locate.locate, sheet.sheet, batch.batch):
        app.command()(takes_records(taking, **records))
    app.command()(mask.mask)
    app.command()(articulate.articulate)
    app.command()(takes_records(serve.serve, **records))
    app.command()(review.review)
    app.command()(verify.verify)
    app.command()(dub.faces)
    app.command()(dub.dub)
    app.command()(live.live)
    app.command()(demo.demo)
    app.command()(cache.cache)
    app.command()(doctor.doctor)
    app.command()(doctor.engines)
    app.add_typer(models.models, name="models")
    app.command()(musetalk.musetalk)
    app.add_typer(
        train.make_app(train.train_flags()) if command == "train" else train.make_app(),
        name="train",
    )
    app.command()(wav2lip.wav2lip)
    app.command(cls=sadtalker.AngleListCommand)(sadtalker.sadtalker)
    app.add_typer(evaluate.app, name="evaluate")
    app.command()(bench.bench)
    app.command()(bench.bench_live)
    return app


def _records(command: str | None) -> dict[str, type[Any]]:
    """Return the flags of a command's option records by parameter; none for other commands."""
    if command == "batch":
        from masktalk.batch import BatchOptions

        return {"options": record_flags(BatchOptions)}
    if command == "serve":
        from masktalk.server.options import ServerOptions

        singular = {"names": "name", "ice_servers": "ice_server"}
        return {"options": record_flags(ServerOptions, names=singular)}
    if command not in ("render", "prepare", "locate", "sheet"):
        return {}
    from masktalk.preparation import PrepareOptions

    if command != "render":
        return {"look": record_flags(PrepareOptions, "The avatar")}
    from masktalk.driver import DriverOptions
    from masktalk.rendering import RenderOptions

    driver = {"video": "driver", "parts": "driver_parts"}
    driver |= {"engine": "driver_engine", "face": "driver_face"}
    return {
        "look": record_flags(PrepareOptions, "The avatar", leave_out={"fps", "seconds"}),
        "video": record_flags(RenderOptions, "The result"),
        "driver": record_flags(DriverOptions, "A driving video", names=driver),
        "engine": engine_flags(),
    }


#: Seconds after which a lost stop is repeated.
_STOP_AGAIN_S = 0.05


class _StoppedError(BaseException):
    """A signal as an exception, so that every block cleans up.

    Args:
        number: SIGTERM or SIGINT.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop(number: int, frame: object) -> None:
    # Ctrl-C may come twice: from the terminal and from the parent process.
    signal.signal(number, signal.SIG_IGN)
    raise _StoppedError(number)


def _stop_again(unraisable: Any) -> None:
    """Repeat a stop whose exception was lost, because a finaliser or a callback ran just then."""
    if not isinstance(unraisable.exc_value, _StoppedError):
        sys.__unraisablehook__(unraisable)
        return
    number = unraisable.exc_value.number
    signal.signal(number, _stop)
    again = threading.Timer(_STOP_AGAIN_S, _thread.interrupt_main, (number,))
    again.daemon = True
    again.start()


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raise _StoppedError inside the block at SIGTERM and SIGINT."""
    usual = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGINT)}
    usual_hook, sys.unraisablehook = sys.unraisablehook, _stop_again
    try:
        yield
    finally:
        sys.unraisablehook = usual_hook
        for number, handler in usual.items():
            signal.signal(number, handler)


def _without_pipes(arguments: list[str], stack: ExitStack) -> list[str]:
    """Return the arguments with every pipe that is read replaced by a file of its content."""
    words = list(arguments)
    for index, word in enumerate(arguments):
        plain = word != "-" and (os.path.isfile(word) or not os.path.exists(word))
        if plain or os.path.isdir(word) or arguments[index - 1 : index] in (["-o"], ["--output"]):
            continue
        from masktalk.media.pipes import copy_pipe, is_pipe

        if is_pipe(word):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="masktalk-")))
            copy = folder / ("stdin" if word == "-" else Path(word).name)
            copy_pipe(word, copy)
            words[index] = str(copy)
    return words


def main() -> None:
    """Run the command line; exit with 2 and one line when something is wrong with the input."""
    # Our matrices are small: BLAS threads would only take the cores from the encoder.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in sys.argv[1:]
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    command = next((word for word in arguments if not word.startswith("-")), None)
    try:
        with ExitStack() as stack:
            if command != "serve":  # the server shuts down by itself
                stack.enter_context(_stoppable())
            arguments = _without_pipes(arguments, stack)
            make_app(command)(args=arguments, prog_name="masktalk")
    except MasktalkError as error:
        if debug:
            raise
        for line in name_flags(str(error)).splitlines():
            sys.stderr.write(f"masktalk: {line}\n")
        sys.exit(2)
    except _StoppedError as stopped:
        sys.stderr.write("masktalk: stopped\n")
        sys.exit(128 + stopped.number)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
