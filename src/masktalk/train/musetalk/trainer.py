"""One optimiser step of the UNet and of the discriminators, and the state between steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from masktalk.engines.musetalk.finetuning import (
    AUDIO_ATTENTION,
    LowRankLinear,
    add_low_rank,
    low_rank_tensors,
)
from masktalk.engines.musetalk.networks import Networks, positional_encoding
from masktalk.errors import WeightsError
from masktalk.train.musetalk.losses import Objective, Prediction
from masktalk.train.musetalk.options import MemoryPlan, TrainOptions
from masktalk.train.musetalk.samples import Batch, Sampler

_BETAS, _WEIGHT_DECAY = (0.5, 0.999), 0.01
_CRITIC_RATE = 5e-6
_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class StepReport:
    """One step's figures.

    Attributes:
        losses: Mean of each loss, not weighted, by name; ``total`` is the weighted sum.
        gradient: L2 norm of the UNet's gradient before clipping.
    """

    losses: dict[str, float]
    gradient: float


class Trainer:
    """The networks in training and their optimisers.

    Args:
        networks: UNet and VAE in float32; the UNet is changed.
        objective: The losses.
        options: See there.
        plan: Batch, accumulation and checkpointing.
        autocast: Precision of the forward pass; None for float32.
    """

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        options: TrainOptions,
        plan: MemoryPlan,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.networks, self.objective = networks, objective
        self.options, self.plan = options, plan
        self.device: torch.device = next(networks.unet.parameters()).device
        self._autocast = autocast
        self.low_rank: dict[str, LowRankLinear] = {}
        self.trained = self._choose_trained()
        if plan.checkpointing:
            networks.unet.enable_gradient_checkpointing()
            networks.vae.enable_gradient_checkpointing()
        networks.unet.train()
        networks.vae.requires_grad_(False)
        self._optimiser = self._adam(list(self.trained.values()), options.rate)
        self._critic_optimisers = [
            self._adam(list(critic.parameters()), _CRITIC_RATE) for critic in objective.critics()
        ]
        for critic in objective.critics():
            critic.train()
        self._encoding: Tensor | None = None

    def _choose_trained(self) -> dict[str, nn.Parameter]:
        unet = self.networks.unet
        if self.options.train == "lora":
            self.low_rank = add_low_rank(unet, self.options.rank)
            return {
                f"{name}.{side}": getattr(layer, side)
                for name, layer in self.low_rank.items()
                for side in ("down", "up")
            }
        wanted = "" if self.options.train == "full" else AUDIO_ATTENTION
        unet.requires_grad_(False)
        return {
            name: parameter.requires_grad_(True)
            for name, parameter in unet.named_parameters()
            if wanted in name
        }

    @staticmethod
    def _adam(parameters: list[nn.Parameter], rate: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=rate, betas=_BETAS, weight_decay=_WEIGHT_DECAY)

    def predict(self, batch: Batch) -> Tensor:
        """Return the (N, 3, S, S) predicted faces in -1..1, with a gradient where it is on."""
        networks = self.networks
        with self._precision():
            with torch.no_grad():
                faces = torch.cat([batch.hidden, batch.reference])
                means = networks.vae.encode(faces).latent_dist.mode() * networks.scaling_factor
                latents = torch.cat(list(means.chunk(2)), dim=1)
            step = torch.zeros(1, dtype=torch.long, device=self.device)
            tokens = batch.tokens + self._positions(batch.tokens)
            predicted = networks.unet(latents, step, encoder_hidden_states=tokens).sample
            shown = networks.vae.decode(predicted / networks.scaling_factor).sample
        result: Tensor = shown.float()
        return result

    def _positions(self, tokens: Tensor) -> Tensor | float:
        if self.options.compat == "upstream":  # the reference trains without
            return 0.0
        if self._encoding is None:
            self._encoding = positional_encoding(*tokens.shape[1:]).to(self.device)
        return self._encoding

    def _precision(self) -> Any:
        if self._autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._autocast)

    def step(self, number: int, sampler: Sampler) -> StepReport:
        """Take one optimiser step, the ``number``-th from 0 on."""
        adversarial = number >= self.options.start_gan
        sums: dict[str, float] = {}
        self._optimiser.zero_grad(set_to_none=True)
        for optimiser in self._critic_optimisers:
            optimiser.zero_grad(set_to_none=True)
        share = 1 / self.plan.accumulate
        for part in range(self.plan.accumulate):
            batch = sampler.batch(number, self.plan.batch, part * self.plan.batch)
            made = prediction_of(batch.to(self.device), self.predict(batch.to(self.device)))
            losses = self.objective.generator_losses(made)
            total = self.objective.total(losses, adversarial)
            torch.autograd.backward(total * share)
            self._train_critics(made, adversarial, share)
            for name, loss in {**losses, "total": total}.items():
                sums[name] = sums.get(name, 0.0) + float(loss.detach()) * share
        gradient = self._advance(number)
        return StepReport(sums, gradient)

    def _train_critics(self, made: Prediction, adversarial: bool, share: float) -> None:
        # The generator's backward pass has left gradients in the discriminators.
        for critic in self.objective.critics():
            critic.zero_grad(set_to_none=True)
        if not adversarial:
            return
        for loss in self.objective.discriminator_losses(made):
            torch.autograd.backward(loss * share)

    def _advance(self, number: int) -> float:
        warm = min(1.0, (number + 1) / max(self.options.warmup, 1))
        for group in self._optimiser.param_groups:
            group["lr"] = self.options.rate * warm
        parameters = list(self.trained.values())
        norm = nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
        self._optimiser.step()
        for critic, optimiser in zip(
            self.objective.critics(), self._critic_optimisers, strict=True
        ):
            nn.utils.clip_grad_norm_(critic.parameters(), _MAX_GRADIENT_NORM)
            optimiser.step()
        return float(norm)

    def result(self) -> dict[str, Tensor]:
        """Return the trained tensors by name, as they are written to a file."""
        if self.low_rank:
            return low_rank_tensors(self.low_rank)
        return {name: value.detach().cpu().contiguous() for name, value in self.trained.items()}

    def state(self) -> dict[str, Any]:
        """Return all that changes from step to step, as tensors and plain values."""
        return {
            "trained": {name: value.detach() for name, value in self.trained.items()},
            "optimiser": self._optimiser.state_dict(),
            "critics": [critic.state_dict() for critic in self.objective.critics()],
            "critic_optimisers": [each.state_dict() for each in self._critic_optimisers],
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any], path: Any) -> None:
        """Go on from a state.

        Raises:
            WeightsError: It belongs to another network.
        """
        try:
            with torch.no_grad():
                for name, value in self.trained.items():
                    value.copy_(state["trained"][name])
            self._optimiser.load_state_dict(state["optimiser"])
            for critic, kept in zip(self.objective.critics(), state["critics"], strict=True):
                critic.load_state_dict(kept)
            for optimiser, kept in zip(
                self._critic_optimisers, state["critic_optimisers"], strict=True
            ):
                optimiser.load_state_dict(kept)
            torch.set_rng_state(state["random"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightsError(path, "belongs to another run", "choose another folder") from error

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the UNet's parameters that have a gradient."""
        for name, parameter in self.networks.unet.named_parameters():
            if parameter.requires_grad:
                yield name, parameter


def prediction_of(batch: Batch, predicted: Tensor) -> Prediction:
    """Return what the losses compare; predicted frames take their places among their neighbours."""
    neighbours = batch.neighbours
    if neighbours is not None:
        assert batch.places is not None
        neighbours = neighbours.clone()
        neighbours[torch.arange(len(predicted)), batch.places] = predicted
    return Prediction(batch.target, predicted, batch.mouth_boxes, neighbours, batch.mel)
