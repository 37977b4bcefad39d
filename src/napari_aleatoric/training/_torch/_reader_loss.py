"""The loss of a step in which every reader's label of a patch is learned from, each counting alike."""

from __future__ import annotations

from torch import Tensor, nn

from ._losses import LossParts
from ._patches import IGNORED
from ._train_patches import Batch

__all__ = ["of_each_reader", "readers_present"]


def readers_present(labels: Tensor) -> Tensor:
    """Say which readers have a label of a patch; (N, R, *S) of class indices → bool (N, R)."""
    return (labels != IGNORED).flatten(2).any(dim=2)


def of_each_reader(
    objective: nn.Module, logits: Tensor, batch: Batch, part: float, noise_logits: Tensor | None = None
) -> LossParts:
    """Mean of the losses against every reader's label; a reader without a label is left out of the mean.

    Parameters
    ----------
    objective : Objective
        The loss against one label.
    logits : torch.Tensor, shape (N, K, *S)
    batch : Batch
        With labels (N, R, *S).
    part : float
        How much of the training is done.
    noise_logits : torch.Tensor, shape (N, K, *S), optional
        Of a noise head.
    """
    n_readers = batch.labels.shape[1]
    present = readers_present(batch.labels).to(batch.sample_weight.dtype)
    share = batch.sample_weight[:, None] * present / present.sum(dim=1, keepdim=True).clamp(min=1)

    def repeated(values: Tensor) -> Tensor:
        return values.repeat_interleave(n_readers, dim=0)

    found: LossParts = objective(
        repeated(logits),
        batch.labels.flatten(0, 1),
        part=part,
        voxel_weight=repeated(batch.voxel_weight),
        sample_weight=share.flatten(),
        noise_logits=None if noise_logits is None else repeated(noise_logits),
        sample_index=repeated(batch.sample_index),
    )
    return found
