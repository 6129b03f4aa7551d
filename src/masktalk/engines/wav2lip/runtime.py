"""Runtimes that a generator is computed in: the contract, and PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from masktalk.engines.device import precision_name
from masktalk.engines.wav2lip.networks import Wav2Lip
from masktalk.types import FloatArray

#: What the decoder needs of one face: a (C, H, W) array of the runtime's own kind per level.
Features: TypeAlias = tuple[Any, ...]


class Runtime(ABC):
    """A generator, ready to compute.

    Attributes:
        name: Library and precision, for logs and cache keys.
        size: Pixels along a side of the face.
    """

    name: str
    size: int

    @abstractmethod
    def encode(self, faces: FloatArray) -> list[Features]:
        """Return the features of each face.

        Args:
            faces: (N, 6, S, S) BGR in 0..1: lower half 0, then all of it.
        """

    @abstractmethod
    def decode(self, mels: FloatArray, features: Sequence[Features]) -> FloatArray:
        """Return (N, S, S, 3) RGB faces in 0..1.

        Args:
            mels: (N, 1, 80, 16) log-mel windows in -4..4.
            features: One per window; the same object N times is computed with once.
        """

    @abstractmethod
    def to_arrays(self, features: Features) -> list[npt.NDArray[Any]]:
        """Return (C, H, W) arrays that can be kept on disk."""

    @abstractmethod
    def from_arrays(self, arrays: Sequence[npt.NDArray[Any]]) -> Features:
        """Return the features of (C, H, W) arrays from ``to_arrays``."""


class TorchRuntime(Runtime):
    """PyTorch, with every batch norm folded and channels last.

    Args:
        network: In float32 on the CPU; it is changed and moved.
        device: Target device.
        dtype: Precision of the convolutions.
    """

    def __init__(self, network: Wav2Lip, device: torch.device, dtype: torch.dtype) -> None:
        network.fold()
        network.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network
        self.device = device
        self.dtype = dtype
        self.size = network.layout.size
        self.name = f"torch {precision_name(dtype)}"

    def encode(self, faces: FloatArray) -> list[Features]:
        """Return the (C, H, W) tensors of each (6, S, S) face."""
        with torch.inference_mode():
            levels = self.network.encode(self._tensor(faces))
        return [tuple(level[index] for level in levels) for index in range(len(faces))]

    def decode(self, mels: FloatArray, features: Sequence[Features]) -> FloatArray:
        """Return (N, S, S, 3) RGB faces in 0..1 of (N, 1, 80, 16) windows."""
        first = features[0]
        with torch.inference_mode():
            if all(each is first for each in features):
                levels = [level[None].expand(len(mels), -1, -1, -1) for level in first]
            else:
                levels = [torch.stack(level) for level in zip(*features, strict=True)]
            made = self.network.decode(self._tensor(mels), levels)
            return made.flip(1).permute(0, 2, 3, 1).float().cpu().numpy()

    def to_arrays(self, features: Features) -> list[npt.NDArray[Any]]:
        """Return (C, H, W) arrays; bfloat16, which NumPy lacks, as int16 bits."""
        tensors = [level.contiguous().cpu() for level in features]
        if self.dtype == torch.bfloat16:
            tensors = [level.view(torch.int16) for level in tensors]
        return [level.numpy() for level in tensors]

    def from_arrays(self, arrays: Sequence[npt.NDArray[Any]]) -> Features:
        """Return the tensors of (C, H, W) arrays from ``to_arrays``."""
        tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
        if self.dtype == torch.bfloat16:
            tensors = [level.view(torch.bfloat16) for level in tensors]
        return tuple(level.to(self.device) for level in tensors)

    def _tensor(self, values: FloatArray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values)).to(self.device, self.dtype)
        return tensor.contiguous(memory_format=torch.channels_last)
