"""Writing the trained network as ONNX with weights of half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from masktalk.train.drawn.landmark_model import CROP_SIDE, PointNet


class _Answers(nn.Module):
    """The network of the points without what only training needs."""

    def __init__(self, net: PointNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        points, _, boxes, states, kinds, _ = self.net(pixels)
        return points, boxes, states, kinds


def export_points(state: Path, out: Path) -> None:
    """Write ``points.onnx`` from a state dict."""
    net = PointNet()
    net.load_state_dict(torch.load(state, weights_only=True))
    _export(_Answers(net), CROP_SIDE, ["points", "boxes", "states", "kinds"], out)


def _export(net: nn.Module, side: int, outputs: list[str], out: Path) -> None:
    net.eval()
    example = torch.zeros(1, 3, side, side)
    axes = {name: {0: "batch"} for name in ("pixels", *outputs)}
    torch.onnx.export(
        net, (example,), str(out), input_names=["pixels"], output_names=outputs,
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    _halve(out)


def _halve(path: Path) -> None:
    """Keep large weights as float16; a Cast makes them float32 when the graph is loaded."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = onnx.load(path)
    casts = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 64:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.save(graph, path)
