"""Sessions of onnxruntime over the shipped networks, opened when first used."""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

_opening = threading.Lock()


def open_network(name: str) -> onnxruntime.InferenceSession:
    """Return the process's one session of a shipped network; safe to run from any thread.

    Args:
        name: Of the .onnx file, without its ending.
    """
    with _opening:
        return _open(name)


@cache
def _open(name: str) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A second thread gains nothing on networks this small, and spinning costs a core.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    content = files("masktalk.faces.networks") / "data" / f"{name}.onnx"
    return onnxruntime.InferenceSession(
        content.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
