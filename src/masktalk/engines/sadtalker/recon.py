"""The network that reads 3DMM coefficients from an aligned picture of a face.

Deng et al., "Accurate 3D Face Reconstruction with Weakly-Supervised Learning" (CVPRW 2019):
a ResNet-50 (He et al. 2016) with one linear head for each kind of coefficient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Sizes of the heads, in order: identity, expression, texture, head angles, illumination,
#: horizontal translation and depth.
HEADS = (80, 64, 80, 3, 27, 2, 1)
_EXPRESSION_AT, _POSE_AT = slice(80, 144), (slice(224, 227), slice(254, 257))
_EXPANSION = 4


class _Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        out = channels * _EXPANSION
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != out:
            projection = nn.Conv2d(channels_in, out, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, 4 C, H / stride, W / stride)."""
        out = functional.relu(self.bn1(self.conv1(x)))
        out = functional.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return functional.relu(out + (x if self.downsample is None else self.downsample(x)))


class _Backbone(nn.Module):
    def __init__(self, channels: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        into = channels
        for level, count in enumerate(blocks):
            wide, stride = channels << level, 1 if level == 0 else 2
            layer = []
            for index in range(count):
                layer.append(_Bottleneck(into, wide, stride if index == 0 else 1))
                into = wide * _EXPANSION
            self.add_module(f"layer{level + 1}", nn.Sequential(*layer))
        self.levels, self.channels_out = len(blocks), into

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, C, 1, 1)."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for level in range(self.levels):
            x = getattr(self, f"layer{level + 1}")(x)
        return x.mean((2, 3), keepdim=True)


class ReconNetwork(nn.Module):
    """Reads the 257 coefficients of a face.

    Args:
        channels: Of the first layer.
        blocks: Bottlenecks of each level.
    """

    def __init__(self, channels: int = 64, blocks: Sequence[int] = (3, 4, 6, 3)) -> None:
        super().__init__()
        self.backbone = _Backbone(channels, blocks)
        self.final_layers = nn.ModuleList(
            nn.Conv2d(self.backbone.channels_out, size, 1) for size in HEADS
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 257) coefficients of (N, 3, 224, 224) RGB images in 0..1."""
        x = self.backbone(images)
        return torch.cat([head(x) for head in self.final_layers], dim=1).flatten(1)


def expression_and_pose(coefficients: Tensor) -> Tensor:
    """Return the (N, 70) expression, angles and translation of (N, 257) coefficients."""
    parts = [coefficients[:, part] for part in (_EXPRESSION_AT, *_POSE_AT)]
    return torch.cat(parts, dim=1)
