"""The synchrony loss: LatentSync's SyncNet compares sixteen mouths with their sound.

Chung & Zisserman, "Out of Time: Automated Lip Sync in the Wild" (2016); Li et al.,
"LatentSync" (2024), whose public checkpoint this network takes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.errors import WeightsError
from masktalk.weights import load_tensors

#: Frames at 25 fps and mel columns at 80 Hz that are compared.
SYNC_FRAMES, SYNC_COLUMNS = 16, 52

_GROUPS, _EPSILON = 32, 1e-6
#: Channels and (vertical, horizontal) strides of the blocks.
_AUDIO_BLOCKS = (
    (32, (2, 1)),
    (64, (2, 2)),
    (128, (2, 2)),
    (256, None),
    (512, (2, 2)),
    (1024, (2, 2)),
    (2048, (2, 3)),
)
_VISUAL_BLOCKS = (
    (64, (1, 2)),
    (128, (2, 2)),
    (256, (2, 2)),
    (256, (2, 2)),
    (512, (2, 2)),
    (1024, (2, 2)),
    (2048, (2, 2)),
    (2048, (2, 2)),
)


class _Block(nn.Module):
    """Two convolutions with a shortcut, then a strided one."""

    def __init__(self, before: int, after: int, stride: tuple[int, int] | None) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(_GROUPS, before, _EPSILON)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2 = nn.GroupNorm(_GROUPS, after, _EPSILON)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(before, after, 1) if before != after else None
        self.downsample_conv = nn.Conv2d(after, after, 3, stride) if stride else None
        left, top = (int(s == 1) for s in (stride or (2, 2))[::-1])
        self.padding = (left, 1, top, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        deeper = self.conv1(functional.silu(self.norm1(hidden)))
        deeper = self.conv2(functional.silu(self.norm2(deeper)))
        hidden = deeper + (hidden if self.conv_shortcut is None else self.conv_shortcut(hidden))
        if self.downsample_conv is None:
            return hidden
        return self.downsample_conv(functional.pad(hidden, self.padding))


class _Encoder(nn.Module):
    def __init__(
        self, channels: int, blocks: tuple[tuple[int, tuple[int, int] | None], ...]
    ) -> None:
        super().__init__()
        before = blocks[0][0]
        self.conv_in = nn.Conv2d(channels, before, 3, padding=1)
        self.down_blocks = nn.ModuleList()
        for after, stride in blocks:
            self.down_blocks.append(_Block(before, after, stride))
            before = after
        self.norm_out = nn.GroupNorm(_GROUPS, before, _EPSILON)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.conv_in(hidden)
        for block in self.down_blocks:
            hidden = block(hidden)
        return functional.relu(self.norm_out(hidden)).flatten(1)


class SyncExpert(nn.Module):
    """The two encoders of LatentSync's SyncNet; its parameters are frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = _Encoder(1, _AUDIO_BLOCKS)
        self.visual_encoder = _Encoder(3 * SYNC_FRAMES, _VISUAL_BLOCKS)
        self.requires_grad_(False)

    @classmethod
    def load(cls, path: Path) -> SyncExpert:
        """Return the network filled from ``latentsync_syncnet.pt``.

        Raises:
            WeightsError: The file holds something else.
        """
        with torch.device("meta"):
            network = cls()
        try:
            network.load_state_dict(load_tensors(path), assign=True)
        except RuntimeError as error:
            raise WeightsError(path, "is not LatentSync's SyncNet") from error
        return network.eval().requires_grad_(False)

    def cosine(self, images: Tensor, mel: Tensor) -> Tensor:
        """Return (N,) cosines of sound and sight, 0..1.

        Args:
            images: (N, 16, 3, 256, 256) faces in -1..1; their lower halves are seen.
            mel: (N, 80, 52) log-mel columns in -4..4.
        """
        lower = images[..., images.shape[-2] // 2 :, :].flatten(1, 2)
        sight, sound = self.visual_encoder(lower), self.audio_encoder(mel[:, None])
        return functional.cosine_similarity(sound, sight, dim=1).clamp(0, 1)


def sync_loss(expert: SyncExpert, images: Tensor, mel: Tensor) -> Tensor:
    """Return the mean -log of the cosines.

    Args:
        expert: Frozen.
        images: (N, 16, 3, 256, 256) faces in -1..1.
        mel: (N, 80, 52) log-mel columns in -4..4.
    """
    cosine = expert.cosine(images, mel)
    return functional.binary_cross_entropy(cosine, torch.ones_like(cosine))
