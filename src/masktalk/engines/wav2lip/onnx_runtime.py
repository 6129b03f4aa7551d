"""onnxruntime and OpenVINO as runtimes, on graphs that are exported once and kept."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from masktalk.engines.wav2lip.networks import Wav2Lip
from masktalk.engines.wav2lip.runtime import Features, Runtime
from masktalk.types import FloatArray

logger = logging.getLogger(__name__)

_ENCODER, _DECODER = "encoder.onnx", "decoder.onnx"


def can_export() -> bool:
    """Return True where the packages that exporting needs are installed."""
    return find_spec("onnx") is not None


def exported_graphs(load: Callable[[], Wav2Lip], folder: Path) -> Path:
    """Return the folder of a generator's graphs, written when they are not there yet.

    Args:
        load: Loads the generator.
        folder: Appears only when it is complete.
    """
    if folder.is_dir():
        return folder
    from masktalk.engines.wav2lip.onnx_graph import write_graphs

    logger.info("wav2lip: exporting the network to %s, once", folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write_graphs(load(), building / _ENCODER, building / _DECODER)
        building.rename(folder)
    except OSError:
        if not folder.is_dir():  # unless another process was faster
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


class ArrayRuntime(Runtime):
    """A runtime whose graphs take and give NumPy arrays.

    Args:
        name: Library and precision.
        encode: From (N, 6, S, S) faces to the levels of features.
        decode: From (N, 1, 80, 16) windows and levels to (N, 3, S, S) faces.
        size: Pixels along a side of the face, S.
    """

    def __init__(
        self,
        name: str,
        encode: Callable[[FloatArray], Sequence[FloatArray]],
        decode: Callable[[list[FloatArray]], FloatArray],
        size: int,
    ) -> None:
        self.name, self.size = name, size
        self._encode, self._decode = encode, decode

    def encode(self, faces: FloatArray) -> list[Features]:
        """Return the (C, H, W) arrays of each (6, S, S) face."""
        levels = self._encode(faces)
        return [tuple(level[index].copy() for level in levels) for index in range(len(faces))]

    def decode(self, mels: FloatArray, features: Sequence[Features]) -> FloatArray:
        """Return (N, S, S, 3) RGB faces in 0..1 of (N, 1, 80, 16) windows."""
        levels = [np.stack(level) for level in zip(*features, strict=True)]
        made = self._decode([np.ascontiguousarray(mels), *levels])
        return np.ascontiguousarray(made[:, ::-1].transpose(0, 2, 3, 1))

    def to_arrays(self, features: Features) -> list[npt.NDArray[Any]]:
        """Return the (C, H, W) arrays as they are."""
        return list(features)

    def from_arrays(self, arrays: Sequence[npt.NDArray[Any]]) -> Features:
        """Return (C, H, W) arrays as features."""
        return tuple(arrays)


def onnxruntime_runtime(folder: Path, size: int, threads: int = 0) -> Runtime:
    """Return exported graphs in onnxruntime, in float32 on the processor.

    Args:
        folder: From ``exported_graphs``.
        size: Pixels along a side of the face.
        threads: Threads of one operator; 0 for one per core.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    sessions = [
        onnxruntime.InferenceSession(
            str(folder / name), options, providers=["CPUExecutionProvider"]
        )
        for name in (_ENCODER, _DECODER)
    ]
    encoder, decoder = sessions
    names = [each.name for each in decoder.get_inputs()]
    return ArrayRuntime(
        "onnxruntime fp32",
        lambda faces: encoder.run(None, {"faces": faces}),
        lambda arrays: decoder.run(None, dict(zip(names, arrays, strict=True)))[0],
        size,
    )


def openvino_runtime(folder: Path, size: int, precision: str, threads: int = 0) -> Runtime:
    """Return exported graphs in OpenVINO on the processor.

    Args:
        folder: From ``exported_graphs``.
        size: Pixels along a side of the face.
        precision: fp32, or bf16 for processors with matrix units for it.
        threads: Threads; 0 for one per core.
    """
    import openvino

    core = openvino.Core()
    hint = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}[precision]
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": hint}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    encoder, decoder = (
        core.compile_model(str(folder / name), "CPU", settings) for name in (_ENCODER, _DECODER)
    )

    def _levels(faces: FloatArray) -> Sequence[FloatArray]:
        made = encoder(faces)
        return [np.asarray(made[output]) for output in encoder.outputs]

    return ArrayRuntime(
        f"openvino {precision}", _levels, lambda arrays: np.asarray(decoder(arrays)[0]), size
    )
