"""Convolution blocks of the head renderer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Slope of the leaky ReLU after the warped features; torch's default.
WARPED_LEAKY_SLOPE = 0.01


class SameBlock2d(nn.Module):
    """A 3x3 convolution, batch normalisation and (leaky) ReLU that keep the size."""

    def __init__(self, channels_in: int, channels_out: int, leaky_slope: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm2d(channels_out)
        self._leaky_slope = leaky_slope

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W)."""
        return functional.leaky_relu(self.norm(self.conv(x)), self._leaky_slope)


class DownBlock2d(SameBlock2d):
    """A `SameBlock2d` followed by 2x2 average pooling."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H / 2, W / 2)."""
        return functional.avg_pool2d(super().forward(x), 2)


class SameBlock3d(nn.Module):
    """A 3x3x3 convolution, batch normalisation and ReLU that keep the size."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels_in, channels_out, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm3d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, D, H, W) to (B, C_out, D, H, W)."""
        return functional.relu(self.norm(self.conv(x)))


class DownBlock3d(SameBlock3d):
    """A `SameBlock3d` followed by average pooling of height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, D, H, W) to (B, C_out, D, H / 2, W / 2)."""
        return functional.avg_pool3d(super().forward(x), (1, 2, 2))


class UpBlock3d(SameBlock3d):
    """Nearest-neighbour upsampling of height and width followed by a `SameBlock3d`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, D, H, W) to (B, C_out, D, 2 H, 2 W)."""
        return super().forward(functional.interpolate(x, scale_factor=(1, 2, 2)))


class ResBlock3d(nn.Module):
    """A pre-activation residual block (He et al. 2016) of two 3x3x3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2: nn.Module = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, D, H, W) to the same shape."""
        out = self.conv1(functional.relu(self.norm1(x)))
        return x + self.conv2(functional.relu(self.norm2(out)))


class SpectralConv2d(nn.Module):
    """A convolution divided by its spectral norm (Miyato et al. 2018), as torch stores it.

    The power iteration's vectors are fixed at inference, so that ``fold`` turns it into a
    plain convolution once and for all.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, channels_in: int, channels_out: int, size: int, bias: bool = True) -> None:
        super().__init__()
        if bias:
            self.bias = nn.Parameter(torch.zeros(channels_out))
        else:
            self.register_parameter("bias", None)
        self.weight_orig = nn.Parameter(torch.zeros(channels_out, channels_in, size, size))
        self.register_buffer("weight_u", torch.zeros(channels_out))
        self.register_buffer("weight_v", torch.zeros(channels_in * size * size))

    @property
    def weight(self) -> Tensor:
        """(C_out, C_in, K, K) the weight divided by ``u^T W v``."""
        sigma = torch.dot(self.weight_u, torch.mv(self.weight_orig.flatten(1), self.weight_v))
        return self.weight_orig / sigma

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W)."""
        return functional.conv2d(x, self.weight, self.bias, padding=self.weight_orig.shape[-1] // 2)

    def fold(self) -> nn.Conv2d:
        """Return the plain convolution that this one is at inference."""
        out, into, size, _ = self.weight_orig.shape
        conv = nn.Conv2d(into, out, size, padding=size // 2, bias=self.bias is not None)
        with torch.no_grad():
            conv.weight.copy_(self.weight)
            if self.bias is not None:
                assert conv.bias is not None
                conv.bias.copy_(self.bias)
        return conv
