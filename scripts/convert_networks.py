#!/usr/bin/env python3
"""Convert MediaPipe's face networks from TensorFlow Lite to ONNX, reproducibly.

    pip install onnx tflite
    python scripts/convert_networks.py mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl

The wheel is checked against its SHA-256. The same wheel gives the same bytes. Activations
are NCHW inside; weights stay in half precision, as published, and are cast when loaded.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from flatbuffers import flexbuffers
from onnx import TensorProto, helper, numpy_helper

WHEEL_SHA256 = {
    # mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl, as published on PyPI
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
}
TARGET = Path(__file__).parents[1] / "src/masktalk/faces/networks/data"
OPSET = 18
MESH_LANDMARKS, IRIS_LANDMARKS = 468, 5
MESH_SIDE_PX, FEATURE_SIDE, PATCH_SIDE = 192, 48, 16
#: Landmarks of an eye whose mean depth its iris takes.
EYE_CONTOUR = 16


@dataclass(frozen=True)
class Network:
    """One network of the wheel.

    Attributes:
        name: Of the .onnx file.
        path: Inside the wheel.
        outputs: Names of the outputs, in order; None to assemble the attention mesh's.
    """

    name: str
    path: str
    outputs: tuple[str, ...] | None


NETWORKS = (
    Network(
        "face_detection_short",
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        ("regressors", "logits"),
    ),
    Network(
        "face_detection_full",
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        ("regressors", "logits"),
    ),
    Network(
        "face_mesh",
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        None,
    ),
)


class Converter:
    """Walks one TFLite graph and writes the equivalent ONNX graph."""

    def __init__(self, content: bytes) -> None:
        self._model = tflite.Model.GetRootAs(content, 0)
        self._graph = self._model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[int, np.ndarray] = {}
        self._names: dict[int, str] = {}
        self._matrices: dict[int, tuple[str, str]] = {}
        self.subsets: list[list[int]] = []
        self._builtins = {
            value: name
            for name, value in vars(tflite.BuiltinOperator).items()
            if isinstance(value, int)
        }

    def convert(self, network: Network) -> onnx.ModelProto:
        """Return the ONNX model."""
        (source,) = self._graph.InputsAsNumpy()
        shape = self._shape(source)
        self._names[source] = self.node("Transpose", ["image"], perm=[0, 3, 1, 2])
        for index in range(self._graph.OperatorsLength()):
            self._operator(self._graph.Operators(index))
        raw = [self._names[index] for index in self._graph.OutputsAsNumpy()]
        if network.outputs is None:
            outputs = self._assemble_mesh(raw)
            shapes = [[MESH_LANDMARKS + 2 * IRIS_LANDMARKS, 3], [1]]
        else:
            outputs = list(network.outputs)
            shapes = [self._shape(index) for index in self._graph.OutputsAsNumpy()]
            for name, result in zip(outputs, raw, strict=True):
                self.nodes.append(helper.make_node("Identity", [result], [name]))
        graph = helper.make_graph(
            self.nodes,
            network.name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
                for name, size in zip(outputs, shapes, strict=True)
            ],
            list(self.initializers.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=9,
            producer_name="masktalk",
        )
        onnx.checker.check_model(model)
        return model

    # -- building blocks

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append a node with one output and return that output's name."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array: np.ndarray) -> str:
        """Return the name of a constant; half precision is stored and cast."""
        array = np.array(array, order="C")
        key = hashlib.sha256(
            f"{array.dtype}{array.shape}".encode() + array.tobytes()
        ).hexdigest()[:12]
        if key not in self.initializers:
            self.initializers[key] = numpy_helper.from_array(array, key)
        if array.dtype == np.float16:
            return self.node("Cast", [key], to=TensorProto.FLOAT)
        return key

    def _shape(self, index: int) -> list[int]:
        return [int(n) for n in self._graph.Tensors(index).ShapeAsNumpy()]

    def _value(self, index: int) -> np.ndarray:
        """Return the constant behind a tensor."""
        if index in self._constants:
            return self._constants[index]
        tensor = self._graph.Tensors(index)
        data = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        kinds = {
            tflite.TensorType.FLOAT16: np.float16,
            tflite.TensorType.FLOAT32: np.float32,
            tflite.TensorType.INT32: np.int32,
        }
        values = np.frombuffer(data.tobytes(), kinds[tensor.Type()])
        if tensor.Sparsity() is not None:
            return densified(values, tensor.Sparsity(), self._shape(index))
        return values.reshape(self._shape(index))

    def _is_constant(self, index: int) -> bool:
        return index in self._constants or (
            index not in self._names
            and self._model.Buffers(self._graph.Tensors(index).Buffer()).DataLength() > 0
        )

    # -- operators

    def _operator(self, operator: Any) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        kind = self._builtins[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if kind == "CUSTOM":
            kind = code.CustomCode().decode()
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        (out,) = (int(i) for i in operator.OutputsAsNumpy())
        if kind in ("DEQUANTIZE", "DENSIFY"):
            self._constants[out] = self._value(inputs[0])
            return
        handler: Callable[[Any, list[int], int], str | None] = getattr(self, f"_{kind.lower()}")
        result = handler(operator, inputs, out)
        if result is not None:
            self._names[out] = result

    def _options(self, operator: Any, kind: type[Any]) -> Any:
        options = kind()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _activated(self, name: str, options: Any) -> str:
        activation = options.FusedActivationFunction()
        if activation == tflite.ActivationFunctionType.NONE:
            return name
        assert activation == tflite.ActivationFunctionType.RELU, activation
        return self.node("Relu", [name])

    def _pads(self, options: Any, size: Sequence[int], kernel: Sequence[int]) -> list[int]:
        """Pads of TensorFlow's SAME: what is odd comes at the end."""
        if options.Padding() == tflite.Padding.VALID:
            return [0, 0, 0, 0]
        strides = (options.StrideH(), options.StrideW())
        before, after = [], []
        for length, stride, taps in zip(size, strides, kernel, strict=True):
            total = max((-(-length // stride) - 1) * stride + taps - length, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after

    def _convolve(
        self, inputs: list[int], weight: np.ndarray, options: Any, groups: int
    ) -> str:
        size = self._shape(inputs[0])[1:3]
        kernel = weight.shape[2:]
        arguments = [self._names[inputs[0]], self.constant(weight)]
        if len(inputs) > 2:
            arguments.append(self.constant(self._value(inputs[2])))
        result = self.node(
            "Conv",
            arguments,
            group=groups,
            strides=[options.StrideH(), options.StrideW()],
            pads=self._pads(options, size, kernel),
            kernel_shape=list(kernel),
        )
        return self._activated(result, options)

    def _conv_2d(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.Conv2DOptions)
        return self._convolve(inputs, self._value(inputs[1]).transpose(0, 3, 1, 2), options, 1)

    def _depthwise_conv_2d(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.DepthwiseConv2DOptions)
        weight = self._value(inputs[1]).transpose(3, 0, 1, 2)
        return self._convolve(inputs, weight, options, self._shape(inputs[0])[3])

    def _prelu(self, operator: Any, inputs: list[int], out: int) -> str:
        """s x + (1 - s) relu(x), as depthwise 1x1 convolutions.

        onnxruntime's PRelu leaves the blocked layout, which costs almost half of the time.
        """
        slope = self._value(inputs[1]).reshape(-1, 1, 1, 1)
        rest = (1 - slope.astype(np.float32)).astype(np.float32)
        channels, x = len(slope), self._names[inputs[0]]
        positive = self.node("Relu", [x])
        parts = [
            self.node("Conv", [source, self.constant(weight)], group=channels, kernel_shape=[1, 1])
            for source, weight in ((x, slope), (positive, rest))
        ]
        return self.node("Add", parts)

    def _relu(self, operator: Any, inputs: list[int], out: int) -> str:
        return self.node("Relu", [self._names[inputs[0]]])

    def _operand(self, index: int, rank: int) -> str:
        if not self._is_constant(index):
            return self._names[index]
        value = self._value(index)
        if rank == 4 and value.size > 1:
            value = value.reshape(-1, 1, 1)
        return self.constant(value)

    def _add(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.AddOptions)
        rank = len(self._shape(out))
        added = self.node("Add", [self._operand(index, rank) for index in inputs])
        return self._activated(added, options)

    def _mul(self, operator: Any, inputs: list[int], out: int) -> str | None:
        if inputs[0] in self._matrices:
            linear, offset = self._matrices[inputs[0]]
            factors = self._value(inputs[1]).reshape(4, 4).astype(np.float32)
            assert (factors[:2, :2] == 1).all()
            scaled = self.node("Mul", [offset, self.constant(factors[:2, 3])])
            self._matrices[out] = (linear, scaled)
            return None
        return self.node("Mul", [self._operand(index, len(self._shape(out))) for index in inputs])

    def _pad(self, operator: Any, inputs: list[int], out: int) -> str:
        pads = self._value(inputs[1]).reshape(-1, 2)[[0, 3, 1, 2]].T.reshape(-1).astype(np.int64)
        return self.node("Pad", [self._names[inputs[0]], self.constant(pads)])

    def _max_pool_2d(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.Pool2DOptions)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        pads = self._pads(options, self._shape(inputs[0])[1:3], kernel)
        strides = [options.StrideH(), options.StrideW()]
        return self.node(
            "MaxPool", [self._names[inputs[0]]], kernel_shape=kernel, strides=strides, pads=pads
        )

    def _reshape(self, operator: Any, inputs: list[int], out: int) -> str:
        name = self._names[inputs[0]]
        if len(self._shape(inputs[0])) == 4:
            name = self.node("Transpose", [name], perm=[0, 2, 3, 1])
        shape = self._shape(out)
        result = self.node("Reshape", [name, self.constant(np.array(shape, np.int64))])
        if len(shape) == 4:
            result = self.node("Transpose", [result], perm=[0, 3, 1, 2])
        return result

    def _concatenation(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.ConcatenationOptions)
        assert len(self._shape(out)) == 3
        return self.node("Concat", [self._names[i] for i in inputs], axis=options.Axis())

    def _resize_bilinear(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.ResizeBilinearOptions)
        assert options.HalfPixelCenters()
        assert not options.AlignCorners()
        batch, height, width, channels = self._shape(out)
        sizes = self.constant(np.array([batch, channels, height, width], np.int64))
        return self.node(
            "Resize",
            [self._names[inputs[0]], "", "", sizes],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _depth_to_space(self, operator: Any, inputs: list[int], out: int) -> str:
        options = self._options(operator, tflite.DepthToSpaceOptions)
        return self.node(
            "DepthToSpace", [self._names[inputs[0]]], blocksize=options.BlockSize(), mode="DCR"
        )

    def _strided_slice(self, operator: Any, inputs: list[int], out: int) -> str:
        assert self._shape(inputs[0]) == self._shape(out)
        return self._names[inputs[0]]

    # -- the attention mesh's custom operators, in closed form

    def _landmarks2transformmatrix(self, operator: Any, inputs: list[int], out: int) -> None:
        """Affine map from a 16x16 patch to a landmark subset's oriented bounding box."""
        options = flexbuffers.Loads(operator.CustomOptionsAsNumpy().tobytes())
        subset = [int(i) for i in options["subset_idxs"]]
        self.subsets.append(subset)
        points = self.node("Squeeze", [self._names[inputs[0]], self._integers(0)])
        plane = self.node("Slice", [points, *map(self._integers, (0, 2, 1))])
        ends = [options["left_rotation_idx"], options["right_rotation_idx"]]
        first, last = (self.node("Gather", [plane, self._scalar(i)], axis=0) for i in ends)
        across = self.node("Sub", [last, first])
        length = self.node("ReduceL2", [across], keepdims=1)
        unit = self.node("Div", [across, length])
        cosine, sine = (self.node("Slice", [unit, *map(self._integers, (i, i + 1, 0))]) for i in (0, 1))
        minus = self.node("Neg", [sine])
        turn_rows = [self.node("Concat", pair, axis=0) for pair in ((cosine, minus), (sine, cosine))]
        rows = [self.node("Unsqueeze", [row, self._integers(0)]) for row in turn_rows]
        turn = self.node("Concat", rows, axis=0)  # R(angle): level to image
        chosen = self.node("Gather", [plane, self.constant(np.array(subset, np.int64))], axis=0)
        level = self.node("MatMul", [chosen, turn])  # rows times R = R^T applied
        low = self.node("ReduceMin", [level, self._integers(0)], keepdims=0)
        high = self.node("ReduceMax", [level, self._integers(0)], keepdims=0)
        half = self.constant(np.float32(0.5))
        middle = self.node("Mul", [self.node("Add", [low, high]), half])
        centre = self.node("MatMul", [turn, middle])
        scale = np.array([options["scale_x"], options["scale_y"]], np.float32)
        scale /= np.array([options["output_width"], options["output_height"]], np.float32)
        size = self.node("Mul", [self.node("Sub", [high, low]), self.constant(scale)])
        linear = self.node("Mul", [turn, size])  # columns scaled
        corner = np.array([options["output_width"], options["output_height"]], np.float32) / 2
        offset = self.node(
            "Sub", [centre, self.node("MatMul", [linear, self.constant(corner)])]
        )
        self._matrices[out] = (linear, offset)

    def _transformtensorbilinear(self, operator: Any, inputs: list[int], out: int) -> str:
        """Bilinear samples of a map under an affine map; what lies outside is zero."""
        linear, offset = self._matrices[inputs[1]]
        steps = np.arange(PATCH_SIDE, dtype=np.float32) + np.float32(0.5)
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        turned = self.node("Transpose", [linear], perm=[1, 0])
        placed = self.node("Add", [self.node("MatMul", [self.constant(grid), turned]), offset])
        placed = self.node("Sub", [placed, self.constant(np.float32(0.5))])
        last = np.float32(FEATURE_SIDE - 1)
        inside = [
            self.node("GreaterOrEqual", [placed, self.constant(np.float32(0))]),
            self.node("LessOrEqual", [placed, self.constant(last)]),
        ]
        both = self.node("Cast", [self.node("And", inside)], to=TensorProto.FLOAT)
        kept = self.node("ReduceMin", [both, self._integers(1)], keepdims=0)
        shape = self.constant(np.array([1, 1, PATCH_SIDE, PATCH_SIDE], np.int64))
        mask = self.node("Reshape", [kept, shape])
        normal = self.node("Mul", [placed, self.constant(np.float32(2) / last)])
        normal = self.node("Sub", [normal, self.constant(np.float32(1))])
        shape = self.constant(np.array([1, PATCH_SIDE, PATCH_SIDE, 2], np.int64))
        where = self.node("Reshape", [normal, shape])
        sampled = self.node(
            "GridSample",
            [self._names[inputs[0]], where],
            align_corners=1,
            mode="linear" if OPSET >= 20 else "bilinear",
            padding_mode="border",
        )
        return self.node("Mul", [sampled, mask])

    def _transformlandmarks(self, operator: Any, inputs: list[int], out: int) -> str:
        linear, offset = self._matrices[inputs[1]]
        turned = self.node("Transpose", [linear], perm=[1, 0])
        return self.node(
            "Add", [self.node("MatMul", [self._names[inputs[0]], turned]), offset]
        )

    def _integers(self, value: int) -> str:
        return self.constant(np.array([value], np.int64))

    def _scalar(self, value: int) -> str:
        return self.constant(np.array(value, np.int64))

    def _assemble_mesh(self, raw: list[str]) -> list[str]:
        """Refine the mesh by lips, eyes and irises, as fractions of the crop."""
        flat = [self.node("Reshape", [name, self.constant(np.array([-1, width], np.int64))])
                for name, width in zip(raw[:6], (3, 2, 2, 2, 2, 2), strict=True)]
        mesh, *parts = flat
        plane = self.node("Slice", [mesh, *map(self._integers, (0, 2, 1))])
        depth = self.node("Slice", [mesh, *map(self._integers, (2, 3, 1))])
        for points, subset in zip(parts[:3], self.subsets, strict=True):
            rows = np.array(subset, np.int64)[:, None]
            plane = self.node("ScatterND", [plane, self.constant(rows), points])
        irises = [depth]
        for subset in self.subsets[1:]:
            contour = self.constant(np.array(subset[:EYE_CONTOUR], np.int64))
            near = self.node("Gather", [depth, contour], axis=0)
            mean = self.node("ReduceMean", [near, self._integers(0)], keepdims=1)
            shape = self.constant(np.array([IRIS_LANDMARKS, 1], np.int64))
            irises.append(self.node("Expand", [mean, shape]))
        plane = self.node("Concat", [plane, *parts[3:]], axis=0)
        whole = self.node("Concat", [plane, self.node("Concat", irises, axis=0)], axis=1)
        side = self.constant(np.float32(MESH_SIDE_PX))
        self.nodes.append(helper.make_node("Div", [whole, side], ["landmarks"]))
        presence = self.node("Reshape", [raw[6], self.constant(np.array([1], np.int64))])
        self.nodes.append(helper.make_node("Sigmoid", [presence], ["presence"]))
        return ["landmarks", "presence"]


def densified(values: np.ndarray, sparsity: Any, shape: Sequence[int]) -> np.ndarray:
    """Expand TFLite's sparse storage: dimensions in traversal order, blocks innermost."""
    order = [int(i) for i in sparsity.TraversalOrderAsNumpy()]
    blocks = (
        [int(i) for i in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
    )
    sizes = list(shape)
    for position, dimension in enumerate(blocks):
        block = sparsity.DimMetadata(len(shape) + position).DenseSize()
        sizes[dimension] //= block
        sizes.append(block)
    dense = np.zeros([sizes[i] for i in order], values.dtype)
    taken = 0

    def fill(level: int, place: tuple[int, ...], entry: int) -> None:
        nonlocal taken
        if level == len(order):
            dense[place] = values[entry]
            taken += 1
            return
        metadata = sparsity.DimMetadata(level)
        if metadata.Format() == tflite.DimensionType.DENSE:
            for i in range(metadata.DenseSize()):
                fill(level + 1, (*place, i), entry * metadata.DenseSize() + i)
            return
        segments, indices = _vector(metadata, "Segments"), _vector(metadata, "Indices")
        for i in range(int(segments[entry]), int(segments[entry + 1])):
            fill(level + 1, (*place, int(indices[i])), i)

    fill(0, (), 0)
    dense = dense.transpose(np.argsort(order))
    for position, dimension in reversed(list(enumerate(blocks))):
        axis = len(shape) + position
        dense = np.moveaxis(dense, axis, dimension + 1)
        merged = list(dense.shape)
        merged[dimension : dimension + 2] = [merged[dimension] * merged[dimension + 1]]
        dense = dense.reshape(merged)
    return dense.reshape(shape)


def _vector(metadata: Any, name: str) -> np.ndarray:
    kinds = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }
    vector = kinds[getattr(metadata, f"Array{name}Type")()]()
    table = getattr(metadata, f"Array{name}")()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy())


def main() -> None:
    """Convert every network of the wheel that was named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--to", type=Path, default=TARGET)
    arguments = parser.parse_args()
    digest = hashlib.sha256(arguments.wheel.read_bytes()).hexdigest()
    if digest not in WHEEL_SHA256:
        raise SystemExit(f"{arguments.wheel}: SHA-256 {digest} is not a known wheel's")
    arguments.to.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(arguments.wheel) as wheel:
        for network in NETWORKS:
            model = Converter(wheel.read(network.path)).convert(network)
            target = arguments.to / f"{network.name}.onnx"
            target.write_bytes(model.SerializeToString(deterministic=True))
            print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
