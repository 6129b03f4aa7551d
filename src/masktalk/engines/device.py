"""Device, precision and batch size of the neural engines, and how long a frame takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from masktalk.errors import OptionError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_BATCHES = {"cuda": 16, "mps": 8, "cpu": 2}

_PROBE_CHANNELS, _PROBE_SIZE, _PROBE_BATCH = 320, 32, 4
_PROBE_SECONDS = 0.3


@dataclass(frozen=True)
class Compute:
    """A device, a precision and a batch size.

    Attributes:
        device: The device.
        dtype: Precision of the large networks.
        batch: Frames at a time.
        fused: Whether the networks are compiled.
    """

    device: torch.device
    dtype: torch.dtype
    batch: int
    fused: bool = False

    @property
    def precision(self) -> str:
        """Short name of the dtype."""
        return precision_name(self.dtype)


def precision_name(dtype: torch.dtype) -> str:
    """Return the short name of a dtype: fp32, bf16 or fp16."""
    return next(name for name, known in PRECISIONS.items() if known == dtype)


def choose_compute(device: str, precision: str, batch: int | None, fused: bool = False) -> Compute:
    """Return the device, precision and batch of an engine's options on this machine.

    Args:
        device: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        batch: Frames at a time; None for the device's usual.
        fused: Whether the networks are compiled.

    Raises:
        OptionError: There is no such device.
    """
    chosen = torch.device(_best_device() if device == "auto" else device)
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise OptionError(f"`device` {device}", "there is no CUDA device", "use auto or cpu")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise OptionError(f"`device` {device}", f"there are {torch.cuda.device_count()} devices")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise OptionError(f"`device` {device}", "there is no Apple GPU", "use auto or cpu")
    dtype = _best_dtype(chosen) if precision == "auto" else PRECISIONS[precision]
    return Compute(chosen, dtype, batch or _BATCHES[chosen.type], fused)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _best_dtype(device: torch.device) -> torch.dtype:
    if device.type in ("cuda", "mps"):
        return torch.float16
    return torch.bfloat16 if has_bf16_matrix_unit() else torch.float32


def has_bf16_matrix_unit() -> bool:
    """Return True when the processor multiplies bfloat16 matrices in hardware (x86 AMX)."""
    capabilities: Any = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16"))


@cache
def estimate_seconds(compute: Compute, macs: float) -> float:
    """Return the seconds that a number of multiply-adds take, by timing a short convolution."""
    made: Any = {"device": compute.device, "dtype": compute.dtype}
    layer = nn.Conv2d(_PROBE_CHANNELS, _PROBE_CHANNELS, 3, padding=1, **made)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shape = (_PROBE_BATCH, _PROBE_CHANNELS, _PROBE_SIZE, _PROBE_SIZE)
    picture = torch.randn(shape, **made).to(memory_format=torch.channels_last)
    probe_macs = _PROBE_BATCH * (_PROBE_CHANNELS * _PROBE_SIZE) ** 2 * 9
    with torch.inference_mode():
        layer(picture)
        begun, runs = time.perf_counter(), 0
        while (spent := time.perf_counter() - begun) < _PROBE_SECONDS:
            layer(picture)
            runs += 1
    return macs / (probe_macs * runs / spent)
