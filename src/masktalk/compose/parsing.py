"""BiSeNet: which of 19 parts of a face every pixel belongs to.

Yu et al., "BiSeNet: Bilateral Segmentation Network for Real-time Semantic Segmentation"
(ECCV 2018), on a ResNet-18, with the key names of the public CelebAMask-HQ checkpoint.
This module needs torch; import it only where a network is wanted.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from masktalk.errors import WeightsError
from masktalk.types import UInt8Array
from masktalk.weights import load_tensors

CLASSES = 19
PARSE_SIZE = 512

# ImageNet's, as the checkpoint was trained.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class FaceParser:
    """Labels the parts of a face.

    Args:
        network: With its weights.
        device: Where to run it.
    """

    def __init__(self, network: BiSeNet, device: torch.device | str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.device = device

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> FaceParser:
        """From the public checkpoint ``79999_iter.pth``.

        Raises:
            WeightsError: It is something else.
        """
        network = BiSeNet()
        try:
            network.load_state_dict(load_tensors(path))
        except RuntimeError as error:
            raise WeightsError(path, "is not a face-parsing BiSeNet") from error
        return cls(network, device)

    def labels(self, picture: UInt8Array) -> UInt8Array:
        """(512, 512) labels 0..18 of a (H, W, 3) RGB picture of a face, stretched to fit."""
        with torch.inference_mode():
            logits = self.network(normalised(picture)[None].to(self.device))
            best = logits[0].argmax(dim=0).to(torch.uint8)
        return cast(UInt8Array, best.cpu().numpy())


def normalised(picture: UInt8Array) -> Tensor:
    """(3, 512, 512) network input of a (H, W, 3) RGB picture."""
    size = (PARSE_SIZE, PARSE_SIZE)
    resized = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
    planes = torch.from_numpy(np.array(resized).transpose(2, 0, 1).copy()).float() / 255
    return (planes - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_STD)[:, None, None]


class BiSeNet(nn.Module):
    """(N, 3, H, W) normalised pictures to (N, 19, H, W) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FeatureFusion()
        self.conv_out = Head(256, 256)
        # The two heads below serve training alone; they are here for the checkpoint's keys.
        self.conv_out16 = Head(128, 64)
        self.conv_out32 = Head(128, 64)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run the layers on (B, C, H, W) input."""
        spatial, context = self.cp(pictures)
        logits = self.conv_out(self.ffm(spatial, context))
        size = pictures.shape[2:]
        return functional.interpolate(logits, size, mode="bilinear", align_corners=True)


class ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inside: int, outside: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers on (B, C, H, W) input."""
        return functional.relu(self.bn(self.conv(x)))


class Head(nn.Module):
    """Features to logits."""

    def __init__(self, inside: int, middle: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inside, middle)
        self.conv_out = nn.Conv2d(middle, CLASSES, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers on (B, C, H, W) input."""
        return cast(Tensor, self.conv_out(self.conv(x)))


class AttentionRefinement(nn.Module):
    """Features weighted by what the whole picture says of each channel."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = ConvNorm(inside, outside)
        self.conv_atten = nn.Conv2d(outside, outside, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers on (B, C, H, W) input."""
        features = self.conv(x)
        pooled = functional.adaptive_avg_pool2d(features, 1)
        weight = torch.sigmoid(self.bn_atten(self.conv_atten(pooled)))
        return cast(Tensor, features * weight)


class ContextPath(nn.Module):
    """Features at 1/8, once as ResNet gives them and once refined from 1/32 and 1/16."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet18()
        self.arm16 = AttentionRefinement(256, 128)
        self.arm32 = AttentionRefinement(512, 128)
        self.conv_head32 = ConvNorm(128, 128)
        self.conv_head16 = ConvNorm(128, 128)
        self.conv_avg = ConvNorm(512, 128, kernel=1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Run the layers on (B, C, H, W) input."""
        eighth, sixteenth, last = self.resnet(pictures)
        whole = self.conv_avg(functional.adaptive_avg_pool2d(last, 1))
        coarse = self.arm32(last) + whole
        coarse = functional.interpolate(coarse, sixteenth.shape[2:], mode="nearest")
        middle = self.arm16(sixteenth) + self.conv_head32(coarse)
        middle = functional.interpolate(middle, eighth.shape[2:], mode="nearest")
        return eighth, self.conv_head16(middle)


class FeatureFusion(nn.Module):
    """Both paths joined, each channel weighted by what the whole picture says of it."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = ConvNorm(256, 256, kernel=1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """Run the layers on (B, C, H, W) input."""
        features = self.convblk(torch.cat([spatial, context], dim=1))
        pooled = functional.adaptive_avg_pool2d(features, 1)
        weight = torch.sigmoid(self.conv2(functional.relu(self.conv1(pooled))))
        return cast(Tensor, features * weight + features)


class BasicBlock(nn.Module):
    """ResNet's two-convolution block (He et al. 2015)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            projection = nn.Conv2d(inside, outside, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers on (B, C, H, W) input."""
        changed = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        kept = x if self.downsample is None else self.downsample(x)
        return functional.relu(kept + changed)


class ResNet18(nn.Module):
    """ResNet-18 without its classifier; features at 1/8, 1/16 and 1/32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _layer(64, 64, 1)
        self.layer2 = _layer(64, 128, 2)
        self.layer3 = _layer(128, 256, 2)
        self.layer4 = _layer(256, 512, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the layers on (B, C, H, W) input."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer1(functional.max_pool2d(x, 3, 2, padding=1))
        eighth = self.layer2(x)
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


def _layer(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inside, outside, stride), BasicBlock(outside, outside, 1))
