"""SadTalker's pose network: a conditional VAE whose decoder turns audio into head motion.

Only what inference needs: the CVAE's encoder and the discriminator of the public files are
left out.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from masktalk.engines.sadtalker.audio import POSE, AudioEncoder

#: Frames of a window, at 25 Hz.
WINDOW_FRAMES = 32
#: Keys of the public files that inference has no use for.
UNUSED_PREFIXES = ("netG.encoder.", "netD_motion.")


class _ResidualConv(nn.Module):
    """A pre-activation residual block with a convolution on its shortcut."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        steps = (stride, 1)
        self.conv_block = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, channels_out, 3, steps, 1),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
        )
        self.conv_skip = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, steps, 1), nn.BatchNorm2d(channels_out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C_in, T, P) to (N, C_out, T / stride, P)."""
        return cast(Tensor, self.conv_block(x) + self.conv_skip(x))


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(channels, channels, (2, 1), (2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Double the frames of (N, C, T, P)."""
        return cast(Tensor, self.upsample(x))


class PoseUnet(nn.Module):
    """A residual U-net over frames x pose coefficients (Zhang et al. 2018)."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        one, two, four, eight = (channels * factor for factor in (1, 2, 4, 8))
        self.input_layer = nn.Sequential(
            nn.Conv2d(1, one, 3, padding=1),
            nn.BatchNorm2d(one),
            nn.ReLU(),
            nn.Conv2d(one, one, 3, padding=1),
        )
        self.input_skip = nn.Sequential(nn.Conv2d(1, one, 3, padding=1))
        self.residual_conv_1 = _ResidualConv(one, two, 2)
        self.residual_conv_2 = _ResidualConv(two, four, 2)
        self.bridge = _ResidualConv(four, eight, 2)
        self.upsample_1 = _Upsample(eight)
        self.up_residual_conv1 = _ResidualConv(eight + four, four, 1)
        self.upsample_2 = _Upsample(four)
        self.up_residual_conv2 = _ResidualConv(four + two, two, 1)
        self.upsample_3 = _Upsample(two)
        self.up_residual_conv3 = _ResidualConv(two + one, one, 1)
        self.output_layer = nn.Sequential(nn.Conv2d(one, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 1, 32, 6) to the same shape, in 0..1."""
        first = self.input_layer(x) + self.input_skip(x)
        second = self.residual_conv_1(first)
        third = self.residual_conv_2(second)
        x = self.upsample_1(self.bridge(third))
        x = self.up_residual_conv1(torch.cat([x, third], dim=1))
        x = self.up_residual_conv2(torch.cat([self.upsample_2(x), second], dim=1))
        x = self.up_residual_conv3(torch.cat([self.upsample_3(x), first], dim=1))
        return torch.sigmoid(self.output_layer(x))


class _Mlp(nn.Sequential):
    def __init__(self, wide: int, hidden: int, out: int) -> None:
        super().__init__()
        self.add_module("L0", nn.Linear(wide, hidden))
        self.add_module("A0", nn.ReLU())
        self.add_module("L1", nn.Linear(hidden, out))
        self.add_module("sigmoid", nn.Sigmoid())


class PoseDecoder(nn.Module):
    """Decodes a latent, a style and audio into the head motion of one window."""

    def __init__(self, audio: int, channels: int, styles: int, latent: int, hidden: int) -> None:
        super().__init__()
        self.resunet = PoseUnet(channels)
        self.MLP = _Mlp(POSE + latent + WINDOW_FRAMES * POSE, hidden, WINDOW_FRAMES * POSE)
        self.pose_linear = nn.Linear(POSE, POSE)
        self.linear_audio = nn.Linear(audio, POSE)
        self.classbias = nn.Parameter(torch.zeros(styles, latent))

    def forward(self, reference: Tensor, latent: Tensor, style: int, audio: Tensor) -> Tensor:
        """Return (32, 6) motion.

        Args:
            reference: (6,) pose that the face has by itself.
            latent: (L,) normally distributed.
            style: Row of the table of styles.
            audio: (32, width) embeddings.
        """
        heard = self.linear_audio(audio).flatten()
        x = torch.cat([reference, latent + self.classbias[style], heard])
        moved = self.MLP(x).reshape(1, 1, WINDOW_FRAMES, POSE)
        return cast(Tensor, self.pose_linear(self.resunet(moved)[0, 0]))


class PoseNetwork(nn.Module):
    """Head motion from audio, window by window.

    Args:
        audio_channels: Of the audio encoder's first block.
        channels: Of the U-net's first level.
        styles: Number of pose styles.
        latent: Width of the latent.
        hidden: Width of the perceptron before the U-net.
    """

    def __init__(
        self,
        audio_channels: int = 32,
        channels: int = 32,
        styles: int = 46,
        latent: int = 64,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.audio_encoder = nn.Module()
        encoder = AudioEncoder(audio_channels)
        self.audio_encoder.add_module("audio_encoder", encoder)
        self.netG = nn.Module()
        decoder = PoseDecoder(encoder.width, channels, styles, latent, hidden)
        self.netG.add_module("decoder", decoder)
        self.styles, self.latent = styles, latent

    def embed(self, mels: Tensor) -> Tensor:
        """Return (N, width) embeddings of (N, 80, 16) log-mel windows in -4..4."""
        encoder = cast(AudioEncoder, self.audio_encoder.audio_encoder)
        return cast(Tensor, encoder(mels))

    def forward(self, reference: Tensor, latent: Tensor, style: int, audio: Tensor) -> Tensor:
        """Return the (32, 6) motion of one window; see `PoseDecoder`.

        Args:
            reference: (6,) pose that the face has by itself.
            latent: (L,) normally distributed.
            style: Row of the table of styles.
            audio: (32, width) embeddings, from ``embed``.
        """
        decoder = cast(PoseDecoder, self.netG.decoder)
        return cast(Tensor, decoder(reference, latent, style, audio))
