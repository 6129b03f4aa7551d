"""The discriminators: patches of the face and of the mouth, real or generated.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017);
Mao et al., "Least Squares Generative Adversarial Networks" (2017); spectral normalisation by
Miyato et al. (2018); layers as Siarohin et al., "First Order Motion Model" (2019).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_CHANNELS = (64, 128, 256, 512)
_KERNEL = 4
_LEAK = 0.2


def _normalised(layer: nn.Conv2d) -> nn.Module:
    with warnings.catch_warnings():
        # The parametrised successor names its tensors otherwise than the public checkpoints.
        warnings.simplefilter("ignore", FutureWarning)
        normalised: nn.Module = nn.utils.spectral_norm(layer)
    return normalised


class _DownBlock(nn.Module):
    def __init__(self, before: int, after: int, *, normalise: bool, pool: bool) -> None:
        super().__init__()
        self.conv = _normalised(nn.Conv2d(before, after, _KERNEL))
        self.norm = nn.InstanceNorm2d(after, affine=True) if normalise else None
        self.pool = pool

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.conv(hidden)
        if self.norm is not None:
            hidden = self.norm(hidden)
        hidden = functional.leaky_relu(hidden, _LEAK)
        return functional.avg_pool2d(hidden, 2) if self.pool else hidden


class _PatchCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        last = len(_CHANNELS) - 1
        self.down_blocks = nn.ModuleList(
            _DownBlock(before, after, normalise=index > 0, pool=index < last)
            for index, (before, after) in enumerate(
                zip((3, *_CHANNELS[:-1]), _CHANNELS, strict=True)
            )
        )
        self.conv = _normalised(nn.Conv2d(_CHANNELS[-1], 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for block in self.down_blocks:
            images = block(images)
            features.append(images)
        return self.conv(images), features


class PatchDiscriminator(nn.Module):
    """A discriminator of one scale; in train mode each forward refines its spectral norms."""

    def __init__(self) -> None:
        super().__init__()
        self.discs = nn.ModuleDict({"1": _PatchCritic()})

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the (N, 1, h, w) score of each patch and the four feature maps."""
        scores, features = self.discs["1"](images)
        return scores, features


@dataclass(frozen=True, eq=False)
class AdversarialTerms:
    """The generator's part of an adversarial loss.

    Attributes:
        gan: Mean squared distance of the generated patches' scores from 1.
        feature_matching: Mean absolute differences of the feature maps, summed.
    """

    gan: Tensor
    feature_matching: Tensor


def generator_terms(critic: PatchDiscriminator, real: Tensor, made: Tensor) -> AdversarialTerms:
    """Return what the generator should lessen.

    Args:
        critic: The discriminator.
        real: (N, 3, S, S) in -1..1.
        made: (N, 3, S, S) in -1..1, with a gradient.
    """
    scores, made_features = critic(made)
    with torch.no_grad():
        _, real_features = critic(real)
    pairs = zip(real_features, made_features, strict=True)
    matching = torch.stack([(a - b).abs().mean() for a, b in pairs]).sum()
    return AdversarialTerms(((1 - scores) ** 2).mean(), matching)


def discriminator_loss(critic: PatchDiscriminator, real: Tensor, made: Tensor) -> Tensor:
    """Return mean((1 - D(real))^2 + D(made)^2).

    Args:
        critic: The discriminator.
        real: (N, 3, S, S) in -1..1.
        made: (N, 3, S, S) in -1..1; no gradient flows back into it.
    """
    made_scores, _ = critic(made.detach())
    real_scores, _ = critic(real)
    return ((1 - real_scores) ** 2 + made_scores**2).mean()
