"""The perceptual loss: VGG19 features of two images at four scales.

Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(2015), Johnson et al., "Perceptual Losses for Real-Time Style Transfer" (2016).
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.errors import WeightsError
from masktalk.weights import load_tensors

#: Side of the images that losses compare, in pixels.
LOSS_SIZE = 224
PYRAMID_SCALES = (1.0, 0.5, 0.25, 0.125)

#: Channels of VGG19's convolutions; None is a max pooling.
_VGG19_CHANNELS = (64, 64, None, 128, 128, None, *[256] * 4, None, *[512] * 4, None, *[512] * 2)
#: Layers of ``features`` after which the outputs are compared: relu1_1 ... relu5_1.
_COMPARED_LAYERS = (1, 6, 11, 20, 29)
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def loss_sized(images: Tensor) -> Tensor:
    """Return (N, 3, 224, 224) of (N, 3, S, S) images, resized bilinearly."""
    size = (LOSS_SIZE, LOSS_SIZE)
    return functional.interpolate(images, size=size, mode="bilinear", align_corners=False)


def pyramid(images: Tensor) -> list[Tensor]:
    """Return (N, 3, S, S) images at every one of ``PYRAMID_SCALES``, low-pass filtered."""
    return [downscaled(images, scale) for scale in PYRAMID_SCALES]


def downscaled(images: Tensor, scale: float) -> Tensor:
    """Return images after a Gaussian of sigma (1/scale - 1)/2, every (1/scale)-th pixel kept.

    Args:
        images: (N, C, H, W).
        scale: 1 or the inverse of a whole number.
    """
    if scale == 1:
        return images
    step = round(1 / scale)
    sigma = (step - 1) / 2
    reach = round(4 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = torch.outer(weights, weights)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, -1, -1)
    blurred = functional.conv2d(images, kernel, padding=reach, groups=images.shape[1])
    return blurred[:, :, ::step, ::step]


class VGG19(nn.Module):
    """VGG19's convolutions up to relu5_1; its parameters are frozen."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels in _VGG19_CHANNELS:
            if channels is None:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        self.features = nn.Sequential(*layers[: _COMPARED_LAYERS[-1] + 1])
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD)[:, None, None], persistent=False)
        self.requires_grad_(False)

    @classmethod
    def load(cls, path: Path) -> VGG19:
        """Return the network filled from torchvision's ``vgg19`` checkpoint.

        Raises:
            WeightsError: The file holds something else.
        """
        network = cls()
        wanted = network.state_dict()
        tensors = load_tensors(path)
        if any(key not in tensors or tensors[key].shape != wanted[key].shape for key in wanted):
            raise WeightsError(path, "is not VGG19", "give torchvision's vgg19-dcbb9e9d.pth")
        network.load_state_dict({key: tensors[key] for key in wanted})
        return network.eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the five compared feature maps of (N, 3, H, W) images."""
        outputs = []
        hidden = (images - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        for index, layer in enumerate(self.features):
            hidden = layer(hidden)
            if index in _COMPARED_LAYERS:
                outputs.append(hidden)
        return outputs


def perceptual_distances(vgg: VGG19, target: Tensor, predicted: Tensor) -> Tensor:
    """Return (scales, layers) mean absolute differences of features.

    Args:
        vgg: Frozen.
        target: (N, 3, 224, 224) in -1..1.
        predicted: (N, 3, 224, 224) in -1..1.
    """
    rows = []
    for real, made in zip(pyramid(target), pyramid(predicted), strict=True):
        with torch.no_grad():
            wanted = vgg(real)
        pairs = zip(wanted, vgg(made), strict=True)
        rows.append(torch.stack([(a - b).abs().mean() for a, b in pairs]))
    return torch.stack(rows)


def perceptual_loss(vgg: VGG19, target: Tensor, predicted: Tensor) -> Tensor:
    """Return the distances summed over scales and averaged over layers.

    Args:
        vgg: Frozen.
        target: (N, 3, 224, 224) in -1..1.
        predicted: (N, 3, 224, 224) in -1..1.
    """
    return perceptual_distances(vgg, target, predicted).sum() / len(_COMPARED_LAYERS)
