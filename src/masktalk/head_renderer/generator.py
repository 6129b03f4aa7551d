"""The occlusion-aware generator: source features, warped by keypoints, become pixels."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from masktalk.head_renderer.dense_motion import DenseMotion, sample
from masktalk.head_renderer.layers import (
    WARPED_LEAKY_SLOPE,
    DownBlock2d,
    ResBlock3d,
    SameBlock2d,
)
from masktalk.head_renderer.spade import LabelChannels, SpadeDecoder


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of the networks.

    Attributes:
        keypoints: Number of 3-D keypoints.
        channels: Of the first 2-D block.
        depth: Slices of the feature volume.
        volume_channels: Channels of the feature volume.
        volume_blocks: Residual blocks on the feature volume.
        hourglass: Channels of the dense motion's levels, from fine to coarse.
        middle_channels: Of the decoder's blocks before enlarging.
        label_hidden_channels: Of the layer before SPADE's scale and offset.
    """

    keypoints: int = 15
    channels: int = 64
    depth: int = 16
    volume_channels: int = 32
    volume_blocks: int = 6
    hourglass: tuple[int, ...] = (64, 128, 256, 512, 1024)
    middle_channels: int = 512
    label_hidden_channels: int = 128


@dataclass(frozen=True, eq=False)
class SourceFeatures:
    """A source image as the generator needs it for every frame; made once.

    Attributes:
        volume: (1, C, D, H / 4, W / 4) its feature volume.
        compressed: (1, 4, D, H / 4, W / 4) the same, reduced for the dense motion.
    """

    volume: Tensor
    compressed: Tensor


class HeadGenerator(nn.Module):
    """Renders a source head at other keypoints. Keys and shapes are the public release's."""

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        sizes = config or GeneratorConfig()
        self._depth = sizes.depth
        wide = sizes.channels * 4
        flat = sizes.volume_channels * sizes.depth
        self.dense_motion_network = DenseMotion(
            sizes.keypoints, sizes.volume_channels, sizes.depth, sizes.hourglass
        )
        self.first = SameBlock2d(3, sizes.channels)
        self.down_blocks = nn.ModuleList(
            [DownBlock2d(sizes.channels, sizes.channels * 2), DownBlock2d(sizes.channels * 2, wide)]
        )
        self.second = nn.Conv2d(wide, flat, 1)
        self.resblocks_3d = nn.Sequential()
        for index in range(sizes.volume_blocks):
            self.resblocks_3d.add_module(f"3dr{index}", ResBlock3d(sizes.volume_channels))
        self.third = SameBlock2d(flat, wide, WARPED_LEAKY_SLOPE)
        self.fourth = nn.Conv2d(wide, wide, 1)
        self.decoder = SpadeDecoder(
            LabelChannels(wide, sizes.label_hidden_channels),
            sizes.middle_channels,
            sizes.channels,
        )

    def encode(self, image: Tensor) -> SourceFeatures:
        """Make the features of a (1, 3, H, W) RGB image in 0..1; H and W divide by 128."""
        x = self.first(image)
        for block in self.down_blocks:
            x = block(x)
        volume = self.resblocks_3d(self.second(x).unflatten(1, (-1, self._depth)))
        return SourceFeatures(volume, self.dense_motion_network.compressed(volume))

    def forward(self, source: SourceFeatures, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
        """Render frames.

        Args:
            source: See ``encode``.
            kp_source: (1 or B, K, 3) keypoints of the source in -1..1.
            kp_driving: (B, K, 3) keypoints of the frames.

        Returns:
            (B, 3, H, W) RGB in 0..1.
        """
        batch = len(kp_driving)
        deformation, occlusion = self.dense_motion_network(
            source.compressed, kp_source.expand(batch, -1, -1), kp_driving
        )
        volume = source.volume.expand(batch, *source.volume.shape[1:])
        warped = sample(volume, deformation).flatten(1, 2)
        features = self.fourth(self.third(warped)) * occlusion
        result: Tensor = self.decoder(features)
        return result
