"""The focal loss, from one softmax."""

from __future__ import annotations

import torch
from torch import Tensor

from ._class_sums import ClassSums
from ._known import Known

__all__ = ["focal_loss"]


def focal_loss(logits: Tensor, sums: ClassSums, known: Known, gamma: float, factor: float) -> Tensor:
    """Mean of −a·(1 − p)^γ·ln p of the true class, shape (B,).

    Lin et al. (arXiv 1708.02002, equation 5) for several classes; γ = 2 and a = 0.5 as in U-MedSAM's sibling, which
    takes the softmax twice; here it is taken once. A part of a class counts as that part of a voxel.

    Parameters
    ----------
    logits : torch.Tensor, shape (B, K, N)
        Only used where the target is not an index.
    sums : ClassSums
        Of these logits.
    known : Known
        Target and weights.
    gamma, factor : float
        γ and a.
    """
    voxels = known.weight.sum(dim=1).clamp(min=1)
    if sums.true_log is not None:
        return (known.weight * _focal(sums.true_log, gamma, factor)).sum(dim=1) / voxels
    assert known.soft is not None
    by_class = _focal(logits.log_softmax(dim=1), gamma, factor) * known.soft
    return torch.einsum("bkn,bn->b", by_class, known.weight) / voxels


def _focal(logs: Tensor, gamma: float, factor: float) -> Tensor:
    # 1 − p without cancellation; a little above 0, so that its power has a slope for every γ
    wrong = (-torch.expm1(logs)).clamp(min=torch.finfo(logs.dtype).tiny)
    return -factor * wrong.pow(gamma) * logs
