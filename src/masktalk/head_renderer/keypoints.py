"""Canonical keypoints of a head, and where a pose and an expression move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from masktalk.head_renderer.dense_motion import coordinate_grid
from masktalk.head_renderer.layers import DownBlock2d, UpBlock3d

_INPUT_STRIDE = 4
_ANTIALIAS_SIGMA_PX = 1.5
_ANTIALIAS_SIZE_PX = 13
_SOFTMAX_TEMPERATURE = 0.1
#: What the published weights were trained with in place of pi.
TRAINED_PI = 3.14


class KeypointDetector(nn.Module):
    """Finds canonical 3-D keypoints, those of the unposed, neutral head, in an image."""

    def __init__(self, keypoints: int = 15, channels: int = 32, depth: int = 16) -> None:
        super().__init__()
        self.predictor = _KeypointHourglass(channels, depth)
        self.kp = nn.Conv3d(channels, keypoints, 3, padding=1)
        self.down = nn.Conv2d(
            3,
            3,
            _ANTIALIAS_SIZE_PX,
            stride=_INPUT_STRIDE,
            padding=_ANTIALIAS_SIZE_PX // 2,
            groups=3,
            bias=False,
        )
        with torch.no_grad():
            self.down.weight.copy_(antialias_kernel().expand_as(self.down.weight))

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, K, 3) x, y, z in -1..1 for (B, 3, H, W) RGB in 0..1."""
        logits = self.kp(self.predictor(self.down(image)))
        heat = torch.softmax(logits.flatten(2) / _SOFTMAX_TEMPERATURE, dim=2)
        grid = coordinate_grid(logits.shape[2:], logits).flatten(0, 2)
        return heat @ grid


class _KeypointHourglass(nn.Module):
    """A 2-D way down, a fold of channels into depth, and a 3-D way up."""

    def __init__(self, channels: int, depth: int, levels: int = 5) -> None:
        super().__init__()
        widths = [channels << (level + 1) for level in range(levels)]
        self._depth = depth
        self.down_blocks = nn.Sequential()
        for index, (into, out) in enumerate(zip([3, *widths], widths, strict=False)):
            self.down_blocks.add_module(f"down{index}", DownBlock2d(into, out))
        self.conv = nn.Conv2d(widths[-1], widths[-1] * depth, 1)
        self.up_blocks = nn.Sequential()
        falling = [*reversed(widths), channels]
        for index, (into, out) in enumerate(pairwise(falling)):
            self.up_blocks.add_module(f"up{index}", UpBlock3d(into, out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, C, D, H, W); H and W divide by 32."""
        volume = self.conv(self.down_blocks(x)).unflatten(1, (-1, self._depth))
        result: Tensor = self.up_blocks(volume)
        return result


@dataclass(frozen=True, eq=False)
class HeadPose:
    """Pose and expression of B frames.

    Attributes:
        yaw: (B,) degrees.
        pitch: (B,) degrees.
        roll: (B,) degrees.
        translation: (B, 3); only y is used, as the published weights were trained.
        expression: (B, K, 3) offsets of the keypoints.
    """

    yaw: Tensor
    pitch: Tensor
    roll: Tensor
    translation: Tensor
    expression: Tensor


def transform_keypoints(canonical: Tensor, pose: HeadPose) -> Tensor:
    """Return (B, K, 3) canonical keypoints turned, moved and expressed.

    Args:
        canonical: (1 or B, K, 3) in -1..1.
        pose: Of B frames.
    """
    turned = canonical @ rotation_matrix(pose.yaw, pose.pitch, pose.roll).transpose(1, 2)
    vertical = torch.zeros_like(pose.translation)
    vertical[:, 1] = pose.translation[:, 1]
    return turned + vertical[:, None] + pose.expression


def rotation_matrix(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Return (B, 3, 3) ``Rx(pitch) Ry(yaw) Rz(roll)`` of (B,) angles in degrees."""
    angles = [torch.deg2rad(a) * (TRAINED_PI / torch.pi) for a in (pitch, yaw, roll)]
    (cx, cy, cz), (sx, sy, sz) = [a.cos() for a in angles], [a.sin() for a in angles]
    one, zero = torch.ones_like(cx), torch.zeros_like(cx)
    about_x = _matrix([one, zero, zero, zero, cx, -sx, zero, sx, cx])
    about_y = _matrix([cy, zero, sy, zero, one, zero, -sy, zero, cy])
    about_z = _matrix([cz, -sz, zero, sz, cz, zero, zero, zero, one])
    return about_x @ about_y @ about_z


def antialias_kernel() -> Tensor:
    """Return the (13, 13) Gaussian that precedes the detector's subsampling; sum 1."""
    offsets = torch.arange(_ANTIALIAS_SIZE_PX) - _ANTIALIAS_SIZE_PX // 2
    line = torch.exp(-0.5 * (offsets / _ANTIALIAS_SIGMA_PX) ** 2)
    kernel = line[:, None] * line
    return kernel / kernel.sum()


def _matrix(entries: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(entries), dim=1).reshape(-1, 3, 3)


def bins_to_degrees(logits: Tensor) -> Tensor:
    """Return (B,) degrees of (B, 66) logits over bins of three degrees (Ruiz et al. 2018)."""
    weights = functional.softmax(logits, dim=1)
    index = torch.arange(logits.shape[1], dtype=logits.dtype, device=logits.device)
    return (weights * index).sum(1) * 3 - 99
