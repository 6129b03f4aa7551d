"""From latents and speech prompts to faces: one step of the UNet, then the VAE's decoder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

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
        fused: Whether to compile both networks first, which takes minutes once and then
            saves the passes over memory between convolutions.
    """

    def __init__(
        self,
        networks: Networks,
        device: torch.device,
        dtype: torch.dtype,
        batch: int,
        plain: bool = False,
        fused: bool = False,
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
        if fused:
            networks.unet.compile(dynamic=False)
            networks.vae.decoder.compile(dynamic=False)

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
            return cast(Tensor, levels.round().to(torch.uint8))

    def faces(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 RGB on the device; the two steps in one."""
        return self.decode(self.predict(latents, tokens))

    def generate(self, latents: FloatArray, tokens: FloatArray) -> UInt8Array:
        """(N, S, S, 3) uint8 RGB of up to ``batch`` latents and prompts."""
        side = self.networks.picture_size
        return np.stack(self.submit(latents, tokens, [(side, side)] * len(latents)).result())

    def submit(
        self, latents: FloatArray, tokens: FloatArray, sizes: Sequence[tuple[int, ...]]
    ) -> Pending:
        """Queue up to ``batch`` faces; on CUDA it returns while the device still works.

        Args:
            latents: (N, 8, h, w) each.
            tokens: (N, T, width) each.
            sizes: Height and width that each face is resized to.
        """
        if self.device.type != "cuda" or self.plain:
            made = self.faces(torch.from_numpy(latents), torch.from_numpy(tokens))
            return Pending(made, sizes)
        if self._graph is None:
            self._graph = _Recorded(self, self.batch, latents.shape[1:], tokens.shape[1:])
        made = self._graph.replay(latents, tokens)
        return PendingOnDevice(made, sizes)

    def _positions(self, tokens: Tensor) -> Tensor:
        if self._encoding is None or self._encoding.shape != tokens.shape[1:]:
            encoding = positional_encoding(tokens.shape[1], tokens.shape[2])
            self._encoding = encoding.to(self.device, self.dtype)
        return self._encoding


class Pending:
    """Faces that are made, still to be resized."""

    def __init__(self, faces: Tensor, sizes: Sequence[tuple[int, ...]]) -> None:
        self._faces = faces
        self._sizes = sizes

    def result(self) -> list[UInt8Array]:
        """One (h, w, 3) uint8 RGB face for each size."""
        faces = self._faces.cpu().numpy()
        return [
            np.asarray(cv2.resize(face, (width, height)), np.uint8)
            for face, (height, width) in zip(faces, self._sizes, strict=True)
        ]


class PendingOnDevice(Pending):
    """Faces that a CUDA device is still making, resized there and copied in one piece."""

    def __init__(self, faces: Tensor, sizes: Sequence[tuple[int, ...]]) -> None:
        super().__init__(faces, sizes)
        with torch.inference_mode():
            planes = faces.permute(0, 3, 1, 2).float()
            flat = torch.cat([_resized(planes[i], size).flatten() for i, size in enumerate(sizes)])
            self._host = torch.empty(flat.shape, dtype=torch.uint8, pin_memory=True)
            self._host.copy_(flat, non_blocking=True)
        self._done: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._done.record()

    def result(self) -> list[UInt8Array]:
        """Return the batch as (H, W, 3) uint8 RGB pictures."""
        self._done.synchronize()
        flat, begin, faces = self._host.numpy(), 0, []
        for height, width in self._sizes:
            end = begin + height * width * 3
            faces.append(cast(UInt8Array, flat[begin:end].reshape(height, width, 3)))
            begin = end
        return faces


def _resized(planes: Tensor, size: tuple[int, ...]) -> Tensor:
    """(h, w, 3) uint8 of (3, S, S) levels."""
    larger = functional.interpolate(planes[None], size=size, mode="bilinear", align_corners=False)
    return larger[0].round().to(torch.uint8).permute(1, 2, 0).contiguous()


class _Recorded:
    """One batch as a CUDA graph between pinned buffers."""

    def __init__(
        self, generator: Generator, batch: int, latent: tuple[int, ...], token: tuple[int, ...]
    ) -> None:
        device = generator.device
        self._latents = torch.zeros((batch, *latent), dtype=generator.dtype, device=device)
        self._tokens = torch.zeros((batch, *token), dtype=generator.dtype, device=device)
        side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side), torch.inference_mode():
            for _ in range(_WARM_UP_RUNS):
                generator.faces(self._latents, self._tokens)
        torch.cuda.current_stream(device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        recording = torch.cuda.graph(self._graph, capture_error_mode="thread_local")
        with torch.inference_mode(), recording:
            self._faces = generator.faces(self._latents, self._tokens)

    def replay(self, latents: FloatArray, tokens: FloatArray) -> Tensor:
        """Queue one batch; the (N, S, S, 3) result is valid until the next is queued."""
        with torch.inference_mode():
            self._put(self._latents, latents)
            self._put(self._tokens, tokens)
            self._graph.replay()
        return self._faces[: len(latents)]

    @staticmethod
    def _put(buffer: Tensor, values: FloatArray) -> None:
        pinned = torch.from_numpy(np.ascontiguousarray(values)).to(buffer.dtype).pin_memory()
        buffer[: len(values)].copy_(pinned, non_blocking=True)
