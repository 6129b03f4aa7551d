"""The training objective: weighted losses of a predicted face, each of which can be off."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.option_fields import described
from masktalk.train.musetalk.discriminator import (
    PatchDiscriminator,
    discriminator_loss,
    generator_terms,
)
from masktalk.train.musetalk.perceptual import VGG19, loss_sized, perceptual_loss
from masktalk.train.musetalk.sync_expert import SyncExpert, sync_loss

#: Side to which a cut-out mouth is resized, in pixels.
MOUTH_SIZE = 256


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses; a weight of 0 turns a loss off.

    Attributes:
        l1: Of the mean absolute difference of pixels.
        vgg: Of the perceptual loss.
        gan: Of the adversarial loss of the face.
        mouth_gan: Of the adversarial loss of the mouth.
        feature_matching: Of the discriminators' feature distances.
        sync: Of the synchrony loss.
    """

    l1: float = described(1.0, "Weight of the absolute difference of pixels.")
    vgg: float = described(0.01, "Weight of the perceptual loss; needs VGG19.")
    gan: float = described(0.01, "Weight of the face's adversarial loss.")
    mouth_gan: float = described(0.01, "Weight of the mouth's adversarial loss.")
    feature_matching: float = described(1.0, "Weight of the discriminators' feature distances.")
    sync: float = described(0.05, "Weight of the synchrony loss; needs LatentSync's SyncNet.")


@dataclass(frozen=True, eq=False)
class Prediction:
    """One batch of predicted faces and their truth.

    Attributes:
        target: (N, 3, S, S) in -1..1.
        predicted: (N, 3, S, S) in -1..1, with a gradient.
        mouth_boxes: (N, 4) x0, y0, x1, y1 in pixels of the mouths in the targets.
        sync_images: (B, 16, 3, S, S) neighbouring frames, predictions among them; None where
            synchrony is not judged.
        sync_mel: (B, 80, 52) log-mel columns of those frames.
    """

    target: Tensor
    predicted: Tensor
    mouth_boxes: Tensor
    sync_images: Tensor | None = None
    sync_mel: Tensor | None = None


class Objective(nn.Module):
    """The weighted losses and the networks that they need.

    Args:
        weights: A weight of 0 leaves its network out.
        vgg: Needed for the perceptual loss.
        sync_expert: Needed for the synchrony loss.
    """

    def __init__(
        self,
        weights: LossWeights,
        vgg: VGG19 | None = None,
        sync_expert: SyncExpert | None = None,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.vgg = vgg if weights.vgg else None
        self.sync_expert = sync_expert if weights.sync else None
        self.face_critic = PatchDiscriminator() if weights.gan else None
        self.mouth_critic = PatchDiscriminator() if weights.mouth_gan else None

    def critics(self) -> list[PatchDiscriminator]:
        """Return the discriminators in use: the face's, then the mouth's."""
        return [critic for critic in (self.face_critic, self.mouth_critic) if critic is not None]

    def generator_losses(self, made: Prediction) -> dict[str, Tensor]:
        """Return each loss in use, not weighted yet, by its name in ``LossWeights``.

        Feature matching is the sum over both discriminators.
        """
        target, predicted = loss_sized(made.target), loss_sized(made.predicted)
        losses = {"l1": (made.target - made.predicted).abs().mean()}
        if self.vgg is not None:
            losses["vgg"] = perceptual_loss(self.vgg, target, predicted)
        if self.face_critic is not None:
            terms = generator_terms(self.face_critic, target, predicted)
            losses |= {"gan": terms.gan, "feature_matching": terms.feature_matching}
        if self.mouth_critic is not None:
            real, generated = self._mouths(made)
            terms = generator_terms(self.mouth_critic, loss_sized(real), loss_sized(generated))
            losses["mouth_gan"] = terms.gan
            losses["feature_matching"] = losses.get("feature_matching", 0) + terms.feature_matching
        if self.sync_expert is not None and made.sync_images is not None:
            assert made.sync_mel is not None
            losses["sync"] = sync_loss(self.sync_expert, made.sync_images, made.sync_mel)
        return losses

    def total(self, losses: dict[str, Tensor], adversarial: bool) -> Tensor:
        """Return the weighted sum.

        Args:
            losses: From ``generator_losses``.
            adversarial: False while the discriminators only match features.
        """
        silent = () if adversarial else ("gan", "mouth_gan")
        weighted = [
            getattr(self.weights, name) * loss * (0 if name in silent else 1)
            for name, loss in losses.items()
        ]
        return torch.stack(weighted).sum()

    def discriminator_losses(self, made: Prediction) -> list[Tensor]:
        """Return the loss of each of ``critics``, on the images at their own size."""
        losses = []
        if self.face_critic is not None:
            losses.append(discriminator_loss(self.face_critic, made.target, made.predicted))
        if self.mouth_critic is not None:
            real, generated = self._mouths(made)
            losses.append(discriminator_loss(self.mouth_critic, real, generated))
        return losses

    def _mouths(self, made: Prediction) -> tuple[Tensor, Tensor]:
        boxes = made.mouth_boxes
        return cut_mouths(made.target, boxes), cut_mouths(made.predicted, boxes)


def cut_mouths(images: Tensor, boxes: Tensor) -> Tensor:
    """Return (N, 3, 256, 256) mouths, resized bilinearly.

    Args:
        images: (N, 3, S, S).
        boxes: (N, 4) x0, y0, x1, y1 in pixels, not empty.
    """
    size = (MOUTH_SIZE, MOUTH_SIZE)
    mouths = [
        functional.interpolate(
            image[None, :, y0:y1, x0:x1], size=size, mode="bilinear", align_corners=False
        )
        for image, (x0, y0, x1, y1) in zip(images, boxes.tolist(), strict=True)
    ]
    return torch.cat(mouths)
