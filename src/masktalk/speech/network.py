"""Our own small network: levelled log-mel in, phone classes out. Plain NumPy, streaming.

A stack of causal convolutions over time with doubling dilation (as in WaveNet, van den Oord
et al. 2016) whose answer is for ``delay`` steps ago: what it hears ahead is fixed, so a
stream in blocks and a whole file go through the same arithmetic.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np

from masktalk.errors import WeightsError
from masktalk.types import FloatArray

#: Mel bands and their range in Hz.
BANDS = 40
LOW, HIGH = 80.0, 7600.0
#: Brings levelled log-mel to about -1..1.
SHIFT, SCALE = np.float32(7.0), np.float32(0.25)


@dataclass(frozen=True, eq=False)
class Layer:
    """One causal convolution followed by a rectifier, added to its input when ``residual``.

    Attributes:
        weight: (taps * inputs, outputs); the oldest tap first.
        bias: (outputs,).
        taps: How many steps it looks at.
        dilation: Steps between them.
        residual: Whether the input is added to the output.
    """

    weight: FloatArray
    bias: FloatArray
    taps: int
    dilation: int
    residual: bool


@dataclass(frozen=True, eq=False)
class Network:
    """The trained network.

    Attributes:
        layers: From the input on.
        heads: name -> (weight (width, outputs), bias (outputs,)).
        delays: name -> steps ago that a head's answer is for.
        classes: Phone classes of the head ``phones``.
    """

    layers: tuple[Layer, ...]
    heads: dict[str, tuple[FloatArray, FloatArray]]
    delays: dict[str, int]
    classes: tuple[str, ...]


def load_network(source: Path | IO[bytes]) -> Network:
    """Return a network written by ``save_network``.

    Raises:
        WeightsError: The file is not one.
    """
    try:
        with np.load(source, allow_pickle=False) as packed:
            plan = json.loads(str(packed["plan"]))
            layers = tuple(
                Layer(
                    packed[f"layer{index}.weight"].astype(np.float32),
                    packed[f"layer{index}.bias"].astype(np.float32),
                    **shape,
                )
                for index, shape in enumerate(plan["layers"])
            )
            heads = {
                name: (
                    packed[f"{name}.weight"].astype(np.float32),
                    packed[f"{name}.bias"].astype(np.float32),
                )
                for name in plan["delays"]
            }
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise WeightsError("speech network", f"not a network ({error})", "reinstall") from error
    return Network(layers, heads, dict(plan["delays"]), tuple(plan["classes"]))


def save_network(network: Network, path: Path) -> None:
    """Write it in half precision, a plain ``.npz``."""
    plan = {
        "layers": [
            {"taps": layer.taps, "dilation": layer.dilation, "residual": layer.residual}
            for layer in network.layers
        ],
        "delays": network.delays,
        "classes": list(network.classes),
    }
    arrays: dict[str, FloatArray] = {}
    for index, layer in enumerate(network.layers):
        arrays[f"layer{index}.weight"] = layer.weight
        arrays[f"layer{index}.bias"] = layer.bias
    for name, (weight, bias) in network.heads.items():
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = weight, bias
    halves = {name: array.astype(np.float16) for name, array in arrays.items()}
    np.savez_compressed(path, plan=np.array(json.dumps(plan)), **halves)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def shipped_network() -> Network:
    """Return the network in the package."""
    with (files("masktalk.speech") / "data" / "network.npz").open("rb") as stream:
        return load_network(stream)


def prepared(rows: FloatArray) -> FloatArray:
    """(N, BANDS) levelled rows as the first layer takes them."""
    return np.asarray((rows + SHIFT) * SCALE, np.float32)


class Certain:
    """Lets through each head's answers for rows that exist: none for its first ``delays``."""

    def __init__(self, delays: dict[str, int]) -> None:
        self._early = dict(delays)

    def of(self, name: str, rows: FloatArray) -> FloatArray:
        """Return the rest of a head's next (N, outputs) answers."""
        early = min(self._early[name], len(rows))
        self._early[name] -= early
        return rows[early:]


class NetworkStage:
    """(N, BANDS) levelled rows in; each head's raw outputs for the rows they are about.

    A head with a delay of d gives nothing for the first d rows; hold the last row for as
    long as the longest delay to get every answer.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._past: list[FloatArray] | None = None
        self._certain = Certain(network.delays)

    def push(self, rows: FloatArray) -> dict[str, FloatArray]:
        """Push (N, features) rows; return each head's (M, outputs) answers by name."""
        x = prepared(rows)
        if self._past is None and len(x):
            self._past = self._hold(x[:1])
        for index, layer in enumerate(self._network.layers):
            x = self._convolve(index, layer, x)
        heads = self._network.heads
        return {name: self._certain.of(name, x @ heads[name][0] + heads[name][1]) for name in heads}

    def _convolve(self, index: int, layer: Layer, x: FloatArray) -> FloatArray:
        if not len(x):
            return np.zeros((0, len(layer.bias)), np.float32)
        assert self._past is not None
        reach = (layer.taps - 1) * layer.dilation
        whole = np.concatenate([self._past[index], x])
        self._past[index] = whole[len(whole) - reach :]
        taps = [whole[offset : offset + len(x)] for offset in range(0, reach + 1, layer.dilation)]
        y = np.concatenate(taps, axis=1) @ layer.weight
        y += layer.bias
        np.maximum(y, 0, out=y)
        return np.asarray(x + y if layer.residual else y, np.float32)

    def _hold(self, first: FloatArray) -> list[FloatArray]:
        """Past rows as if the first had been there for ever."""
        past = []
        x = first
        for layer in self._network.layers:
            past.append(np.repeat(x, (layer.taps - 1) * layer.dilation, axis=0))
            y = np.maximum(np.tile(x, (1, layer.taps)) @ layer.weight + layer.bias, 0)
            x = x + y if layer.residual else y
        return past
