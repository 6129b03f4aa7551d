"""`masktalk train`: fine-tune an engine on one's own videos."""

from __future__ import annotations

from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from masktalk.cli.console import progress_bar, report
from masktalk.cli.flags import describe_option
from masktalk.cli.records import takes_records
from masktalk.errors import MissingExtraError, OptionError


@dataclass(frozen=True)
class TrainFlags:
    """Flags of the training; ``train_flags`` adds one for every option."""

    def values(self) -> dict[str, Any]:
        """Return the options that were given, by name."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value is not None}


def train_flags() -> type[TrainFlags]:
    """Return ``TrainFlags`` with a flag for every training option."""
    try:
        from masktalk.train.musetalk.options import TrainOptions
    except ImportError as error:
        raise MissingExtraError(
            str(error.name), "is not installed", "pip install 'masktalk[musetalk]'"
        ) from error
    made: list[tuple[str, Any, Any]] = []
    for name, declared in TrainOptions.model_fields.items():
        kind: Any = bool if declared.annotation == bool | None else str
        chosen: Any = typer.Option(help=describe_option(declared))
        made.append((name, Annotated[kind | None, chosen], None))
    return make_dataclass("AllTrainFlags", made, bases=(TrainFlags,), frozen=True)


def make_app(flags: type[TrainFlags] = TrainFlags) -> typer.Typer:
    """Return the `train` commands.

    Args:
        flags: Record of the training's flags.
    """
    app = typer.Typer(help="Fine-tune an engine on one's own videos.", no_args_is_help=True)
    app.command("musetalk")(takes_records(musetalk, flags=flags))
    app.command("merge")(merge)
    return app


def musetalk(
    videos: Annotated[Path, typer.Argument(help="A folder of talking videos, or one video.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The run's folder; an unfinished one goes on.")
    ],
    *,
    flags: TrainFlags,
) -> None:
    """Fine-tune MuseTalk on the faces in VIDEOS, masks painted over part of them."""
    from pydantic import ValidationError

    from masktalk.train.musetalk.options import TrainOptions
    from masktalk.train.musetalk.run import train_musetalk

    try:
        options = TrainOptions.model_validate(flags.values())
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise OptionError(f"`{name}` {first['input']}", first["msg"]) from error
    with progress_bar() as progress:
        made = train_musetalk(videos, output, options, progress)
    report(
        {
            "output": str(made.path),
            "steps": made.steps,
            "before": made.before.row(),
            "after": made.after.row(),
        },
        f"{made.path}: {made.steps} steps, held-out error {made.before.l1:.4f} -> "
        f"{made.after.l1:.4f}, mouth {made.before.mouth:.4f} -> {made.after.mouth:.4f}",
    )


def merge(
    run: Annotated[Path, typer.Argument(help="A run's folder, or its .safetensors.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The unet.pth to write.")],
    unet: Annotated[
        Path | None, typer.Option(help="The base that the run started from; v15 unless given.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(help="A models/ folder in the reference's layout.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Merge a run into a plain unet.pth, which the reference loads too."""
    from masktalk.train.musetalk.merge import merge as merge_weights
    from masktalk.weights import WeightStore

    base = unet or WeightStore(models).path("musetalk-v15")
    path = merge_weights(run, base, output, overwrite)
    report({"output": str(path)}, str(path))
