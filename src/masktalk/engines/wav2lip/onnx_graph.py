"""The generator's two halves as ONNX graphs, built from its table with the norms folded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from masktalk.engines.wav2lip.networks import ConvNorm, Wav2Lip

_OPSET = 17
_IR_VERSION = 8
_BATCH = "N"


def write_graphs(network: Wav2Lip, encoder: Path, decoder: Path) -> None:
    """Write the face encoder and the decoder with its audio encoder.

    Args:
        network: Its batch norms are folded first.
        encoder: File from (N, 6, S, S) faces to the features ``level0`` to ``levelK``.
        decoder: File from (N, 1, 80, 16) windows and these features to (N, 3, S, S) faces.
    """
    network.fold()
    onnx.save(_encoder(network), str(encoder))
    onnx.save(_decoder(network), str(decoder))


def level_shapes(network: Wav2Lip) -> list[tuple[int, int, int]]:
    """Return the (C, H, W) of every level of features, finest first."""
    size, shapes = network.layout.size, []
    for block in network.layout.encoder:
        for layer in block:
            kernel, stride = _pair(layer.kernel), _pair(layer.stride)
            size = (size + 2 * layer.padding - kernel[0]) // stride[0] + 1
        shapes.append((block[-1].channels_out, size, size))
    return shapes


class _Graph:
    """Nodes and weights that grow layer by layer."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an operator and return the name of its output."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: np.ndarray[Any, Any]) -> str:
        """Add a constant (any,) array and return its name."""
        name = f"weight{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self, x: str, layer: nn.Conv2d | nn.ConvTranspose2d) -> str:
        """Add a convolution and return the name of its output."""
        tensors = [layer.weight, *([] if layer.bias is None else [layer.bias])]
        inputs = [x, *(self.weight(tensor.detach().numpy()) for tensor in tensors)]
        padding = [int(side) for side in layer.padding]
        attributes: dict[str, Any] = {
            "strides": list(layer.stride),
            "pads": padding * 2,
            "kernel_shape": list(layer.kernel_size),
        }
        if isinstance(layer, nn.ConvTranspose2d):
            attributes["output_padding"] = list(layer.output_padding)
            return self.node("ConvTranspose", inputs, **attributes)
        return self.node("Conv", inputs, **attributes)

    def block(self, x: str, layers: nn.Sequential) -> str:
        """Add folded ``ConvNorm`` layers and return the name of the last one's output."""
        for layer in layers:
            assert isinstance(layer, ConvNorm)
            folded = layer.conv_block[0]
            assert isinstance(folded, (nn.Conv2d, nn.ConvTranspose2d))
            changed = self.convolution(x, folded)
            x = self.node("Relu", [self.node("Add", [changed, x]) if layer.residual else changed])
        return x

    def model(self, inputs: Sequence[Any], outputs: Sequence[tuple[str, Any]]) -> Any:
        """Return the model; each output is a name inside and what it is called outside."""
        for name, value in outputs:
            self.nodes.append(helper.make_node("Identity", [name], [value.name]))
        graph = helper.make_graph(
            self.nodes, "wav2lip", inputs, [value for _, value in outputs], self.weights
        )
        opset = [helper.make_opsetid("", _OPSET)]
        made = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
        onnx.checker.check_model(made)
        return made


def _encoder(network: Wav2Lip) -> Any:
    graph, outputs = _Graph(), []
    size = network.layout.size
    x = "faces"
    shapes = level_shapes(network)
    for index, block in enumerate(network.face_encoder_blocks):
        assert isinstance(block, nn.Sequential)
        x = graph.block(x, block)
        outputs.append((x, _value(f"level{index}", shapes[index])))
    return graph.model([_value("faces", (6, size, size))], outputs)


def _decoder(network: Wav2Lip) -> Any:
    graph = _Graph()
    size, shapes = network.layout.size, level_shapes(network)
    inputs = [_value("mels", (1, 80, 16))]
    inputs += [_value(f"level{index}", shape) for index, shape in enumerate(shapes)]
    x = graph.block("mels", network.audio_encoder)
    levels = reversed(range(len(shapes)))
    for level, block in zip(levels, network.face_decoder_blocks, strict=True):
        assert isinstance(block, nn.Sequential)
        x = graph.block(x, block)
        kept = f"level{level}"
        if network.sam is not None:
            x = graph.node("Add", [x, graph.node("Mul", [x, _attention(graph, network, kept)])])
        x = graph.node("Concat", [x, kept], axis=1)
    hidden, last = network.output_block[0], network.output_block[1]
    assert isinstance(last, nn.Conv2d)
    x = graph.convolution(graph.block(x, nn.Sequential(hidden)), last)
    x = graph.node("Sigmoid", [x])
    return graph.model(inputs, [(x, _value("faces", (3, size, size)))])


def _attention(graph: _Graph, network: Wav2Lip, kept: str) -> str:
    assert network.sam is not None
    layer = network.sam.sa["conv1"]
    assert isinstance(layer, nn.Conv2d)
    mean = graph.node("ReduceMean", [kept], axes=[1], keepdims=1)
    most = graph.node("ReduceMax", [kept], axes=[1], keepdims=1)
    both = graph.node("Concat", [mean, most], axis=1)
    return graph.node("Sigmoid", [graph.convolution(both, layer)])


def _value(name: str, shape: tuple[int, int, int]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [_BATCH, *shape])


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
