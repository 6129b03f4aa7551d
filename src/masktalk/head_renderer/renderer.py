"""A renderer with its weights on a device: images and keypoints in, frames out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from masktalk.head_renderer.generator import HeadGenerator, SourceFeatures
from masktalk.head_renderer.keypoints import KeypointDetector
from masktalk.types import FloatArray, UInt8Array


@dataclass(frozen=True, eq=False)
class SourceHead:
    """One head, ready to be rendered; made once per image.

    Attributes:
        features: Of the generator.
        canonical: (1, K, 3) keypoints of the unposed, neutral head in -1..1.
    """

    features: SourceFeatures
    canonical: Tensor


class HeadRenderer:
    """Renders heads with folded networks in one precision on one device.

    Args:
        generator: With its norms folded (`fold_norms`).
        detector: With its norms folded.
        device: Where to compute.
        dtype: What the generator computes in; keypoints stay in float32.
    """

    def __init__(
        self,
        generator: HeadGenerator,
        detector: KeypointDetector,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device = torch.device(device)
        self.dtype = dtype
        self._generator = generator.to(self.device, dtype).eval()
        self._detector = detector.to(self.device).eval()

    @torch.inference_mode()
    def encode(self, image: UInt8Array) -> SourceHead:
        """Make the source of a (H, W, 3) RGB uint8 image; H and W divide by 128."""
        planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        pixels = planes[None].to(self.device).float() / 255
        canonical = self._detector(pixels)
        return SourceHead(self._generator.encode(pixels.to(self.dtype)), canonical)

    def features(self, volume: FloatArray, compressed: FloatArray) -> SourceFeatures:
        """Return features that were kept, on the renderer's device and in its precision.

        Args:
            volume: (1, C, D, H / 4, W / 4).
            compressed: (1, 4, D, H / 4, W / 4).
        """
        moved = [
            torch.from_numpy(kept).to(self.device, self.dtype) for kept in (volume, compressed)
        ]
        return SourceFeatures(*moved)

    @torch.inference_mode()
    def render(self, source: SourceHead, kp_source: Tensor, kp_driving: Tensor) -> UInt8Array:
        """Return (B, H, W, 3) RGB uint8 frames.

        Args:
            source: See ``encode``.
            kp_source: (1, K, 3) keypoints of the source in its own pose.
            kp_driving: (B, K, 3) keypoints of the frames.
        """
        moved = [kp.to(self.device, self.dtype) for kp in (kp_source, kp_driving)]
        pixels = self._generator(source.features, *moved).float().mul_(255).round_()
        frames: UInt8Array = pixels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return frames

    def stream(
        self, source: SourceHead, kp_source: Tensor, batches: Iterable[Tensor]
    ) -> Iterator[UInt8Array]:
        """Yield (H, W, 3) RGB uint8 frames, one for each row of the (B, K, 3) batches."""
        for batch in batches:
            yield from self.render(source, kp_source, batch)
