"""Spatially-adaptive normalisation (Park et al. 2019, section 3) and its decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.head_renderer.layers import SpectralConv2d

_LEAKY_SLOPE = 0.2
_MIDDLE_BLOCKS = 6


@dataclass(frozen=True)
class LabelChannels:
    """Channels of the map that scale and offset are read from.

    Attributes:
        map: Of the map itself.
        hidden: Of the layer between the map and scale and offset.
    """

    map: int
    hidden: int = 128


class Spade(nn.Module):
    """Instance normalisation whose scale and offset are read from a segmentation map."""

    def __init__(self, channels: int, label: LabelChannels) -> None:
        super().__init__()
        shared = nn.Conv2d(label.map, label.hidden, 3, padding=1)
        self.mlp_shared = nn.Sequential(shared, nn.ReLU())
        self.mlp_gamma: nn.Module = nn.Conv2d(label.hidden, channels, 3, padding=1)
        self.mlp_beta: nn.Module = nn.Conv2d(label.hidden, channels, 3, padding=1)
        self.mlp_both: nn.Module | None = None

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Normalise (B, C, f H, f W) by a (B, L, H, W) map, f a whole number."""
        shared = self.mlp_shared[0]
        assert isinstance(shared, nn.Conv2d)
        scale = x.shape[-1] // label.shape[-1]
        hidden = functional.relu(conv3_of_upsampled(label, shared, scale))
        if self.mlp_both is None:
            gain, offset = 1 + self.mlp_gamma(hidden), self.mlp_beta(hidden)
        else:
            gain, offset = self.mlp_both(hidden).chunk(2, dim=1)
        return torch.addcmul(offset, functional.instance_norm(x), gain)

    def fold(self) -> None:
        """Join the convolutions of scale and offset into one, the scale's 1 in its bias."""
        assert isinstance(self.mlp_gamma, nn.Conv2d)
        assert isinstance(self.mlp_beta, nn.Conv2d)
        hidden, channels = self.mlp_gamma.in_channels, self.mlp_gamma.out_channels
        both = nn.Conv2d(hidden, 2 * channels, 3, padding=1).to(self.mlp_gamma.weight)
        pair = (self.mlp_gamma, self.mlp_beta)
        with torch.no_grad():
            assert both.bias is not None
            both.weight.copy_(torch.cat([conv.weight for conv in pair]))
            both.bias.copy_(torch.cat([conv.bias for conv in pair if conv.bias is not None]))
            both.bias[:channels] += 1
        self.mlp_both = both
        self.mlp_gamma, self.mlp_beta = nn.Identity(), nn.Identity()


def conv3_of_upsampled(x: Tensor, conv: nn.Conv2d, scale: int) -> Tensor:
    """Apply a 3x3 convolution to a nearest-neighbour enlargement without making it.

    Every output phase sees at most 2x2 different pixels of the small map, so that its
    nine weights are summed to at most four, and inner phases are all the same. Exact up to
    the order of summation.

    Args:
        x: (B, C, H, W) the small map.
        conv: 3x3, padding 1.
        scale: Whole factor of the enlargement.

    Returns:
        (B, C_out, scale H, scale W).
    """
    if scale == 1:
        result: Tensor = conv(x)
        return result
    batch, _, height, width = x.shape
    padded = functional.pad(x, (1, 1, 1, 1))
    out = x.new_empty(batch, conv.out_channels, height, scale, width, scale)
    for row_phases in _phases(scale):
        rows, top = _taps(conv.weight, 2, row_phases, scale)
        for column_phases in _phases(scale):
            kernel, left = _taps(rows, 3, column_phases, scale)
            bottom, right = top + height + kernel.shape[2] - 1, left + width + kernel.shape[3] - 1
            seen = padded[:, :, top:bottom, left:right]
            made = functional.conv2d(seen, kernel, conv.bias)
            out[:, :, :, row_phases, :, column_phases] = made[:, :, :, None, :, None]
    return out.view(batch, conv.out_channels, height * scale, width * scale)


def _phases(scale: int) -> list[slice]:
    """Return the phases along an axis that see the same pixels: first, inner ones, last."""
    parts = [slice(0, 1), slice(1, scale - 1), slice(scale - 1, scale)]
    return [part for part in parts if part.start < part.stop]


def _taps(weight: Tensor, axis: int, phases: slice, scale: int) -> tuple[Tensor, int]:
    """Sum the three taps along an axis that fall on one small pixel at some phases.

    Returns the summed taps and the first one's position in the map padded by one.
    """
    first, middle, last = weight.unbind(axis)
    if phases.start == 0:
        return torch.stack([first, middle + last], axis), 0
    if phases.stop == scale:
        return torch.stack([first + middle, last], axis), 1
    return (first + middle + last).unsqueeze(axis), 1


class SpadeResBlock(nn.Module):
    """A residual block of two SPADE-normalised, spectrally normalised convolutions."""

    def __init__(self, channels_in: int, channels_out: int, label: LabelChannels) -> None:
        super().__init__()
        middle = min(channels_in, channels_out)
        self.conv_0: nn.Module = SpectralConv2d(channels_in, middle, 3)
        self.conv_1: nn.Module = SpectralConv2d(middle, channels_out, 3)
        self._has_projection = channels_in != channels_out
        if self._has_projection:
            self.conv_s: nn.Module = SpectralConv2d(channels_in, channels_out, 1, bias=False)
        self.norm_0 = Spade(channels_in, label)
        self.norm_1 = Spade(middle, label)
        if self._has_projection:
            self.norm_s = Spade(channels_in, label)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        """Map (B, C_in, f H, f W) and a (B, L, H, W) map to (B, C_out, f H, f W)."""
        residual = self.conv_s(self.norm_s(x, label)) if self._has_projection else x
        out = self.conv_0(functional.leaky_relu(self.norm_0(x, label), _LEAKY_SLOPE))
        out = self.conv_1(functional.leaky_relu(self.norm_1(out, label), _LEAKY_SLOPE))
        return torch.add(residual, out)


class SpadeDecoder(nn.Module):
    """Turns warped features into pixels; twice enlarged by two."""

    def __init__(self, label: LabelChannels, middle_channels: int, out_channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(label.map, middle_channels, 3, padding=1)
        for index in range(_MIDDLE_BLOCKS):
            block = SpadeResBlock(middle_channels, middle_channels, label)
            setattr(self, f"G_middle_{index}", block)
        self.up_0 = SpadeResBlock(middle_channels, label.map, label)
        self.up_1 = SpadeResBlock(label.map, out_channels, label)
        self.conv_img = nn.Conv2d(out_channels, 3, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, L, H, W) features to (B, 3, 4 H, 4 W) RGB in 0..1."""
        x = self.fc(features)
        for index in range(_MIDDLE_BLOCKS):
            x = getattr(self, f"G_middle_{index}")(x, features)
        x = self.up_0(functional.interpolate(x, scale_factor=2), features)
        x = self.up_1(functional.interpolate(x, scale_factor=2), features)
        return torch.sigmoid(self.conv_img(functional.leaky_relu(x, _LEAKY_SLOPE)))
