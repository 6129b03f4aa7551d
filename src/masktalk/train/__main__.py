"""``python -m masktalk.train corpus|fit|evaluate``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from masktalk.errors import MasktalkError

app = typer.Typer(help="Make the speech network.", no_args_is_help=True)
_DEFAULT = Path("build/corpus")


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(help="Where the corpus goes.")] = _DEFAULT,
    hours: Annotated[float, typer.Option(help="Of speech.")] = 6.0,
    seed: int = 1,
) -> None:
    """Synthesise speech with the system's voices; keep audio and phones."""
    from masktalk.train.corpus import CorpusOptions, make_corpus

    for path in make_corpus(CorpusOptions(folder, hours, seed)):
        sys.stdout.write(f"{path}\n")


@app.command()
def prompts(
    folder: Annotated[Path, typer.Argument(help="Of the corpus.")] = _DEFAULT,
    packages: Annotated[Path, typer.Option(help="Where the packages' files lie.")] = Path(
        "/usr/share"
    ),
    network: Annotated[
        Path | None, typer.Option(help="A trained network that aligns; the shipped one.")
    ] = None,
) -> None:
    """Add real voices to a corpus: Debian's asterisk-core-sounds, en, es, fr, it and ru."""
    from masktalk.speech.network import load_network, shipped_network
    from masktalk.train.prompts import make_prompts

    aligner = load_network(network) if network else shipped_network()
    for path in make_prompts(packages, folder, aligner):
        sys.stdout.write(f"{path}\n")


@app.command()
def fit(
    out: Annotated[Path, typer.Argument(help="The network to write.")],
    corpus: Annotated[Path, typer.Option(help="Folder made by `corpus`.")] = _DEFAULT,
    minutes: Annotated[float, typer.Option(help="Longest time to train for.")] = 100.0,
    steps: Annotated[int | None, typer.Option(help="Stop after so many.")] = None,
    threads: int = 2,
    seed: int = 1,
    start: Annotated[Path | None, typer.Option(help="A network to go on from.")] = None,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    width: Annotated[int, typer.Option(help="Channels of every layer.")] = 176,
) -> None:
    """Train on the corpus, on CPU."""
    from masktalk.train.fit import FitOptions
    from masktalk.train.fit import fit as train

    options = FitOptions(
        corpus,
        out,
        minutes,
        seed,
        threads=threads,
        start=start,
        rate=rate,
        steps=steps,
        width=width,
    )
    for figures in train(options):
        line = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@app.command()
def graphs(
    folder: Annotated[Path, typer.Argument(help="Where acoustic.npz and network.npz lie.")],
) -> None:
    """Write the graphs that the run time takes, beside the models."""
    from masktalk.speech.acoustic import read_acoustic_model
    from masktalk.speech.network import load_network
    from masktalk.train.graphs import save_acoustic_graph, save_network_graph

    with (folder / "acoustic.npz").open("rb") as stream:
        save_acoustic_graph(read_acoustic_model(stream), folder / "acoustic.onnx")
    save_network_graph(load_network(folder / "network.npz"), folder / "network.onnx")


@app.command()
def evaluate(
    network: Annotated[Path, typer.Argument(help="A trained network.")],
    corpus: Annotated[Path, typer.Option(help="Folder made by `corpus`, another seed.")] = _DEFAULT,
) -> None:
    """Measure phone accuracy and gesture correlation on a corpus, clean and with noise."""
    from masktalk.train.fit import evaluate as measure

    for condition, figures in measure(network, corpus).items():
        line = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        sys.stdout.write(f"{condition:8} {line}\n")


def main() -> None:
    """Run the command line; exit with 2 on an error of the user's."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        app(prog_name="python -m masktalk.train")
    except MasktalkError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
