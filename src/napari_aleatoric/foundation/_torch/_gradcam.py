"""A cheap saliency: one pass forwards, one backwards (Selvaraju et al. 2017, arXiv 1610.02391)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["grad_cam"]


def grad_cam(above: Callable[[Tensor], Tensor], hidden: Tensor, targets: Tensor, n_prefix: int) -> Tensor:
    """Weigh the channels of a layer by how much the likeness rises with their mean over the patches.

    w_c = mean over patches of ∂cos/∂h, map = max(0, Σ_c w_c h_c) of every patch.

    Parameters
    ----------
    above : callable
        From the answer of the layer (N, T, C) to vectors (N, D).
    hidden : torch.Tensor of float32, shape (N, T, C)
        The answer of the layer.
    targets : torch.Tensor of float32, shape (N, D)
        Vectors of sentences, of length 1.
    n_prefix : int
        Tokens before those of the patches; they are left out.

    Returns
    -------
    torch.Tensor, shape (N, T − n_prefix)
    """
    leaf = hidden.detach().requires_grad_(True)
    vectors = F.normalize(above(leaf), dim=-1)
    (slope,) = torch.autograd.grad((vectors * targets).sum(), leaf)
    patches, weights = leaf.detach()[:, n_prefix:], slope[:, n_prefix:].mean(dim=1, keepdim=True)
    return (weights * patches).sum(dim=-1).clamp(min=0)
