"""Weights of the terms of a loss, learned as uncertainties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._bounded import bounded

__all__ = ["TermWeights"]


class TermWeights(nn.Module):
    """Σ L_i / (2σ_i²) + ln(1 + σ_i²), with s_i = ln σ_i² learned beside the network.

    The objective is that of U-MedSAM's sibling (UU-Mamba, arXiv 2405.17496); s instead of σ, and its limits, are
    our proposal: 0.5·e^(−s)·L + softplus(s) is the same and divides by nothing. For a steady L ≥ 0 the best σ² is
    (L + √(L² + 8L)) / 4. Every L has to be at least 0 (so 1 − Dice, never −Dice), or σ goes to 0.

    Parameters
    ----------
    names : sequence of str
        The terms; each starts with σ = 1, the weight one half.
    limit : float
        −limit ≤ s ≤ limit.
    """

    def __init__(self, names: Sequence[str], limit: float) -> None:
        super().__init__()
        self.names = tuple(names)
        self._limit = limit
        self.log_variance = nn.Parameter(torch.zeros(len(self.names)))

    def forward(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of scalar terms."""
        values = torch.stack([terms[name] for name in self.names])
        s = bounded(self.log_variance.to(values.dtype), self._limit)
        total: Tensor = (0.5 * torch.exp(-s) * values + F.softplus(s)).sum()
        return total

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        """Return the present factor of every term, 1/(2σ²)."""
        s = self.log_variance.clamp(-self._limit, self._limit)
        return dict(zip(self.names, 0.5 * torch.exp(-s), strict=True))
