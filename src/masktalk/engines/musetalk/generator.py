"""From latents and speech prompts to faces: one step of the UNet, then the VAE's decoder."""

from __future__ import annotations

import logging
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from masktalk.engines.musetalk.networks import Networks, positional_encoding
from masktalk.types import FloatArray, UInt8Array

logger = logging.getLogger(__name__)

_WARM_UP_RUNS = 3


class Generator:
    """Paints faces in batches.

    On CUDA every batch size is recorded once as a CUDA graph and replayed, which takes the
    cost of some two thousand kernel launches a batch away; ``plain`` does without.

    Args:
        networks: On ``device``, in ``dtype``.
        device: Where they are.
        dtype: What they compute in.
        batch: Faces at a time; a smaller last batch is filled up.
        plain: Whether to leave graphs and memory layouts alone.
    """

    def __init__(
        self,
        networks: Networks,
        device: torch.device,
        dtype: torch.dtype,
        batch: int,
        plain: bool = False,
    ) -> None:
        self.networks = networks
        self.device = device
        self.dtype = dtype
        self.batch = batch
        self.plain = plain
        self._step = torch.zeros(1, dtype=torch.long, device=device)
        self._encoding: Tensor | None = None
        self._graph: _Recorded | None = None
        if not plain:
            for network in (networks.unet, networks.vae):
                network.to(memory_format=torch.channels_last)

    def predict(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """(N, 4, h, w) latents of the new faces.

        Args:
            latents: (N, 8, h, w) from ``encode_faces``.
            tokens: (N, T, width) prompts without positional encoding.
        """
        with torch.inference_mode():
            context = tokens.to(self.device, self.dtype) + self._positions(tokens)
            latents = latents.to(self.device, self.dtype)
            if not self.plain:
                latents = latents.contiguous(memory_format=torch.channels_last)
            unet = self.networks.unet
            predicted = unet(latents, self._step, encoder_hidden_states=context).sample
        return cast(Tensor, predicted)

    def decode(self, predicted: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 RGB on the device, of predicted latents."""
        with torch.inference_mode():
            scaled = predicted / self.networks.scaling_factor
            pictures = self.networks.vae.decode(scaled).sample
            levels = (pictures / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float() * 255
            return levels.round().to(torch.uint8)

    def faces(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 RGB on the device; the two steps in one."""
        return self.decode(self.predict(latents, tokens))

    def generate(self, latents: FloatArray, tokens: FloatArray) -> UInt8Array:
        """(N, S, S, 3) uint8 RGB of up to ``batch`` latents and prompts."""
        return self.submit(latents, tokens).result()

    def submit(self, latents: FloatArray, tokens: FloatArray) -> Pending:
        """As ``generate``, but on CUDA it returns while the device still works."""
        count = len(latents)
        if self.device.type != "cuda" or self.plain:
            made = self.faces(torch.from_numpy(latents), torch.from_numpy(tokens))
            return Pending(made, count, None)
        if self._graph is None:
            self._graph = _Recorded(self, self.batch, latents.shape[1:], tokens.shape[1:])
        return self._graph.replay(latents, tokens)

    def _positions(self, tokens: Tensor) -> Tensor:
        if self._encoding is None or self._encoding.shape != tokens.shape[1:]:
            encoding = positional_encoding(tokens.shape[1], tokens.shape[2])
            self._encoding = encoding.to(self.device, self.dtype)
        return self._encoding


class Pending:
    """Faces that a device may still be working on."""

    def __init__(self, faces: Tensor, count: int, done: Any) -> None:
        self._faces = faces
        self._count = count
        self._done = done

    def result(self) -> UInt8Array:
        """(N, S, S, 3) uint8 RGB; waits for the device."""
        if self._done is not None:
            self._done.synchronize()
        return cast(UInt8Array, self._faces[: self._count].cpu().numpy())


class _Recorded:
    """One batch as a CUDA graph between pinned buffers."""

    def __init__(
        self, generator: Generator, batch: int, latent: tuple[int, ...], token: tuple[int, ...]
    ) -> None:
        device = generator.device
        self._latents = torch.zeros((batch, *latent), dtype=generator.dtype, device=device)
        self._tokens = torch.zeros((batch, *token), dtype=generator.dtype, device=device)
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side), torch.inference_mode():
            for _ in range(_WARM_UP_RUNS):
                generator.faces(self._latents, self._tokens)
        torch.cuda.current_stream(device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(self._graph):
            self._faces = generator.faces(self._latents, self._tokens)

    def replay(self, latents: FloatArray, tokens: FloatArray) -> Pending:
        """Queue one batch; what it gives is copied into memory of its own."""
        count = len(latents)
        with torch.inference_mode():
            self._put(self._latents, latents)
            self._put(self._tokens, tokens)
            self._graph.replay()
            host = torch.empty((count, *self._faces.shape[1:]), dtype=torch.uint8, pin_memory=True)
            host.copy_(self._faces[:count], non_blocking=True)
        done = torch.cuda.Event()
        done.record()
        return Pending(host, count, done)

    @staticmethod
    def _put(buffer: Tensor, values: FloatArray) -> None:
        pinned = torch.from_numpy(np.ascontiguousarray(values)).to(buffer.dtype).pin_memory()
        buffer[: len(values)].copy_(pinned, non_blocking=True)
