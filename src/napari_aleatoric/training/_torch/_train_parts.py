"""What a training is made of: network, loss, optimiser, the average of the weights; and their state."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._train import TrainingSet

from ._losses import LossParts, build_objective, parameter_groups, with_noise_head
from ._networks import build_network
from ._sharpness import SharpnessAware
from ._train_patches import Batch
from ._train_processes import Processes

__all__ = ["TrainingParts"]

_RATE = {"adamw": 2e-3, "sgd": 1e-2}
_DECAY = {"adamw": 1e-2, "sgd": 3e-5}
_CLIP = {"adamw": 1.0, "sgd": 12.0}  # norm of the gradient
_MOMENTUM = 0.99


class TrainingParts:
    """Everything that changes while a network is trained.

    Parameters
    ----------
    plan, spec, training_set
        See `train_model`.
    processes : Processes
        Who takes part.
    """

    def __init__(self, plan: ModelPlan, spec: TrainSpec, training_set: TrainingSet, processes: Processes) -> None:
        self._spec = spec
        self._processes = processes
        self.network = build_network(plan, spec.seed).to(processes.device)
        learned = with_noise_head(self.network) if spec.loss.denoise else self.network
        names = training_set.names if spec.loss.denoise else None
        self.objective = build_objective(spec.loss, plan.n_rows, names).to(processes.device)
        self._learned = learned.train()
        self.average = self._averaged()
        self._wrapped = processes.prepared(learned)
        self.optimiser = self._optimiser()
        self.rate = spec.learning_rate or _RATE[spec.optimiser]

    @property
    def judged(self) -> nn.Module:
        """The network with the weights that will be kept: averaged, if they are."""
        return self.network if self.average is None else self.average

    def step(self, batch: Batch, part: float, rate: float, seed: int) -> LossParts:
        """Take one step of the optimiser on this process's share of a step's patches.

        Parameters
        ----------
        batch : Batch
            Of this process, on its device.
        part : float
            How much of the training is done, 0 to 1.
        rate : float
            Learning rate.
        seed : int
            Of what is random within the network.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self._learned.train()
        every = self._processes.whole_batch(batch)
        cards = [self._processes.device] if self._processes.device.type == "cuda" else []

        def closure() -> LossParts:
            with torch.random.fork_rng(devices=cards):
                torch.manual_seed(seed)
                found = self._wrapped(batch.images)
            logits, noise = found if isinstance(found, tuple) else (found, None)
            parts = self.objective(
                self._processes.whole(logits.float()),
                every.labels,
                part=part,
                voxel_weight=every.voxel_weight,
                sample_weight=every.sample_weight,
                noise_logits=None if noise is None else self._processes.whole(noise.float()),
                sample_index=every.sample_index,
            )
            self._processes.backward(parts.total, self._learned, self.objective)
            return parts  # type: ignore[no-any-return]

        if isinstance(self.optimiser, SharpnessAware):
            found: LossParts = self.optimiser.step(closure)
            return found
        self.optimiser.zero_grad(set_to_none=True)
        found = closure()
        torch.nn.utils.clip_grad_norm_(self._trainable(), _CLIP[self._spec.optimiser])
        self.optimiser.step()
        return found

    @torch.no_grad()
    def follow(self, number: int, total: int) -> None:
        """Let the average follow the weights after a step; early it follows faster."""
        if self.average is None:
            return
        decay = min(math.exp(-1 / (self._spec.average_last * total)), (1 + number) / (10 + number))
        for kept, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that are kept as a checkpoint."""
        return dict(self.judged.state_dict())

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        return {
            "network": self._learned.state_dict(),
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": {} if self.average is None else self.average.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._learned.load_state_dict(state["network"])
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _averaged(self) -> nn.Module | None:
        if self._spec.schedule == "cyclic" or self._spec.average_last == 0:
            return None
        return copy.deepcopy(self.network).eval().requires_grad_(False)

    def _trainable(self) -> list[nn.Parameter]:
        return [p for group in self.optimiser.param_groups for p in group["params"]]

    def _optimiser(self) -> torch.optim.Optimizer:
        spec = self._spec
        decay = _DECAY[spec.optimiser] if spec.weight_decay is None else spec.weight_decay
        rate = spec.learning_rate or _RATE[spec.optimiser]
        groups = parameter_groups(self._learned, self.objective, rate, decay)
        base: torch.optim.Optimizer
        if spec.optimiser == "sgd":
            base = torch.optim.SGD(groups, lr=rate, momentum=_MOMENTUM, nesterov=True)
        else:
            base = torch.optim.AdamW(groups, lr=rate)
        if not spec.loss.sharpness_aware:
            return base
        return SharpnessAware(base, spec.loss.rho, network=self._learned, clip_norm=_CLIP[spec.optimiser])
