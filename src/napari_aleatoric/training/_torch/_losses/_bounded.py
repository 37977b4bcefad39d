"""Values within limits that can always come back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["bounded"]


class _Bounded(torch.autograd.Function):
    """Values within limits; at a limit only the gradient that leads back is kept."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, limit: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.limit = limit
        return values.clamp(-limit, limit)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (values,) = ctx.saved_tensors
        outward = ((values >= ctx.limit) & (grad < 0)) | ((values <= -ctx.limit) & (grad > 0))
        return grad.masked_fill(outward, 0.0), None


def bounded(values: Tensor, limit: float) -> Tensor:
    """Clip to −limit … limit; where clipped, a gradient that leads back is kept (``clamp`` would drop it)."""
    found: Tensor = _Bounded.apply(values, limit)
    return found
