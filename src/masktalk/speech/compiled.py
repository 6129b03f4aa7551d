"""The shipped models as onnxruntime runs them: three times faster than NumPy on a few rows.

The graphs beside the ``.npz`` files hold the same numbers (``masktalk.train.graphs`` writes
them); ``AcousticModel.posteriors`` and ``NetworkStage`` say plainly what they compute.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np
import onnxruntime

from masktalk.speech.network import Certain, Network, prepared
from masktalk.types import FloatArray


@lru_cache(maxsize=4)
def session(name: str) -> onnxruntime.InferenceSession:
    """Open a graph of ``speech/data`` on one thread; it is stateless, so all streams share it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = (files("masktalk.speech") / "data" / name).read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def posteriors(features: FloatArray) -> FloatArray:
    """(N, P) phone posteriors of (N, 3, 13) features, as ``AcousticModel.posteriors`` gives."""
    graph = session("acoustic.onnx")
    if not len(features):  # some versions of onnxruntime divide by the number of rows
        return np.zeros((0, graph.get_outputs()[0].shape[1]), np.float32)
    (scored,) = graph.run(None, {"features": features})
    return np.asarray(scored, np.float32)


class CompiledStage:
    """The shipped network's ``NetworkStage``, compiled.

    Args:
        network: The shipped one, for its shape.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._session = session("network.onnx")
        self._names = [output.name for output in self._session.get_outputs()]
        self._past: dict[str, FloatArray] = {}
        self._certain = Certain(network.delays)

    def push(self, rows: FloatArray) -> dict[str, FloatArray]:
        """Push (N, features) rows; see ``NetworkStage.push``."""
        if not len(rows):
            heads = self._network.heads
            return {name: np.zeros((0, len(heads[name][1])), np.float32) for name in heads}
        x = prepared(rows)
        if not self._past:
            self._hold(x[:1])
        answers = self._run(x)
        return {name: self._certain.of(name, answers[name]) for name in self._network.heads}

    def _run(self, x: FloatArray) -> dict[str, FloatArray]:
        answers = self._session.run(None, {"rows": x, **self._past})
        named = dict(zip(self._names, answers, strict=True))
        self._past = {name: named[f"next_{name}"] for name in self._past}
        return named

    def _hold(self, first: FloatArray) -> None:
        """Past rows as if the first had been there for ever."""
        for index, layer in enumerate(self._network.layers):
            reach, width = (layer.taps - 1) * layer.dilation, len(layer.weight) // layer.taps
            self._past[f"past{index}"] = np.zeros((reach, width), np.float32)
        reach = sum(len(past) for past in self._past.values())
        self._run(np.repeat(first, reach + 1, axis=0))
