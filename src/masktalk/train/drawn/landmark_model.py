"""The network that finds a drawn head's points in a crop, and what its mouth is."""

from __future__ import annotations

import torch
from torch import nn

CROP_SIDE = 96  # pixels
POINT_COUNT, STATE_COUNT = 8, 4


class Block(nn.Module):
    """A residual block: a depthwise 5x5 and two pointwise convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, width, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs for (B, C, H, W) inputs."""
        out: torch.Tensor = x + self.layers(x)
        return out


def down(before: int, after: int) -> nn.Sequential:
    """Halve the resolution."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


class Trunk(nn.Module):
    """Features at a quarter of the resolution that have seen the whole picture.

    Args:
        widths: Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side.
        depth: Blocks at each of the last three.
    """

    def __init__(self, widths: tuple[int, int, int, int, int], depth: int = 2) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.first = nn.Sequential(down(3, a), down(a, b), Block(b))
        self.second = nn.Sequential(down(b, c), *(Block(c) for _ in range(depth)))
        self.third = nn.Sequential(down(c, d), *(Block(d) for _ in range(depth)))
        self.fourth = nn.Sequential(down(d, e), *(Block(e) for _ in range(depth)))
        self.sides = nn.ModuleList(nn.Conv2d(w, b, 1) for w in (c, d, e))
        self.joins = nn.ModuleList(Block(b) for _ in range(3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs for (B, C, H, W) inputs."""
        quarter = self.first(x)
        eighth = self.second(quarter)
        sixteenth = self.third(eighth)
        deep = self.fourth(sixteenth)
        up = self.sides[2](deep)
        for index, finer in ((1, sixteenth), (0, eighth)):
            up = nn.functional.interpolate(up, size=finer.shape[2:], mode="nearest")
            up = self.joins[index + 1](up + self.sides[index](finer))
        up = nn.functional.interpolate(up, size=quarter.shape[2:], mode="nearest")
        return self.joins[0](up + quarter), deep


class PointNet(nn.Module):
    """Network from a crop to a head's landmarks and its mouth state.

    Points come from the expectation over a heat map each (Nibali et al., Numerical
    Coordinate Regression with Convolutional Neural Networks, 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk((16, 40, 72, 128, 192))
        self.maps = nn.Conv2d(40, POINT_COUNT, 1)
        self.global_ = nn.Sequential(
            nn.Linear(192 + 80, 128),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(128, 4 + STATE_COUNT + 3),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return what (B, 3, 96, 96) crops show.

        Points (B, 8, 2) and the heat maps' peaks (B, 8) in 0..1, the outline's box (B, 4)
        in 0..1, logits of the mouth's state (B, 4), of no head, a drawing, a photograph
        (B, 3), and the heat maps' logits (B, 8, cells).
        """
        fine, deep = self.trunk(x)
        logits = self.maps(fine).flatten(2)
        heat = torch.softmax(logits, dim=2)
        side = fine.shape[2]
        ramp = (torch.arange(side, device=x.device, dtype=x.dtype) + 0.5) / side
        grid = heat.reshape(-1, POINT_COUNT, side, side)
        points = torch.stack([(grid.sum(2) * ramp).sum(2), (grid.sum(3) * ramp).sum(2)], dim=2)
        # What is at the mouth, and in the whole: features averaged under the mouth's maps.
        weights = heat[:, 3:7].mean(1, keepdim=True)
        at_mouth = (fine.flatten(2) * weights).sum(2)
        whole = torch.cat([deep.mean((2, 3)), at_mouth, fine.mean((2, 3))], dim=1)
        rest = self.global_(whole)
        peaks = heat.max(dim=2).values
        return points, peaks, rest[:, :4], rest[:, 4 : 4 + STATE_COUNT], rest[:, 8:], logits
