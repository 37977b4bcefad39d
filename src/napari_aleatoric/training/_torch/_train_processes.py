"""One process or several: who does what, and how they stay one training."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.state import AcceleratorState  # type: ignore[import-untyped]
from torch import Tensor, nn

from napari_aleatoric.errors import DataError

from ._sharpness import average_gradients
from ._train_patches import Batch

__all__ = ["Processes"]


class Processes:
    """The processes of a training; usually one, several under ``accelerate launch`` or ``torchrun``.

    Every process runs the network on its share of a step's patches. The logits of all are then brought together,
    and each works out the loss of the whole step with the gradient of its own share, so that any loss, also one
    with sums over all patches, is the one that a single process would have seen.

    Parameters
    ----------
    device : torch.device
        Where a single process runs; several take one graphics card each, or the processor if that is asked for.
    dtype : torch.dtype
        In which the network runs.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        if not dist.is_initialized():  # an earlier training of this process may have been on another device
            AcceleratorState._reset_state(reset_partial_state=True)
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)
        precision = "bf16" if dtype == torch.bfloat16 else "no"
        self._accelerator: Any = Accelerator(cpu=device.type == "cpu", mixed_precision=precision)
        self.device: torch.device = self._accelerator.device
        self.n: int = self._accelerator.num_processes
        self.rank: int = self._accelerator.process_index

    @property
    def is_first(self) -> bool:
        """Whether this process reports and writes."""
        return self.rank == 0

    def places(self, batch: int) -> range:
        """Return the places in a step that this process draws.

        Raises
        ------
        DataError
            If the step cannot be divided evenly.
        """
        if batch % self.n:
            raise DataError(
                f"Expected a batch that {self.n} processes can share evenly, got {batch}. Choose a multiple."
            )
        share = batch // self.n
        return range(self.rank * share, (self.rank + 1) * share)

    def prepared(self, network: nn.Module) -> nn.Module:
        """Return a network that runs in the precision asked for, and shares its gradients."""
        found: nn.Module = self._accelerator.prepare_model(network)
        return found

    def whole(self, mine: Tensor) -> Tensor:
        """Return the values (N, ...) of all processes in their order; a gradient flows to this one's own."""
        if self.n == 1:
            return mine
        share = len(mine)
        every: Tensor = self._accelerator.gather(mine.detach().contiguous())
        first = self.rank * share
        return torch.cat([every[:first], mine, every[first + share :]])

    def whole_batch(self, batch: Batch) -> Batch:
        """Return labels and weights of all processes; the images stay this one's own."""
        if self.n == 1:
            return batch
        others = (batch.labels, batch.voxel_weight, batch.sample_weight, batch.sample_index)
        return Batch(batch.images, *map(self.whole, others))

    def backward(self, loss: Tensor, network: nn.Module, beside: nn.Module) -> None:
        """Work out the gradients of a loss of the whole step: the same in every process.

        Parameters
        ----------
        loss : torch.Tensor, scalar
            From the logits of `whole`.
        network : torch.nn.Module
            From `prepared`; the processes' gradients add up.
        beside : torch.nn.Module
            Has parameters of its own that see the whole step in every process: their gradients are averaged.
        """
        self._accelerator.backward(loss)
        if self.n == 1:
            return
        for p in network.parameters():
            if p.grad is not None:
                p.grad.mul_(self.n)
        average_gradients(beside.parameters())

    def agreed(self, value: float) -> float:
        """Return the first process's number."""
        if self.n == 1:
            return value
        found = torch.tensor([value], dtype=torch.float32 if self.device.type == "mps" else torch.float64)
        found = found.to(self.device)
        dist.broadcast(found, 0)
        return float(found.item())

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum over the processes."""
        if self.n == 1:
            return values
        found = values.to(self.device)
        dist.all_reduce(found)
        return found.to(values.device)

    def wait(self) -> None:
        """Wait for the others."""
        if self.n > 1:
            self._accelerator.wait_for_everyone()
