"""Probabilities of a segmentation network on its own grid."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_aleatoric.training._model_plan import ModelPlan

from ._judge import predict_grid

__all__ = ["predict_mirrored", "with_neighbours"]


def with_neighbours(image: NDArray[np.float16], neighbours: int) -> NDArray[np.float16]:
    """Return (C·(2n + 1), z, y, x) of (C, z, y, x): every slice with n on either side, the outermost repeated."""
    if neighbours == 0:
        return image
    depth = image.shape[1]
    rows = [np.clip(np.arange(depth) + k, 0, depth - 1) for k in range(-neighbours, neighbours + 1)]
    return np.stack([image[:, row] for row in rows], axis=1).reshape(-1, *image.shape[1:])


def predict_mirrored(
    network: nn.Module,
    plan: ModelPlan,
    image: NDArray[np.float16],
    *,
    axes: tuple[int, ...],
    overlap: float,
    device: torch.device,
    dtype: torch.dtype,
    go_on: Callable[[], None],
) -> Tensor:
    """Predict one case on the network's grid, as it is and flipped, and return the mean probabilities.

    Parameters
    ----------
    network : torch.nn.Module
        Trained; in evaluation.
    plan : ModelPlan
        Its plan.
    image : numpy.ndarray of float16, shape (C, z, y, x)
        On the network's grid.
    axes : tuple of int
        Flipped along each of them and each of their combinations; empty: not at all.
    overlap : float
        Of neighbouring windows.
    device, dtype
        Where, and in which precision.
    go_on : callable
        Asked between windows; may raise `Cancelled`.

    Returns
    -------
    torch.Tensor of float16, shape (K, z, y, x)
        Sum to 1 over K to rounding.
    """
    total: Tensor | None = None
    sets = [chosen for n in range(len(axes) + 1) for chosen in itertools.combinations(axes, n)]
    for chosen in sets:
        along = tuple(axis + 1 for axis in chosen)
        flipped = np.ascontiguousarray(np.flip(image, along))
        pixels = with_neighbours(flipped, plan.neighbours)
        found = predict_grid(network, plan, pixels, overlap=overlap, device=device, dtype=dtype, go_on=go_on).flip(
            along
        )
        if len(sets) == 1:
            return found
        total = found.float() / len(sets) if total is None else total.add_(found.float(), alpha=1 / len(sets))
    assert total is not None
    return total.half()
