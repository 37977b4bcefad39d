"""What is known of a batch: targets, and how much every voxel and every sample counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_aleatoric.errors import DataError
from napari_aleatoric.training._torch._patches import IGNORED

__all__ = ["Known", "known", "wide"]


@dataclass(frozen=True, eq=False)
class Known:
    """A checked target, its space flattened to N voxels.

    Parameters
    ----------
    index : torch.Tensor of int64, shape (B, N), or None
        Class of every voxel; 0 where unknown.
    soft : torch.Tensor, shape (B, K, N), or None
        Parts of every class instead.
    weight : torch.Tensor, shape (B, N)
        How much a voxel counts: 0 where unknown, 1 on average where known.
    everywhere : bool
        Whether no voxel has the weight 0.
    share : torch.Tensor, shape (B,)
        How much a sample counts: sums to 1, or to 0 where nothing is known at all.
    """

    index: Tensor | None
    soft: Tensor | None
    weight: Tensor
    everywhere: bool
    share: Tensor

    def given(self, n_classes: int) -> Tensor:
        """Return the target as parts, shape (B, K, N)."""
        if self.soft is not None:
            return self.soft
        assert self.index is not None
        shape = (len(self.index), n_classes, self.index.shape[1])
        return self.weight.new_zeros(shape).scatter_(1, self.index[:, None], 1.0)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the samples of values of shape (B, …)."""
        return torch.einsum("b,b...->...", self.share.to(values.dtype), values)


def wide(device: torch.device) -> torch.dtype:
    """Return the type that long sums are taken in: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def known(logits: Tensor, target: Tensor, voxel_weight: Tensor | None, sample_weight: Tensor | None) -> Known:
    """Check a target against logits (B, K, *S) and put the weights together.

    Voxels of the weight 0 or the target `IGNORED`, and samples of the weight 0 or without a known voxel, count as
    if they were not there. The weights of a sample's voxels are divided by their mean over those above 0 and the
    samples' weights by their sum, so that only their ratios matter.

    Raises
    ------
    DataError
        If shapes or types do not fit, a class does not exist, or a weight is negative or not finite.
    """
    if logits.ndim not in (4, 5) or logits.shape[1] < 2:
        raise DataError(
            f"Expected logits of shape (B, K, Z, Y, X) or (B, K, Y, X) with at least two classes, background among "
            f"them, got {tuple(logits.shape)}."
        )
    batch, voxels = logits.shape[0], math.prod(logits.shape[2:])
    index, soft, missing = _target(logits, target)
    weight = torch.ones((batch, voxels), dtype=logits.dtype, device=logits.device)
    if voxel_weight is not None:
        weight = _weight("voxel_weight", voxel_weight, (batch, *logits.shape[2:]), logits).reshape(batch, voxels)
    if missing is not None:
        weight = weight.masked_fill(missing, 0.0)
    everywhere = missing is None
    counted = torch.full((batch,), voxels, device=logits.device)
    if voxel_weight is not None or missing is not None:
        counted = (weight > 0).sum(dim=1)
        everywhere = bool((counted == voxels).all())
    if voxel_weight is not None:
        mean = weight.sum(dim=1, dtype=wide(weight.device)) / counted.clamp(min=1)
        weight = weight / mean.clamp(min=torch.finfo(weight.dtype).tiny).to(weight.dtype)[:, None]
    share = torch.ones(batch, dtype=logits.dtype, device=logits.device)
    if sample_weight is not None:
        share = _weight("sample_weight", sample_weight, (batch,), logits)
    share = share * (counted > 0)
    share = share / share.sum().clamp(min=torch.finfo(share.dtype).tiny)
    return Known(index, soft, weight, everywhere, share)


def _target(logits: Tensor, target: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Class indices or parts, and where neither is known (None = nowhere)."""
    batch, n_classes = logits.shape[:2]
    if target.is_floating_point():
        if target.shape != logits.shape:
            raise DataError(
                f"Expected parts of every class in the logits' shape {tuple(logits.shape)}, got "
                f"{tuple(target.shape)}; class indices have to be of int64."
            )
        soft = target.to(logits.dtype).reshape(batch, n_classes, -1)
        missing = soft[:, 0] < 0
        if not missing.any():
            return None, soft, None
        return None, soft.masked_fill(missing[:, None], 0.0), missing
    if target.dtype != torch.int64 or target.shape != (batch, *logits.shape[2:]):
        raise DataError(
            f"Expected class indices of int64 and shape {(batch, *logits.shape[2:])}, got {target.dtype} "
            f"{tuple(target.shape)}."
        )
    lowest, highest = (int(v) for v in torch.aminmax(target))
    if lowest < IGNORED or highest >= n_classes:
        raise DataError(
            f"Expected class indices from 0 to {n_classes - 1}, or {IGNORED} where nothing is known, got {lowest} "
            f"to {highest}. Map label values to class indices first."
        )
    index = target.reshape(batch, -1)
    return (index, None, None) if lowest >= 0 else (index.clamp(min=0), None, index < 0)


def _weight(name: str, values: Tensor, shape: tuple[int, ...], logits: Tensor) -> Tensor:
    if values.shape != shape:
        raise DataError(f"Expected {name} of shape {shape}, got {tuple(values.shape)}.")
    found = values.detach().to(device=logits.device, dtype=logits.dtype)
    if not bool((torch.isfinite(found) & (found >= 0)).all()):
        raise DataError(f"Expected {name} of at least 0 and finite, got some that are not.")
    return found
