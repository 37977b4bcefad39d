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
from ._reader_loss import of_each_reader
from ._sharpness import SharpnessAware
from ._train_patches import Batch
from ._train_processes import Processes
from ._uma_network import WithReaders, with_readers
from ._uma_objective import UmaObjective

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
        self._of_uma = spec.readers == "uma"
        self._processes = processes
        self.network = build_network(plan, spec.seed).to(processes.device)
        learned: nn.Module = with_noise_head(self.network) if spec.loss.denoise else self.network
        names = training_set.names if spec.loss.denoise else None
        objective: nn.Module = build_objective(spec.loss, plan.n_rows, names)
        if spec.readers == "uma":
            learned = with_readers(self.network, plan, spec.uma, spec.seed)
            objective = UmaObjective(objective, spec.uma, len(training_set.names))
        self.objective = objective.to(processes.device)
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
            group["lr"] = rate * group.get("faster", 1.0)
        self._learned.train()
        every = self._processes.whole_batch(batch)
        cards = [self._processes.device] if self._processes.device.type == "cuda" else []

        def closure() -> LossParts:
            with torch.random.fork_rng(devices=cards):
                torch.manual_seed(seed)
                found = self._wrapped(*((batch.images, batch.labels) if self._of_uma else (batch.images,)))
            parts = self._loss(found if isinstance(found, tuple) else (found, None), every, part)
            self._processes.backward(parts.total, self._learned, self.objective)
            return parts

        if isinstance(self.optimiser, SharpnessAware):
            found: LossParts = self.optimiser.step(closure)
            return found
        self.optimiser.zero_grad(set_to_none=True)
        found = closure()
        for together in self._clipped():
            torch.nn.utils.clip_grad_norm_(together, _CLIP[self._spec.optimiser])
        self.optimiser.step()
        return found

    def _loss(self, found: tuple[Tensor | None, ...], every: Batch, part: float) -> LossParts:
        """Work out the loss of a whole step from what the network gave for this process's share."""
        whole = [None if values is None else self._processes.whole(values.float()) for values in found]
        loss: LossParts
        if self._of_uma:
            loss = self.objective(*whole, every, part)
            return loss
        logits, noise = whole
        assert logits is not None
        if every.labels.ndim == logits.ndim:
            return of_each_reader(self.objective, logits, every, part, noise)
        loss = self.objective(
            logits,
            every.labels,
            part=part,
            voxel_weight=every.voxel_weight,
            sample_weight=every.sample_weight,
            noise_logits=noise,
            sample_index=every.sample_index,
        )
        return loss

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

    @property
    def readers_uncertainty(self) -> nn.Module | None:
        """The network that says how unsure each reader's label is, where one is learned."""
        return self._learned.log_variance if isinstance(self._learned, WithReaders) else None

    def _clipped(self) -> list[list[nn.Parameter]]:
        """Parameters whose gradients are clipped together: what is learned apart does not shorten the others'."""
        trained = [p for group in self.optimiser.param_groups for p in group["params"]]
        beside = [] if self.readers_uncertainty is None else list(self.readers_uncertainty.parameters())
        apart = {id(p) for p in beside}
        return [[p for p in trained if id(p) not in apart], *([beside] if beside else [])]

    def _optimiser(self) -> torch.optim.Optimizer:
        spec = self._spec
        decay = _DECAY[spec.optimiser] if spec.weight_decay is None else spec.weight_decay
        rate = spec.learning_rate or _RATE[spec.optimiser]
        groups = parameter_groups(self._learned, self.objective, rate, decay)
        if self.readers_uncertainty is not None:
            beside = {id(p) for p in self.readers_uncertainty.parameters()}
            trunk, own = groups[0], [p for p in groups[0]["params"] if id(p) in beside]
            trunk["params"] = [p for p in trunk["params"] if id(p) not in beside]
            groups.append({**trunk, "params": own, "faster": spec.uma.faster})
        base: torch.optim.Optimizer
        if spec.optimiser == "sgd":
            base = torch.optim.SGD(groups, lr=rate, momentum=_MOMENTUM, nesterov=True)
        else:
            base = torch.optim.AdamW(groups, lr=rate)
        if not spec.loss.sharpness_aware:
            return base
        return SharpnessAware(base, spec.loss.rho, network=self._learned, clip_norm=_CLIP[spec.optimiser])
