"""A loaded generator in the runtime that is fastest on this machine."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import torch

from masktalk.engines.device import Compute, choose_compute
from masktalk.engines.wav2lip.checkpoint import load_generator
from masktalk.engines.wav2lip.networks import Wav2Lip
from masktalk.engines.wav2lip.onnx_runtime import (
    can_export,
    exported_graphs,
    onnxruntime_runtime,
    openvino_runtime,
)
from masktalk.engines.wav2lip.options import Wav2LipOptions
from masktalk.engines.wav2lip.runtime import Features, Runtime, TorchRuntime
from masktalk.errors import MissingExtraError, OptionError
from masktalk.files import cache_root
from masktalk.speech.mel import MEL
from masktalk.types import FloatArray
from masktalk.weights import WeightStore

logger = logging.getLogger(__name__)

_BATCHES = {"cuda": 64, "mps": 16, "cpu": 8}
_LIVE_FPS = 25
#: Raised whenever the exported graphs change.
_GRAPH_FORMAT = 1
#: Frames and repetitions of the measurement that chooses a runtime.
_MEASURED_FRAMES, _MEASURED_RUNS = 4, 2


@dataclass(frozen=True)
class ModelKey:
    """Everything that a loaded model depends on.

    Attributes:
        checkpoint: The generator's file.
        stamp: Its size in bytes and time of change in ns.
        device: Name of the device.
        precision: ``auto``, fp32, bf16 or fp16.
        runtime: ``auto`` or a runtime's name.
    """

    checkpoint: Path
    stamp: tuple[int, int]
    device: str
    precision: str
    runtime: str


@dataclass(frozen=True, eq=False)
class Model:
    """A generator on its device.

    Attributes:
        key: See there.
        runtime: Computes it.
        frame_s: Measured seconds per frame.
        batch: Frames at a time unless an option says otherwise.
    """

    key: ModelKey
    runtime: Runtime
    frame_s: float
    batch: int

    def decode(self, mels: FloatArray, features: Sequence[Features]) -> FloatArray:
        """Return (N, S, S, 3) RGB faces in 0..1; where memory is short, in smaller batches.

        Args:
            mels: (N, 1, 80, 16) log-mel windows in -4..4.
            features: One per window.

        Raises:
            OptionError: The device has not enough memory for one frame.
        """
        try:
            return self.runtime.decode(mels, features)
        except torch.OutOfMemoryError as error:
            if len(mels) == 1:
                raise OptionError(
                    f"`device` {self.key.device}", "has not enough memory for a frame", "use cpu"
                ) from error
        half = len(mels) // 2
        logger.warning("wav2lip: not enough memory for %d frames at a time", len(mels))
        parts = [
            self.decode(mels[:half], features[:half]),
            self.decode(mels[half:], features[half:]),
        ]
        return np.concatenate(parts)


#: Models that some engine still holds; another engine with the same key shares them.
_LOADED: WeakValueDictionary[ModelKey, Model] = WeakValueDictionary()


def find_checkpoint(options: Wav2LipOptions) -> Path:
    """Return the generator's file by the options and the weights table.

    Raises:
        WeightsError: It is not on this machine.
    """
    return options.checkpoint or WeightStore(options.models).path(options.model)


def load_model(checkpoint: Path, options: Wav2LipOptions) -> Model:
    """Return the model of a file, shared with engines that have it loaded already.

    Raises:
        OptionError: The device is not there, or the runtime does not suit it.
        MissingExtraError: The runtime is not installed.
        WeightsError: The file is not a Wav2Lip generator.
    """
    facts = checkpoint.stat() if checkpoint.is_file() else None
    stamp = (facts.st_size, facts.st_mtime_ns) if facts else (0, 0)
    key = ModelKey(checkpoint, stamp, options.device, options.precision, options.runtime)
    model = _LOADED.get(key)
    if model is None:
        model = _LOADED[key] = _load(key)
    return model


def _load(key: ModelKey) -> Model:
    compute = choose_compute(key.device, key.precision, None)
    measured = []
    for make in _candidates(key, compute):
        runtime = make()
        measured.append((_seconds_per_frame(runtime), runtime))
        logger.info("wav2lip: %s takes %.1f ms a frame", runtime.name, 1000 * measured[-1][0])
    seconds, runtime = min(measured, key=lambda each: each[0])
    _announce(runtime, seconds, compute.device)
    return Model(key, runtime, seconds, _BATCHES[compute.device.type])


def _candidates(key: ModelKey, compute: Compute) -> list[Callable[[], Runtime]]:
    """Return what makes the runtimes that the options allow, at least one.

    Raises:
        OptionError: The named runtime does not compute on the device or in the precision.
        MissingExtraError: The named runtime is not installed.
    """
    if key.runtime not in ("auto", "torch"):
        _require(key, compute)
    precise = key.precision in ("auto", "fp32")
    made: list[Callable[[], Runtime]] = []
    if key.runtime in ("auto", "torch"):
        made.append(lambda: TorchRuntime(_network(key), compute.device, compute.dtype))
    if compute.device.type != "cpu" or not can_export():
        return made
    if key.runtime in ("auto", "onnxruntime") and precise:
        made.append(lambda: onnxruntime_runtime(*_graphs(key)))
    if key.runtime in ("auto", "openvino") and find_spec("openvino") is not None:
        made.append(lambda: openvino_runtime(*_graphs(key), compute.precision))
    return made


def _require(key: ModelKey, compute: Compute) -> None:
    """Raise the error that names what a named runtime lacks."""
    option = f"`runtime` {key.runtime}"
    if compute.device.type != "cpu":
        raise OptionError(option, f"does not compute on {compute.device}", "use torch")
    if key.runtime == "onnxruntime" and key.precision not in ("auto", "fp32"):
        raise OptionError(option, "computes in fp32 alone", "use torch or openvino")
    for package, extra in (("onnx", "wav2lip"), (key.runtime, key.runtime)):
        if find_spec(package) is None:
            raise MissingExtraError(package, "is not installed", f"pip install 'masktalk[{extra}]'")


def _network(key: ModelKey) -> Wav2Lip:
    return load_generator(key.checkpoint)


def _graphs(key: ModelKey) -> tuple[Path, int]:
    """Return the folder of the exported network, and the pixels along a side of the face."""
    network = _network(key)
    content = f"{_GRAPH_FORMAT} {key.checkpoint.resolve()} {key.stamp}"
    name = hashlib.sha256(content.encode()).hexdigest()[:20]
    folder = cache_root() / "weights" / "wav2lip" / name
    return exported_graphs(lambda: network, folder), network.layout.size


def _announce(runtime: Runtime, seconds: float, device: torch.device) -> None:
    reached = 1 / seconds
    log = logger.warning if reached < _LIVE_FPS else logger.info
    log(
        "wav2lip: %s px in %s on %s, about %.0f ms a frame (%.0f frames/s)",
        runtime.size,
        runtime.name,
        "the processor" if device.type == "cpu" else device,
        1000 * seconds,
        reached,
    )


def _seconds_per_frame(runtime: Runtime) -> float:
    """Return the shortest measured time of a decoded frame, after one run to warm up."""
    faces = np.zeros((1, 6, runtime.size, runtime.size), np.float32)
    mels = np.zeros((_MEASURED_FRAMES, 1, MEL.bands, MEL.frame_columns), np.float32)
    features = runtime.encode(faces) * _MEASURED_FRAMES
    runtime.decode(mels, features)
    times = []
    for _ in range(_MEASURED_RUNS):
        begun = time.perf_counter()
        runtime.decode(mels, features)
        times.append(time.perf_counter() - begun)
    return min(times) / _MEASURED_FRAMES
