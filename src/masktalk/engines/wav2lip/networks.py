"""Wav2Lip's networks for faces of 96, 256 and 384 pixels, built from one table.

Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild"
(2020), and its two public descendants. Keys are those of the public files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

Size: TypeAlias = int | tuple[int, int]

#: Channels of the first face block in the public files; a file with fewer is a narrower
#: network of the same layout.
FULL_WIDTH = 16
_FACE_CHANNELS, _AUDIO_CHANNELS, _COLOURS = 6, 1, 3


@dataclass(frozen=True)
class Conv:
    """A convolution, batch norm and ReLU.

    Attributes:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel: Height and width.
        stride: Height and width.
        padding: On every side.
        residual: The input is added before the ReLU.
        transposed: The convolution is a transposed one.
        output_padding: Rows and columns added at the end of a transposed one's output.
    """

    channels_in: int
    channels_out: int
    kernel: Size = 3
    stride: Size = 1
    padding: int = 1
    residual: bool = False
    transposed: bool = False
    output_padding: int = 0

    def narrowed(self, width: int) -> Conv:
        """Return the layer with its channels in the proportion ``width`` to ``FULL_WIDTH``."""
        fixed = (_FACE_CHANNELS, _AUDIO_CHANNELS)
        inside = self.channels_in
        inside = inside if inside in fixed else max(inside * width // FULL_WIDTH, 1)
        outside = max(self.channels_out * width // FULL_WIDTH, 1)
        return Conv(
            inside,
            outside,
            self.kernel,
            self.stride,
            self.padding,
            self.residual,
            self.transposed,
            self.output_padding,
        )


Block: TypeAlias = tuple[Conv, ...]


def _residual(channels: int) -> Conv:
    return Conv(channels, channels, residual=True)


def _down(inside: int, outside: int, residuals: int, stride: Size = 2) -> Block:
    return (Conv(inside, outside, stride=stride), *[_residual(outside)] * residuals)


def _up(inside: int, outside: int, residuals: int) -> Block:
    up = Conv(inside, outside, stride=2, transposed=True, output_padding=1)
    return (up, *[_residual(outside)] * residuals)


def _open(inside: int, outside: int, kernel: int, residuals: int) -> Block:
    """Widen a 1x1 map to ``kernel`` x ``kernel``."""
    up = Conv(inside, outside, kernel, padding=0, transposed=True)
    return (up, *[_residual(outside)] * residuals)


def _point(inside: int, outside: int) -> Conv:
    return Conv(inside, outside, kernel=1, padding=0)


@dataclass(frozen=True)
class Layout:
    """The table of one network.

    Attributes:
        size: Pixels along a side of the face.
        audio: Layers of the audio encoder.
        encoder: Blocks of the face encoder.
        decoder: Blocks of the face decoder.
        attention: Skip connections pass through spatial attention.
    """

    size: int
    audio: Block
    encoder: tuple[Block, ...]
    decoder: tuple[Block, ...]
    attention: bool = False

    def narrowed(self, width: int) -> Layout:
        """Return the layout with ``width`` channels in its first face block."""
        return Layout(
            self.size,
            tuple(layer.narrowed(width) for layer in self.audio),
            tuple(tuple(layer.narrowed(width) for layer in block) for block in self.encoder),
            tuple(tuple(layer.narrowed(width) for layer in block) for block in self.decoder),
            self.attention,
        )


def _audio(residuals: tuple[int, int, int, int], end: Block) -> Block:
    first, second, third, fourth = residuals
    return (
        Conv(_AUDIO_CHANNELS, 32),
        *[_residual(32)] * first,
        *_down(32, 64, second, stride=(3, 1)),
        *_down(64, 128, third, stride=3),
        *_down(128, 256, fourth, stride=(3, 2)),
        *end,
    )


_AUDIO_512: Block = (Conv(256, 512, padding=0), _point(512, 512))
_TRUNK: tuple[Block, ...] = (
    (Conv(_FACE_CHANNELS, 16, 7, padding=3),),
    _down(16, 32, 2),
    _down(32, 64, 3),
    _down(64, 128, 2),
    _down(128, 256, 2),
    _down(256, 512, 1),
)

LAYOUTS: dict[int, Layout] = {
    96: Layout(
        size=96,
        audio=_audio((2, 2, 2, 1), _AUDIO_512),
        encoder=(*_TRUNK, (Conv(512, 512, padding=0), _point(512, 512))),
        decoder=(
            (_point(512, 512),),
            _open(1024, 512, 3, 1),
            _up(1024, 512, 2),
            _up(768, 384, 2),
            _up(512, 256, 2),
            _up(320, 128, 2),
            _up(160, 64, 2),
        ),
    ),
    256: Layout(
        size=256,
        audio=_audio((2, 2, 2, 1), _AUDIO_512),
        encoder=(
            *_TRUNK,
            _down(512, 512, 1),
            (Conv(512, 512, kernel=4, padding=0), _point(512, 512)),
        ),
        decoder=(
            (_point(512, 512),),
            _open(1024, 512, 4, 1),
            _up(1024, 512, 1),
            _up(1024, 512, 2),
            _up(768, 384, 2),
            _up(512, 256, 2),
            _up(320, 128, 2),
            _up(160, 64, 2),
        ),
    ),
    384: Layout(
        size=384,
        audio=_audio(
            (2, 2, 2, 2),
            (*_down(256, 512, 2, stride=1), Conv(512, 1024, padding=0), _point(1024, 1024)),
        ),
        encoder=(
            (Conv(_FACE_CHANNELS, 16, 7, padding=3), *[_residual(16)] * 3),
            *(_down(channels // 2, channels, 3) for channels in (32, 64, 128, 256, 512, 1024)),
            (Conv(1024, 1024, padding=0), _point(1024, 1024), _point(1024, 1024)),
        ),
        decoder=(
            (_point(1024, 1024),),
            _open(2048, 1024, 3, 1),
            _up(2048, 1024, 2),
            _up(1536, 768, 2),
            _up(1024, 512, 2),
            _up(640, 256, 2),
            _up(320, 128, 2),
            _up(160, 64, 2),
        ),
        attention=True,
    ),
}


class ConvNorm(nn.Module):
    """One layer of the table, with the key names of the public files."""

    def __init__(self, layer: Conv) -> None:
        super().__init__()
        shape = (layer.channels_in, layer.channels_out, layer.kernel, layer.stride, layer.padding)
        convolution: nn.Module = (
            nn.ConvTranspose2d(*shape, output_padding=layer.output_padding)
            if layer.transposed
            else nn.Conv2d(*shape)
        )
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(layer.channels_out))
        self.residual = layer.residual

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(norm(conv(x))), or relu(norm(conv(x)) + x).

        Args:
            x: (N, C, H, W).
        """
        changed = self.conv_block(x)
        if self.residual:
            changed = changed + x
        return functional.relu(changed)

    def fold(self) -> None:
        """Fold the batch norm into the convolution, for inference."""
        convolution, norm = self.conv_block
        assert isinstance(convolution, (nn.Conv2d, nn.ConvTranspose2d))
        assert isinstance(norm, nn.BatchNorm2d)
        transposed = isinstance(convolution, nn.ConvTranspose2d)
        self.conv_block = nn.Sequential(fuse_conv_bn_eval(convolution, norm, transposed))


def _sequential(block: Block) -> nn.Sequential:
    return nn.Sequential(*map(ConvNorm, block))


class SpatialAttention(nn.Module):
    """A weight for every position, from the mean and the maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.sa = nn.ModuleDict({"conv1": nn.Conv2d(2, 1, 7, padding=3, bias=False)})

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 1, H, W) weights in 0..1 of (N, C, H, W) features."""
        both = [features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)]
        return torch.sigmoid(self.sa["conv1"](torch.cat(both, dim=1)))


class Wav2Lip(nn.Module):
    """The generator: log-mel and a half-hidden face to the speaking face.

    Args:
        layout: Its table.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.face_encoder_blocks = nn.ModuleList(map(_sequential, layout.encoder))
        self.audio_encoder = _sequential(layout.audio)
        self.face_decoder_blocks = nn.ModuleList(map(_sequential, layout.decoder))
        last = layout.decoder[-1][-1].channels_out + layout.encoder[0][-1].channels_out
        width = layout.encoder[0][0].channels_out
        middle = Conv(last, max(32 * width // FULL_WIDTH, 1))
        self.output_block = nn.Sequential(
            ConvNorm(middle), nn.Conv2d(middle.channels_out, _COLOURS, 1), nn.Sigmoid()
        )
        self.sam = SpatialAttention() if layout.attention else None

    def encode(self, faces: Tensor) -> list[Tensor]:
        """Return the output of every face block, (N, C, H, W) each, finest first.

        Args:
            faces: (N, 6, S, S) BGR in 0..1: the face with its lower half 0, then all of it.
        """
        features = []
        x = faces
        for block in self.face_encoder_blocks:
            x = block(x)
            features.append(x)
        return features

    def decode(self, mels: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Return (N, 3, S, S) BGR faces in 0..1.

        Args:
            mels: (N, 1, 80, 16) log-mel windows in -4..4.
            features: From ``encode``.
        """
        x = self.audio_encoder(mels)
        for block, kept in zip(self.face_decoder_blocks, reversed(features), strict=True):
            x = block(x)
            if self.sam is not None:
                x = x + x * self.sam(kept)
            x = torch.cat([x, kept], dim=1)
        return cast(Tensor, self.output_block(x))

    def forward(self, mels: Tensor, faces: Tensor) -> Tensor:
        """Return the speaking faces, as the reference's network does.

        Args:
            mels: (N, 1, 80, 16), or (B, T, 1, 80, 16) in training.
            faces: (N, 6, S, S), or (B, 6, T, S, S) in training.

        Returns:
            (N, 3, S, S), or (B, 3, T, S, S), BGR in 0..1.
        """
        if mels.dim() == 4:
            return self.decode(mels, self.encode(faces))
        batch, steps = mels.shape[:2]
        flat = faces.transpose(1, 2).reshape(batch * steps, *faces.shape[1:2], *faces.shape[3:])
        made = self.decode(mels.flatten(0, 1), self.encode(flat))
        return made.reshape(batch, steps, *made.shape[1:]).transpose(1, 2)

    def fold(self) -> None:
        """Fold every batch norm into its convolution, for inference."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
