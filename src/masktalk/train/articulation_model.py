"""The network as torch trains it, and its way into ``masktalk.speech.network``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from masktalk.speech.network import BANDS, SCALE, SHIFT, Layer, Network
from masktalk.types import FloatArray

#: Typical size and middle of each gesture, so that the head itself answers in about -1..1.
SPREAD = torch.tensor([0.04, 0.025, 0.15, 0.15, 0.15])
CENTRE = torch.tensor([0.08, 0.56, 0.0, 0.0, 0.0])
#: Share of a layer's outputs that is silenced in training (Srivastava et al. 2014).
DROPPED = 0.1


class Block(nn.Module):
    """A causal convolution, batch normalisation, a rectifier, and maybe the input added.

    Rows stay in their last axis and the convolution is one matrix product over the taps side
    by side: on a CPU that is several times faster than ``Conv1d``.
    """

    def __init__(
        self, inputs: int, outputs: int, taps: int, dilation: int, *, residual: bool
    ) -> None:
        super().__init__()
        self.taps, self.dilation, self.residual = taps, dilation, residual
        self.conv = nn.Linear(taps * inputs, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.drop = nn.Dropout(DROPPED)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for (B, T, channels)."""
        y = self.conv(self._side_by_side(x))
        y = self.norm(y.flatten(0, 1)).view(y.shape)
        answer: Tensor = self.drop(torch.relu(y))
        return x + answer if self.residual else answer

    def _side_by_side(self, x: Tensor) -> Tensor:
        """Stack the taps, the oldest first, (B, T, taps * inputs)."""
        reach = (self.taps - 1) * self.dilation
        padded = torch.cat([x[:, :1].expand(-1, reach, -1), x], dim=1)
        steps = x.shape[1]
        begins = range(0, reach + 1, self.dilation)
        return torch.cat([padded[:, begin : begin + steps] for begin in begins], dim=2)

    def start_from(self, x: Tensor, bias: Tensor) -> None:
        """Set the normalisation so that it leaves the convolution of ``x`` as it is, plus bias."""
        y = self.conv(self._side_by_side(x))
        mean, variance = y.mean(dim=(0, 1)), y.var(dim=(0, 1))
        assert self.norm.running_mean is not None
        assert self.norm.running_var is not None
        self.norm.running_mean.copy_(mean)
        self.norm.running_var.copy_(variance)
        self.norm.weight.copy_(torch.sqrt(variance + self.norm.eps))
        self.norm.bias.copy_(mean + bias)

    def folded(self) -> Layer:
        """Return the layer with the normalisation folded into the weights."""
        variance, mean = self.norm.running_var, self.norm.running_mean
        assert variance is not None
        assert mean is not None
        scale = self.norm.weight / torch.sqrt(variance + self.norm.eps)
        weight = self.conv.weight * scale[:, None]
        bias = self.norm.bias - mean * scale
        return Layer(_array(weight.T), _array(bias), self.taps, self.dilation, self.residual)


class SpeechModel(nn.Module):
    """(B, T, BANDS) levelled log-mel in; every head's (B, T, outputs) out."""

    def __init__(
        self,
        heads: dict[str, int],
        *,
        width: int = 144,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    ) -> None:
        super().__init__()
        blocks = [Block(BANDS, width, 5, 1, residual=False)]
        blocks += [Block(width, width, 3, dilation, residual=True) for dilation in dilations]
        self.blocks = nn.ModuleList(blocks)
        self.heads = nn.ModuleDict({name: nn.Linear(width, size) for name, size in heads.items()})

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the outputs for (B, T, channels)."""
        x = (rows + float(SHIFT)) * float(SCALE)
        for block in self.blocks:
            x = block(x)
        out = {name: head(x).float() for name, head in self.heads.items()}
        out["gestures"] = out["gestures"] * SPREAD + CENTRE
        return out

    @torch.no_grad()
    def resume(self, network: Network, rows: Tensor) -> None:
        """Load a trained network's weights.

        Args:
            network: Of the same shape.
            rows: (B, T, BANDS) typical input, which sets the normalisation's statistics.
        """
        x = (rows + float(SHIFT)) * float(SCALE)
        for block, layer in zip(self.blocks, network.layers, strict=True):
            assert isinstance(block, Block)
            block.conv.weight.copy_(torch.from_numpy(layer.weight).T)
            block.norm.weight.fill_(1.0)
            block.norm.bias.zero_()
            block.start_from(x, torch.from_numpy(layer.bias))
            x = block(x)
        for name, head in self.heads.items():
            assert isinstance(head, nn.Linear)
            weight, bias = map(torch.from_numpy, network.heads[name])
            if name == "gestures":
                weight, bias = weight / SPREAD, (bias - CENTRE) / SPREAD
            head.weight.copy_(weight.T)
            head.bias.copy_(bias)

    def exported(self, delays: dict[str, int], classes: tuple[str, ...]) -> Network:
        """Return the model for inference without torch."""
        layers = tuple(block.folded() for block in self.blocks if isinstance(block, Block))
        heads = {
            name: (_array(head.weight.T), _array(head.bias))
            for name, head in self.heads.items()
            if isinstance(head, nn.Linear)
        }
        weight, bias = heads["gestures"]
        heads["gestures"] = (weight * SPREAD.numpy(), bias * SPREAD.numpy() + CENTRE.numpy())
        return Network(layers, heads, delays, classes)


def _array(tensor: Tensor) -> FloatArray:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)
