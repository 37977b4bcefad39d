"""The perception scale of a network's own logits, fast enough for every step."""

from __future__ import annotations

import torch
from torch import Tensor

from ._known import wide

__all__ = ["perception_scales"]

_LEAST = 1e-12  # of a part of the energy, so that the logarithm's slope stays finite


def perception_scales(logits: Tensor, seen: Tensor | None = None) -> Tensor:
    """Semantic perception scale S of every sample and class.

    S = −Σ p ln p / ln r with p = σ²/Σσ² (arXiv 2604.10963), σ the singular values of a class's map unfolded to
    D × (H·W), or H × W where there is one slice. They come from the eigenvalues of the smaller Gram matrix, which
    are σ²; the Gram matrix is summed in float32. The same function as `uncertainty.perception_scale`.

    Parameters
    ----------
    logits : torch.Tensor of float32 or float64, shape (B, K, D, H, W) or (B, K, H, W)
        With a gradient or without. NaN and infinity count as 0.
    seen : torch.Tensor of bool, shape (B, *S), optional
        Voxels that count; rows and columns without any are as if they were not there (our proposal). Which axis
        makes the rows goes by the shape alone.

    Returns
    -------
    torch.Tensor, shape (B, K)
        In [0, 1]; float64 where the device has it.
    """
    maps, where = (
        (logits[:, :, None], seen if seen is None else seen[:, None]) if logits.ndim == 4 else (logits, seen)
    )
    if maps.shape[2] == 1:
        maps, where = maps.transpose(2, 3), None if where is None else where.transpose(1, 2)
    batch, n_classes, rows = maps.shape[:3]
    if where is not None:
        maps = maps.where(where[:, None], 0.0)
    matrices = maps.reshape(batch * n_classes, rows, -1)
    gram = _gram(matrices)
    if not bool(torch.isfinite(gram).all()):
        clean = torch.nan_to_num(matrices, nan=0.0, posinf=0.0, neginf=0.0)
        gram = _gram(clean / clean.detach().abs().amax(dim=(1, 2), keepdim=True).clamp(min=1.0))
    return (_entropy(gram).reshape(batch, n_classes) / _log_rank(maps, where)).clamp(0, 1)


def _gram(matrices: Tensor) -> Tensor:
    if matrices.shape[1] > matrices.shape[2]:  # both Gram matrices share their non-zero eigenvalues
        matrices = matrices.transpose(1, 2)
    return torch.bmm(matrices, matrices.transpose(1, 2))


def _entropy(gram: Tensor) -> Tensor:
    """−Σ p ln p of the normalised eigenvalues of matrices (M, n, n), shape (M,)."""
    place = gram.device if gram.device.type in ("cpu", "cuda") else torch.device("cpu")
    trace = gram.detach().diagonal(dim1=1, dim2=2).sum(dim=1)
    even = gram / trace.clamp(min=torch.finfo(gram.dtype).tiny)[:, None, None]
    energy = torch.linalg.eigvalsh(even.to(device=place, dtype=torch.float64)).clamp(min=0)
    p = (energy / energy.sum(dim=1, keepdim=True).clamp(min=_LEAST)).clamp(min=_LEAST)
    found: Tensor = -(p * p.log()).sum(dim=1)
    return found.to(device=gram.device, dtype=wide(gram.device))


def _log_rank(maps: Tensor, where: Tensor | None) -> Tensor:
    """Return ln r with r = min(rows, columns) of the matrices, shape (1, 1) or (B, 1); at least ln 2."""
    if where is None:
        rank = torch.tensor([min(maps.shape[2], maps[0, 0, 0].numel())], device=maps.device)
    else:
        by_row = where.flatten(2)
        rank = torch.minimum(by_row.any(dim=2).sum(dim=1), by_row.any(dim=1).sum(dim=1))
    return rank.clamp(min=2).to(wide(maps.device)).log()[:, None]
