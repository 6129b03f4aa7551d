"""SadTalker's expression network: log-mel windows become 3DMM expression coefficients.

Zhang et al., "SadTalker: Learning Realistic 3D Motion Coefficients for Stylized Audio-Driven
Single Image Talking Face Animation" (CVPR 2023). Keys are those of the public files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Coefficients of the 3DMM: expression; head angles and translation.
EXPRESSION, POSE = 64, 6


@dataclass(frozen=True)
class _Block:
    """One block of the audio encoder: its channels, in multiples of the first, and stride."""

    channels: int
    stride: Any = 1
    residual: bool = False


def _blocks() -> tuple[_Block, ...]:
    same = [_Block(channels, residual=True) for channels in (1, 2, 4, 8)]
    return (
        *(_Block(1), same[0], same[0]),
        *(_Block(2, (3, 1)), same[1], same[1]),
        *(_Block(4, 3), same[2], same[2]),
        *(_Block(8, (3, 2)), same[3]),
    )


class ConvNorm(nn.Module):
    """A convolution, batch normalisation, an optional residual and a ReLU."""

    def __init__(self, channels: tuple[int, int], block: _Block, size: int = 3, pad: int = 1):
        super().__init__()
        convolution = nn.Conv2d(*channels, size, block.stride, pad)
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(channels[1]))
        self._residual = block.residual

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, C_out, H', W')."""
        out = self.conv_block(x)
        return functional.relu(out + x if self._residual else out)


class AudioEncoder(nn.Sequential):
    """Wav2Lip's encoder of log-mel windows.

    Args:
        channels: Of the first block; the public files have 32.
    """

    def __init__(self, channels: int = 32) -> None:
        blocks, into = [], 1
        for block in _blocks():
            blocks.append(ConvNorm((into, block.channels * channels), block))
            into = block.channels * channels
        self.width = 16 * channels
        blocks.append(ConvNorm((into, self.width), _Block(16), pad=0))
        blocks.append(ConvNorm((self.width, self.width), _Block(16), size=1, pad=0))
        super().__init__(*blocks)

    def forward(self, mels: Tensor) -> Tensor:
        """Return (N, width) embeddings of (N, 80, 16) log-mel windows in -4..4."""
        x = mels[:, None]
        for block in self:
            x = block(x)
        return x.flatten(1)


class ExpressionNetwork(nn.Module):
    """Predicts the expression of each frame from its audio, a reference and the eyelids.

    Args:
        channels: Of the audio encoder's first block.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder(channels)
        self.mapping1 = nn.Linear(self.audio_encoder.width + EXPRESSION + 1, EXPRESSION)

    def forward(self, mels: Tensor, reference: Tensor, eyelids: Tensor) -> Tensor:
        """Return (N, 64) expression coefficients.

        Args:
            mels: (N, 80, 16) log-mel windows in -4..4.
            reference: (N, 64) expression that the face has by itself.
            eyelids: (N, 1) closure of the eyelids in 0..1.
        """
        return self.predict(self.audio_encoder(mels), reference, eyelids)

    def predict(self, audio: Tensor, reference: Tensor, eyelids: Tensor) -> Tensor:
        """As ``forward``, from (N, width) embeddings of the windows."""
        return cast(Tensor, self.mapping1(torch.cat([audio, reference, eyelids], dim=1)))
