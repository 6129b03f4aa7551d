"""The speech models as ONNX graphs, weights in half precision: what ``compiled`` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from masktalk.speech.acoustic import SCALE, WEIGHT_STEP, AcousticModel
from masktalk.speech.network import Network
from masktalk.types import FloatArray

_OPSET, _IR = 15, 8
#: Past the end of anything.
_END = np.iinfo(np.int32).max


class _Graph:
    """Nodes and constants as they come; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        """Add a constant of any shape, (), (N,) or more."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, value: FloatArray) -> str:
        """Add a half-precision constant, (N, ...); onnxruntime unfolds it once, when it loads."""
        return self.add("Cast", self.constant(value.astype(np.float16)), to=TensorProto.FLOAT)

    def slice(self, value: str, first: int, last: int, axis: int) -> str:
        """Add a slice of one axis."""
        ends = [self.constant(np.array([end], np.int64)) for end in (first, last, axis)]
        return self.add("Slice", value, *ends)

    def takes(self, name: str, shape: list[str | int]) -> str:
        """Declare an input."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def gives(self, name: str, value: str, shape: list[str | int]) -> None:
        """Declare an output."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def save(self, path: Path) -> None:
        """Check the graph and write it."""
        graph = helper.make_graph(self.nodes, path.stem, self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


def save_acoustic_graph(model: AcousticModel, path: Path) -> None:
    """Write the graph of ``AcousticModel``: ``features`` (N, 3, 13) to ``posteriors`` (N, P)."""
    _, phones, _, gaussians = model.factors.shape
    graph = _Graph()
    features = graph.takes("features", ["steps", 3, 13])
    apart = graph.constant(np.array([-1, phones, gaussians], np.int64))
    least = graph.constant(np.array(1e-30, np.float32))
    scores = []
    for stream in range(3):
        x = graph.slice(features, stream, stream + 1, 1)
        x = graph.add("Squeeze", x, graph.constant(np.array([1], np.int64)))
        both = graph.add("Concat", graph.add("Mul", x, x), x, axis=1)
        density = graph.add("Gemm", both, *_factors(graph, model.factors[stream]))
        density = graph.add("Reshape", density, apart)
        top = graph.add("ReduceMax", density, axes=[2], keepdims=1)
        spread = graph.add("Exp", graph.add("Sub", density, top))
        spread = graph.add("Transpose", spread, perm=[1, 0, 2])
        mixed = graph.add("MatMul", spread, _weights(graph, model.weights[stream]))
        logs = graph.add("Log", graph.add("Max", mixed, least))
        scores.append(graph.add("Add", logs, graph.add("Transpose", top, perm=[1, 0, 2])))
    best = graph.add("ReduceMax", graph.add("Sum", *scores), axes=[2], keepdims=0)
    best = graph.add(
        "Mul", graph.add("Transpose", best, perm=[1, 0]), graph.constant(np.array(SCALE))
    )
    graph.gives("posteriors", graph.add("Softmax", best, axis=1), ["steps", phones])
    graph.save(path)


def _factors(graph: _Graph, factors: FloatArray) -> tuple[str, str]:
    """Return (26, P * G) factors of x^2 and x, and (P * G,) constants, from means and variances.

    Those are what the pack keeps, in half precision; onnxruntime works the rest out once.
    """
    square, linear, _ = np.split(factors.transpose(1, 0, 2).reshape(len(factors[0]), -1), [13, 26])
    variance = graph.weight(-0.5 / square)
    mean = graph.weight(linear * -0.5 / square)
    half, minus, axes = (
        graph.constant(np.array(value))
        for value in (np.float32(0.5), np.float32(-1), np.array([0], np.int64))
    )
    inverse = graph.add("Div", half, variance)
    pull = graph.add("Mul", mean, inverse)
    both = graph.add(
        "Concat", graph.add("Mul", inverse, minus), graph.add("Add", pull, pull), axis=0
    )
    spread = graph.add("Mul", graph.add("Log", variance), half)
    cost = graph.add("Add", graph.add("Mul", mean, pull), spread)
    total = graph.add("ReduceSum", cost, axes, keepdims=0)
    return both, graph.add("Mul", total, minus)


def _weights(graph: _Graph, weights: FloatArray) -> str:
    """Return (P, G, S) mixture weights from their quantised logarithms."""
    steps = np.round(-np.log(weights) / WEIGHT_STEP).astype(np.uint8)
    logs = graph.add("Cast", graph.constant(steps), to=TensorProto.FLOAT)
    return graph.add("Exp", graph.add("Mul", logs, graph.constant(np.array(-WEIGHT_STEP))))


def save_network_graph(network: Network, path: Path) -> None:
    """Write the graph from ``rows`` (N, BANDS) and the layers' states to heads and states."""
    graph = _Graph()
    x = graph.takes("rows", ["steps", len(network.layers[0].weight) // network.layers[0].taps])
    for index, layer in enumerate(network.layers):
        reach, width = (layer.taps - 1) * layer.dilation, len(layer.weight) // layer.taps
        past = graph.takes(f"past{index}", [reach, width])
        whole = graph.add("Concat", past, x, axis=0)
        graph.gives(f"next_past{index}", graph.slice(whole, -reach, _END, 0), [reach, width])
        taps = [
            graph.slice(whole, begin, begin - reach if begin < reach else _END, 0)
            for begin in range(0, reach + 1, layer.dilation)
        ]
        side_by_side = graph.add("Concat", *taps, axis=1)
        y = graph.add("Gemm", side_by_side, graph.weight(layer.weight), graph.weight(layer.bias))
        y = graph.add("Relu", y)
        x = graph.add("Add", x, y) if layer.residual else y
    for name, (weight, bias) in network.heads.items():
        answer = graph.add("Gemm", x, graph.weight(weight), graph.weight(bias))
        graph.gives(name, answer, ["steps", len(bias)])
    graph.save(path)
