"""`masktalk models`: the public checkpoints, where they come from and where they lie."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from masktalk.cli.console import report
from masktalk.errors import WeightsError

if TYPE_CHECKING:
    from masktalk.weights import WeightFile, WeightStore

models = typer.Typer(no_args_is_help=True, help="Public checkpoints: list, fetch, check, find.")

Folder = Annotated[
    Path | None,
    typer.Option("--from", help="A models/ folder in MuseTalk's own layout, used as it is."),
]
Name = Annotated[str, typer.Argument(help="A name that `masktalk models list` shows.")]


@models.command("list")
def list_models(folder: Folder = None) -> None:
    """Show every known file: what for, whose, how large, under what licence, and if it is here."""
    from masktalk.weights import WeightStore, weight_table

    store = WeightStore(folder)
    for row in weight_table().values():
        report(_facts(row, store), _sentence(row, store))


@models.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names to fetch; what MuseTalk v1.5 needs unless given."),
    ] = None,
    folder: Folder = None,
) -> None:
    """Fetch files with progress and resume and check them; --from takes a folder instead."""
    from masktalk.weights import WeightStore, weight_table

    store = WeightStore(folder)
    if folder is not None:
        store.remember(folder)
        wanted = names or [name for name in weight_table() if store.has(name)]
    else:
        wanted = names or ["musetalk-v15", "musetalk-v15-config", "sd-vae", "whisper-tiny"]
        wanted += [] if names else ["bisenet"]
    for name in wanted:
        path = store.pull(name) if folder is None else store.path(name)
        report({"model": name, "path": str(path)}, f"{name}: {path}")


@models.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="All that are here, if left out.")
    ] = None,
    folder: Folder = None,
) -> None:
    """Check size and SHA-256 of the files that are here; exit with 2 when one is wrong."""
    from masktalk.weights import WeightStore, weight_table

    store = WeightStore(folder)
    wrong = []
    for name in names or weight_table():
        verdict = store.verify(name)
        if verdict.state == "missing" and not names:
            continue
        where = str(verdict.path) if verdict.path else None
        facts = {"model": name, "path": where, "state": verdict.state, "detail": verdict.detail}
        report(facts, f"{name}: {verdict.state} {verdict.detail}".rstrip())
        if verdict.state in ("wrong", "missing"):
            wrong.append(name)
    if wrong:
        raise WeightsError(", ".join(wrong), "not what the table says", "pull again")


@models.command()
def path(name: Name, folder: Folder = None) -> None:
    """Print where a file lies."""
    from masktalk.weights import WeightStore

    sys.stdout.write(f"{WeightStore(folder).path(name)}\n")


def _facts(row: WeightFile, store: WeightStore) -> dict[str, object]:
    here = store.find(row.name)
    return {**row.model_dump(exclude={"local", "instead"}), "path": str(here) if here else None}


def _sentence(row: WeightFile, store: WeightStore) -> str:
    size = f"{row.bytes / 1e6:.0f} MB" if row.bytes else "size unknown"
    source = (
        f"{row.repository}@{(row.revision or '')[:8]}" if row.repository else row.url or row.page
    )
    use = {True: "commercial use allowed", False: "not for commercial use", None: "use unstated"}
    here = "here" if store.find(row.name) else "not here"
    digest = (row.sha256 or "pinned when pulled")[:12]
    return (
        f"{row.name}: {row.purpose}\n  {source} {row.file}, {size}, sha256 {digest}\n"
        f"  {row.licence}; {use[row.commercial]}; {here}"
    )
