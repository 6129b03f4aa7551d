"""Forms of the networks for inference: fewer layers, passes and multiplications, same results."""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from masktalk.head_renderer.layers import ResBlock3d, SameBlock2d, SameBlock3d, SpectralConv2d
from masktalk.head_renderer.spade import Spade

_TILE, _KERNEL = 4, 3
_PATCH = _TILE + _KERNEL - 1
#: So many that the transformed tiles stay in the processor's cache.
_TILES_AT_A_TIME = 128
#: Fewer channels on either side are not worth the transforms.
_MIN_CHANNELS = 128

# The transforms of F(4x4, 3x3), Lavin and Gray, section 4.3.
_INPUT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
_WEIGHT = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)


def fold_norms(network: nn.Module) -> nn.Module:
    """Fold spectral and batch normalisation into the convolutions before them, in place.

    Exact at inference up to rounding; a batch normalisation that no convolution precedes
    (the first of a pre-activation block) stays.

    Args:
        network: A generator or a keypoint detector.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, SpectralConv2d):
                setattr(module, name, child.fold())
        if isinstance(module, Spade):
            module.fold()
        elif isinstance(module, (SameBlock2d, SameBlock3d)):
            if isinstance(module.norm, (nn.BatchNorm2d, nn.BatchNorm3d)):
                module.conv = fuse_conv_bn_eval(module.conv, module.norm)
                module.norm = nn.Identity()
        elif isinstance(module, ResBlock3d) and isinstance(module.norm2, nn.BatchNorm3d):
            module.conv1 = fuse_conv_bn_eval(module.conv1, module.norm2)
            module.norm2 = nn.Identity()
    return network.requires_grad_(False)


class WinogradConv2d(nn.Module):
    """A 3x3 convolution with a quarter of the multiplications (Winograd; Lavin and Gray 2016).

    Tiles of 4x4 outputs take 36 multiplications in place of 144. The renderer is almost wholly
    made of these convolutions, and oneDNN has no such kernel for processors without AVX-512.

    Args:
        conv: The convolution that it equals up to rounding.
    """

    weight: Tensor
    bias: Tensor | None
    input_transform: Tensor
    output_transform: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        given = conv.weight.detach()
        two_sided = _two_sided(_WEIGHT)
        weight = torch.einsum("pk,oik->poi", two_sided, given.double().flatten(2).cpu())
        self.register_buffer("weight", weight.to(given).contiguous())
        self.register_buffer("bias", None if conv.bias is None else conv.bias.detach())
        self.register_buffer("input_transform", _two_sided(_INPUT).to(given))
        self.register_buffer("output_transform", _two_sided(_OUTPUT).to(given))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W)."""
        batch, channels, height, width = x.shape
        rows, columns = -(-height // _TILE), -(-width // _TILE)
        right, below = columns * _TILE - width + 1, rows * _TILE - height + 1
        padded = functional.pad(x, (1, right, 1, below))
        out = x.new_empty(batch, self.weight.shape[1], rows, _TILE, columns, _TILE)
        strip = max(_TILES_AT_A_TIME // columns, 1)
        for top in range(0, rows, strip):
            count = min(strip, rows - top)
            seen = padded[:, :, top * _TILE : (top + count) * _TILE + _KERNEL - 1]
            patches = seen.unfold(2, _PATCH, _TILE).unfold(3, _PATCH, _TILE)
            flat = patches.permute(4, 5, 1, 0, 2, 3).reshape(_PATCH**2, -1)
            moved = (self.input_transform @ flat).view(_PATCH**2, channels, -1)
            made = torch.bmm(self.weight, moved).view(_PATCH**2, -1)
            tiles = self.output_transform @ made
            tiles = tiles.view(_TILE, _TILE, -1, batch, count, columns)
            out[:, :, top : top + count] = tiles.permute(3, 2, 4, 0, 5, 1)
        result = out.view(batch, -1, rows * _TILE, columns * _TILE)
        if self.bias is not None:
            result += self.bias[:, None, None]
        return result[:, :, :height, :width]


def _two_sided(transform: tuple[tuple[float, ...], ...]) -> Tensor:
    """Return the matrix that applies a transform to the rows and columns of flat patches."""
    one_sided = torch.tensor(transform, dtype=torch.float64)
    return torch.kron(one_sided, one_sided)


def use_winograd(network: nn.Module) -> nn.Module:
    """Replace the wide 3x3 convolutions of a folded network in place.

    Args:
        network: For inference, in float32 on a processor.
    """
    shared = {module.mlp_shared[0] for module in network.modules() if isinstance(module, Spade)}
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if _suits(child) and child not in shared:  # those are computed by phases
                setattr(module, name, WinogradConv2d(child))
    return network


def _suits(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (_KERNEL, _KERNEL)
        and module.stride == (1, 1)
        and module.padding == (1, 1)
        and module.groups == 1
        and min(module.in_channels, module.out_channels) >= _MIN_CHANNELS
    )
