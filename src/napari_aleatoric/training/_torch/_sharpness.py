"""Steps that look for flat places: the gradient is taken a little uphill, and the step from where one was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from napari_aleatoric.errors import DataError

__all__ = ["SharpnessAware", "average_gradients", "frozen_running_statistics"]

_LEAST_NORM = 1e-12


class SharpnessAware(torch.optim.Optimizer):
    """Sharpness-aware minimisation (Foret et al., arXiv 2010.01412; SharpMin in U-MedSAM, arXiv 2408.08881).

    g = ∇L(w); e = ρ·g / (‖g‖₂ + 1e-12), the norm over all groups; g' = ∇L(w + e); w back; a step of the base
    optimiser with g'. Not adaptive. Running statistics of normalisation layers stay as the first pass left them,
    and clipping is of g' alone, as in U-MedSAM's sibling. The loss's own parameters are moved, too, as there.

    Takes the base optimiser's place: its groups are the same objects, so schedules of the rate may be put on
    either.

    *Automatic precision*: autocast belongs into the closure. With a ``GradScaler`` hand it to `step` and scale the
    loss in the closure; the scale cancels in e, and the scaler sees the gradient of the second pass. Nobody else
    may ask it to step or to update.

    *Several processes*: the closure's backward pass has to leave every process the same gradient, or their weights
    part. ``DistributedDataParallel`` does so for the network; parameters beside it, such as those of an
    `Objective`, need `average_gradients` at the end of the closure.

    Parameters
    ----------
    base : torch.optim.Optimizer
        Takes the steps.
    rho : float
        ρ.
    network : torch.nn.Module, optional
        Whose running statistics are frozen in the second pass.
    clip_norm : float, optional
        Longest gradient of the second pass.
    """

    def __init__(
        self,
        base: torch.optim.Optimizer,
        rho: float = 0.05,
        *,
        network: nn.Module | None = None,
        clip_norm: float | None = None,
    ) -> None:
        if not rho > 0:
            raise DataError(f"Expected rho above 0, got {rho}. Use the base optimiser alone for none.")
        super().__init__(base.param_groups, base.defaults)
        self.base = base
        self.rho = rho
        self.clip_norm = clip_norm
        self._network = network
        self._kept: list[tuple[nn.Parameter, Tensor]] = []
        self._share()

    def _share(self) -> None:
        self.param_groups = self.base.param_groups
        self.state = self.base.state

    @torch.no_grad()
    def ascend(self) -> bool:
        """Move uphill along the present gradient and forget it.

        Returns
        -------
        bool
            False, and nothing is moved, where the gradient is not finite.
        """
        if self._kept:
            raise DataError("Expected the weights to be restored before they are moved again; call restore first.")
        learned = [p for p in self._parameters() if p.grad is not None]
        norm = gradient_norm(learned)
        if not bool(torch.isfinite(norm)):
            return False
        length = self.rho / (norm + _LEAST_NORM)
        for p in learned:
            assert p.grad is not None
            self._kept.append((p, p.detach().clone()))
            p.add_(p.grad * length.to(device=p.device, dtype=p.dtype))
        self.base.zero_grad(set_to_none=True)
        return True

    @torch.no_grad()
    def restore(self) -> None:
        """Put the weights back, bit by bit, to where they were before `ascend`."""
        for p, kept in self._kept:
            p.copy_(kept)
        self._kept.clear()

    def step(self, closure: Callable[[], Any] | None = None, scaler: Any = None) -> Any:
        """Take one step.

        Parameters
        ----------
        closure : callable
            Computes the loss, runs the backward pass (of the scaled loss where there is a scaler), and returns what
            `step` is to return. Is called twice, with gradients cleared, and has to use the same images both times.
        scaler : torch.amp.GradScaler, optional
            Its ``unscale_``, ``step`` and ``update`` are called here.

        Returns
        -------
        object
            What the closure returned at the weights before the step.

        Raises
        ------
        DataError
            If there is no closure.
        """
        if closure is None:
            raise DataError("Expected a closure that computes the loss and its gradients, as it is needed twice.")
        self.base.zero_grad(set_to_none=True)
        with torch.enable_grad():
            found = closure()
        if self.ascend():
            try:
                with frozen_running_statistics(self._network), torch.enable_grad():
                    closure()
            finally:
                self.restore()
        elif scaler is None:
            raise DataError(
                "Expected a finite gradient, got infinity or NaN. Lower the learning rate, or look for damaged "
                "images."
            )
        if scaler is not None:  # a gradient that is not finite is skipped by it, and the scale lowered
            scaler.unscale_(self.base)
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters(), self.clip_norm)
        if scaler is None:
            self.base.step()
        else:
            scaler.step(self.base)
            scaler.update()
        return found

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self.base.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the base optimiser's state; ρ and the clipping are settings, not state."""
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state; one of the base optimiser alone will do."""
        self.base.load_state_dict(state_dict)
        self._share()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the base optimiser."""
        if hasattr(self, "base"):
            self.base.add_param_group(param_group)
        else:  # the base's own groups, while this object is made
            super().add_param_group(param_group)

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.base.param_groups for p in group["params"]]


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Length of all gradients together, in float64 where the device has it; 0 without any."""
    grads = [p.grad for p in parameters if p.grad is not None]
    lengths = [torch.linalg.vector_norm(g if g.dtype == torch.float64 else g.float()) for g in grads]
    if not lengths:
        return torch.zeros(())
    place = lengths[0].device
    kind = torch.float32 if place.type == "mps" else torch.float64
    total: Tensor = torch.linalg.vector_norm(torch.stack([n.to(device=place, dtype=kind) for n in lengths]))
    return total


@contextmanager
def frozen_running_statistics(network: nn.Module | None) -> Iterator[None]:
    """Normalise as always in training within it, and leave the running statistics as they were before."""
    layers = [] if network is None else [m for m in network.modules() if isinstance(m, _NormBase) and m.training]
    kept = [(buffer, buffer.clone()) for layer in layers for buffer in layer.buffers(recurse=False)]
    try:
        yield
    finally:
        for buffer, before in kept:
            buffer.copy_(before)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over the processes of a training; nothing to do with one.

    For parameters outside of ``DistributedDataParallel``. Every process has to call it with the same parameters;
    one without a gradient counts as 0.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() < 2:
        return
    for p in parameters:
        if p.requires_grad:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
            dist.all_reduce(p.grad)
            p.grad.div_(dist.get_world_size())
