"""The two networks that judge a Wav2Lip generator: lip synchrony and visual quality.

Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild"
(2020), sections 3.2 and 3.4. Training minimises their losses; evaluation reports the cosine.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.engines.wav2lip.networks import Block, Conv, ConvNorm
from masktalk.weights import fill_network, load_tensors

#: Consecutive frames that the synchrony expert sees.
SYNC_FRAMES = 5
_PARALLEL_PREFIX = "module."
_LEAK = 0.01


def _residual(channels: int, count: int) -> Block:
    return (Conv(channels, channels, residual=True),) * count


def _point(channels: int) -> Conv:
    return Conv(channels, channels, kernel=1, padding=0)


_SYNC_FACE: Block = (
    Conv(3 * SYNC_FRAMES, 32, 7, padding=3),
    Conv(32, 64, 5, stride=(1, 2), padding=1),
    *_residual(64, 2),
    Conv(64, 128, stride=2),
    *_residual(128, 3),
    Conv(128, 256, stride=2),
    *_residual(256, 2),
    Conv(256, 512, stride=2),
    *_residual(512, 2),
    Conv(512, 512, stride=2),
    Conv(512, 512, padding=0),
    _point(512),
)
_SYNC_AUDIO: Block = (
    Conv(1, 32),
    *_residual(32, 2),
    Conv(32, 64, stride=(3, 1)),
    *_residual(64, 2),
    Conv(64, 128, stride=3),
    *_residual(128, 2),
    Conv(128, 256, stride=(3, 2)),
    *_residual(256, 2),
    Conv(256, 512, padding=0),
    _point(512),
)
_QUALITY: tuple[Block, ...] = (
    (Conv(3, 32, 7, padding=3),),
    (Conv(32, 64, 5, stride=(1, 2), padding=2), Conv(64, 64, 5, padding=2)),
    (Conv(64, 128, 5, stride=2, padding=2), Conv(128, 128, 5, padding=2)),
    (Conv(128, 256, 5, stride=2, padding=2), Conv(256, 256, 5, padding=2)),
    (Conv(256, 512, stride=2), Conv(512, 512)),
    (Conv(512, 512, stride=2), Conv(512, 512)),
    (Conv(512, 512, padding=0), _point(512)),
)


class SyncExpert(nn.Module):
    """SyncNet_color: embeds the mouth in five frames and their audio in one space."""

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder = nn.Sequential(*map(ConvNorm, _SYNC_FACE))
        self.audio_encoder = nn.Sequential(*map(ConvNorm, _SYNC_AUDIO))

    def forward(self, mels: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 512) unit vectors of the audio and of the faces.

        Args:
            mels: (N, 1, 80, 16) log-mel windows in -4..4.
            faces: (N, 15, 48, 96) lower halves of five frames, BGR in 0..1 frame by frame.
        """
        audio, face = self.audio_encoder(mels), self.face_encoder(faces)
        return functional.normalize(audio.flatten(1)), functional.normalize(face.flatten(1))


def sync_cosine(audio: Tensor, faces: Tensor) -> Tensor:
    """Return the (N,) cosine similarity of matching (N, 512) unit vectors."""
    return functional.cosine_similarity(audio, faces)


def sync_loss(audio: Tensor, faces: Tensor, in_sync: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of the cosines (section 3.2).

    Args:
        audio: (N, 512) from ``SyncExpert``.
        faces: (N, 512).
        in_sync: (N,) 1 where audio and faces belong together, else 0.
    """
    return functional.binary_cross_entropy(sync_cosine(audio, faces), in_sync)


class _LeakyConv(nn.Module):
    """A convolution without norm and a leaky ReLU, under the key names of the public file."""

    def __init__(self, layer: Conv) -> None:
        super().__init__()
        convolution = nn.Conv2d(
            layer.channels_in, layer.channels_out, layer.kernel, layer.stride, layer.padding
        )
        self.conv_block = nn.Sequential(convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) features."""
        return functional.leaky_relu(self.conv_block(x), _LEAK)


class QualityDiscriminator(nn.Module):
    """Wav2Lip_disc_qual: the probability that the lower half of a face is real."""

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList(
            nn.Sequential(*map(_LeakyConv, block)) for block in _QUALITY
        )
        self.binary_pred = nn.Sequential(nn.Conv2d(512, 1, 1), nn.Sigmoid())

    def forward(self, faces: Tensor) -> Tensor:
        """Return (T * N, 1) probabilities in 0..1, frame by frame.

        Args:
            faces: (N, 3, T, 96, 96) BGR in 0..1.
        """
        x = faces[:, :, :, faces.shape[3] // 2 :].transpose(1, 2).transpose(0, 1).flatten(0, 1)
        for block in self.face_encoder_blocks:
            x = block(x)
        return cast(Tensor, self.binary_pred(x)).flatten(1)


def quality_loss(probabilities: Tensor) -> Tensor:
    """Return the generator's loss for (N, 1) probabilities: their cross-entropy against real."""
    return functional.binary_cross_entropy(probabilities, torch.ones_like(probabilities))


def load_sync_expert(path: Path) -> SyncExpert:
    """Return the float32 expert of ``lipsync_expert.pth``, ready for inference.

    Raises:
        WeightsError: The file cannot be opened safely, or is another network.
    """
    with torch.device("meta"):
        network = SyncExpert()
    return cast(SyncExpert, fill_network(network, path, _plain_tensors(path)))


def load_quality_discriminator(path: Path) -> QualityDiscriminator:
    """Return the float32 discriminator of ``visual_quality_disc.pth``.

    Raises:
        WeightsError: The file cannot be opened safely, or is another network.
    """
    with torch.device("meta"):
        network = QualityDiscriminator()
    return cast(QualityDiscriminator, fill_network(network, path, _plain_tensors(path)))


def _plain_tensors(path: Path) -> dict[str, Tensor]:
    tensors = load_tensors(path)
    return {key.removeprefix(_PARALLEL_PREFIX): value for key, value in tensors.items()}
