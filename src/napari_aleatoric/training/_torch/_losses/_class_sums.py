"""Dice and cross-entropy of every sample and class, from sums that are taken in one pass over the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._known import Known, wide

__all__ = ["ClassSums", "class_sums", "soft_sums"]


@dataclass(frozen=True, eq=False)
class ClassSums:
    """Weighted sums over the voxels, each of shape (B, K) but for `voxels`, (B,).

    Parameters
    ----------
    overlap : torch.Tensor
        Σ w·p·y, with p the softmax and y the target.
    predicted, given : torch.Tensor
        Σ w·p and Σ w·y.
    entropy : torch.Tensor
        −Σ w·y·ln p: the part of the cross-entropy that falls to the voxels of a class.
    voxels : torch.Tensor
        Σ w.
    true_log : torch.Tensor, shape (B, N), or None
        ln p of the given class, where the target is an index.
    """

    overlap: Tensor
    predicted: Tensor
    given: Tensor
    entropy: Tensor
    voxels: Tensor
    true_log: Tensor | None

    def dice_loss(self, smooth: float) -> Tensor:
        """1 − (2·Σpy + s) / (Σp + Σy + s), shape (B, K); 0 to 1."""
        return 1 - (2 * self.overlap + smooth) / (self.predicted + self.given + smooth)

    def cross_entropy(self) -> Tensor:
        """−Σ w·y·ln p / Σ w, shape (B, K); the sum over the classes is the ordinary cross-entropy."""
        return self.entropy / self.voxels.clamp(min=1)[:, None]


class _SoftmaxParts(torch.autograd.Function):
    """Logits (B, K, N) → ln p of the given class (B, N), and Σ w·p (B, K).

    All that Dice, cross-entropy and the focal loss need of a softmax when the target is an index. Keeps one array
    of the logits' size for the way back, and makes one there.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, index: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        logs = logits.log_softmax(dim=1)
        true = logs.gather(1, index[:, None])[:, 0]
        p = logs.exp_()
        ctx.save_for_backward(p, index, weight)
        return true, torch.bmm(p, weight[:, :, None])[:, :, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_true: Tensor, of_mass: Tensor) -> tuple[Tensor, None, None]:
        p, index, weight = ctx.saved_tensors
        # d(Σ_k m_k Σ w·p_k)/dz_j = w·p_j·(m_j − Σ_k m_k p_k), and d ln p_y/dz_j = [j = y] − p_j
        less = torch.bmm(of_mass[:, None], p).mul_(weight[:, None]).add_(of_true[:, None])
        grad = of_mass[:, :, None] * weight[:, None]
        grad.sub_(less).mul_(p).scatter_add_(1, index[:, None], of_true[:, None])
        return grad, None, None


def class_sums(logits: Tensor, known: Known) -> ClassSums:
    """Sum up logits (B, K, N) against a target."""
    if known.index is None:
        assert known.soft is not None
        return soft_sums(logits.log_softmax(dim=1), known.soft, known)
    index, weight, n_classes = known.index, known.weight, logits.shape[1]
    true, predicted = _SoftmaxParts.apply(logits, index, weight)

    def by_class(values: Tensor) -> Tensor:
        kind = wide(values.device)
        return values.new_zeros((len(values), n_classes), dtype=kind).scatter_add(1, index, values.to(kind))

    given = by_class(weight)
    return ClassSums(
        overlap=by_class(weight * true.exp()),
        predicted=predicted.to(given.dtype),
        given=given,
        entropy=by_class(weight * -true),
        voxels=given.sum(dim=1),
        true_log=true,
    )


def soft_sums(logs: Tensor, soft: Tensor, known: Known) -> ClassSums:
    """Sum up ln p (B, K, N) against parts (B, K, N); both may carry a gradient."""
    weight, kind = known.weight[:, None], wide(logs.device)
    p, counted = logs.exp(), soft * weight
    return ClassSums(
        overlap=(counted * p).sum(dim=2, dtype=kind),
        predicted=(p * weight).sum(dim=2, dtype=kind),
        given=counted.sum(dim=2, dtype=kind),
        entropy=-(counted * logs).sum(dim=2, dtype=kind),
        voxels=known.weight.sum(dim=1, dtype=kind),
        true_log=None,
    )
