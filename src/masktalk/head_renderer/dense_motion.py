"""Dense motion from sparse keypoints (Wang et al. 2021, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.head_renderer.layers import DownBlock3d, UpBlock3d

#: Variance of a keypoint's heat map, in squared half-sizes of the volume.
HEATMAP_VARIANCE = 0.01
#: Soft-max weights below this are dropped, without normalising the rest again.
MIN_MASK_WEIGHT = 1e-3


class Encoder3d(nn.Module):
    """The hourglass's way down; keeps every level for the way up."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(DownBlock3d(into, out) for into, out in pairwise(channels))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the input and every block's output."""
        levels = [x]
        for block in self.down_blocks:
            levels.append(block(levels[-1]))
        return levels


class Decoder3d(nn.Module):
    """The hourglass's way up, with the levels of the way down beside it."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        blocks, carried = [], channels[-1]
        for index in range(len(channels) - 1, 0, -1):
            out = channels[index] // 2
            blocks.append(UpBlock3d(carried, out))
            carried = out + channels[index - 1]
        self.up_blocks = nn.ModuleList(blocks)
        self.conv = nn.Conv3d(carried, carried, 3, padding=1)
        self.norm = nn.BatchNorm3d(carried)
        self.channels = carried

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Map the encoder's levels to (B, C, D, H, W)."""
        x = levels[-1]
        for block, skip in zip(self.up_blocks, reversed(levels[:-1]), strict=True):
            x = torch.cat([block(x), skip], dim=1)
        return functional.relu(self.norm(self.conv(x)))


class Hourglass3d(nn.Module):
    """A 3-D hourglass that pools height and width only."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.encoder = Encoder3d(channels)
        self.decoder = Decoder3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, D, H, W) to (B, ``decoder.channels``, D, H, W)."""
        result: Tensor = self.decoder(self.encoder(x))
        return result


class DenseMotion(nn.Module):
    """Weighs one rigid motion per keypoint, and none, into a deformation of a volume."""

    def __init__(
        self, keypoints: int, feature_channels: int, depth: int, hourglass: Sequence[int]
    ) -> None:
        super().__init__()
        compressed = 4
        first = (keypoints + 1) * (compressed + 1)
        self.hourglass = Hourglass3d([first, *hourglass])
        channels = self.hourglass.decoder.channels
        self.mask = nn.Conv3d(channels, keypoints + 1, 7, padding=3)
        self.compress = nn.Conv3d(feature_channels, compressed, 1)
        self.norm = nn.BatchNorm3d(compressed)
        self.occlusion = nn.Conv2d(channels * depth, 1, 7, padding=3)

    def compressed(self, volume: Tensor) -> Tensor:
        """Reduce the (1, C, D, H, W) source volume to (1, 4, D, H, W); once per source."""
        return functional.relu(self.norm(self.compress(volume)))

    def forward(
        self, compressed: Tensor, kp_source: Tensor, kp_driving: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return where each voxel comes from, and how visible each pixel's source is.

        Args:
            compressed: (1, 4, D, H, W), see ``compressed``.
            kp_source: (B, K, 3) x, y, z in -1..1.
            kp_driving: (B, K, 3), of the frames to make.

        Returns:
            (B, D, H, W, 3) sampling grid in -1..1 and (B, 1, H, W) occlusion in 0..1.
        """
        grid = coordinate_grid(compressed.shape[2:], compressed)
        motions = _sparse_motions(grid, kp_source, kp_driving)
        heat = _heatmaps(grid, kp_driving) - _heatmaps(grid, kp_source)
        heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], dim=1).unsqueeze(2)
        batch, count = motions.shape[:2]
        source = compressed.expand(batch * count, *compressed.shape[1:])
        moved = sample(source, motions.flatten(0, 1))
        moved = moved.reshape(batch, count, *moved.shape[1:])
        features = self.hourglass(torch.cat([heat, moved], dim=2).flatten(1, 2))
        weights = torch.softmax(self.mask(features), dim=1)
        weights = torch.where(weights < MIN_MASK_WEIGHT, torch.zeros_like(weights), weights)
        deformation = torch.einsum("bkdhw,bkdhwc->bdhwc", weights, motions)
        occlusion = torch.sigmoid(self.occlusion(features.flatten(1, 2)))
        return deformation, occlusion


def coordinate_grid(size: Sequence[int], like: Tensor) -> Tensor:
    """Return the (D, H, W, 3) x, y, z of each voxel; corners at -1 and 1."""
    axes = [torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in size]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def sample(volume: Tensor, grid: Tensor) -> Tensor:
    """Sample (B, C, D, H, W) at a (B, D, H, W, 3) grid, trilinear, zeros outside.

    The grid's corners lie at -1 and 1 while samples are taken with cell-aligned corners,
    which the published weights were trained with.
    """
    return functional.grid_sample(volume, grid, align_corners=False)


def _sparse_motions(grid: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
    """(B, K + 1, D, H, W, 3): the identity, then one translation per keypoint."""
    shift = (kp_source - kp_driving)[:, :, None, None, None]
    moved = grid + shift
    still = grid.expand(moved.shape[0], 1, *grid.shape)
    return torch.cat([still, moved], dim=1)


def _heatmaps(grid: Tensor, keypoints: Tensor) -> Tensor:
    """(B, K, D, H, W) Gaussians about the keypoints."""
    distance = (grid - keypoints[:, :, None, None, None]).square().sum(-1)
    return torch.exp(-0.5 * distance / HEATMAP_VARIANCE)
