"""From the image's grid to the network's, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

__all__ = ["coarser_image", "coarser_labels", "finer_probabilities", "finer_slices"]

Triple = tuple[int, int, int]


def coarser_image(image: NDArray[np.float32], shape_zyx: Triple) -> NDArray[np.float16]:
    """Resample (C, Z, Y, X): averaged over the new voxels where they are coarser, else interpolated linearly."""
    if image.shape[1:] == shape_zyx:
        return image.astype(np.float16)
    return _resampled(image, shape_zyx).astype(np.float16)


def _resampled(values: NDArray[np.float32], shape_zyx: Triple) -> NDArray[np.float32]:
    found = torch.from_numpy(np.ascontiguousarray(values))[None]
    coarse = tuple(min(a, b) for a, b in zip(values.shape[1:], shape_zyx, strict=True))
    found = F.interpolate(found, size=coarse, mode="area")
    return np.asarray(F.interpolate(found, size=shape_zyx, mode="trilinear", align_corners=False)[0].numpy())


def coarser_labels(labels: NDArray[Any], shape_zyx: Triple) -> NDArray[np.uint16]:
    """Resample (R, Z, Y, X): the class that fills most of the new voxel; of equals, the first."""
    if labels.shape[1:] == shape_zyx:
        return np.ascontiguousarray(labels, dtype=np.uint16)
    most = np.full((len(labels), *shape_zyx), -1, dtype=np.float32)
    found = np.zeros(most.shape, dtype=np.uint16)
    for class_index in np.unique(labels):
        filled = _resampled((labels == class_index).astype(np.float32), shape_zyx)
        better = filled > most
        found[better], most[better] = class_index, filled[better]
    return found


def finer_probabilities(probabilities: torch.Tensor, shape_zyx: Triple) -> NDArray[np.float16]:
    """Resample (K, z, y, x) linearly to the image's grid, class by class; returns (K, Z, Y, X), sums to 1."""
    if tuple(probabilities.shape[1:]) == shape_zyx:
        return np.asarray(probabilities.half().numpy())
    found = np.empty((len(probabilities), *shape_zyx), dtype=np.float16)
    for row, one in enumerate(probabilities):
        found[row] = F.interpolate(one[None, None], size=shape_zyx, mode="trilinear", align_corners=False)[0, 0]
    return found


def finer_slices(probabilities: torch.Tensor, shape_zyx: Triple, first: int, last: int) -> NDArray[np.float32]:
    """Resample (K, z, y, x) as `finer_probabilities` does, but only the slices from ``first`` to ``last``.

    Returns
    -------
    numpy.ndarray of float32, shape (K, last − first, Y, X)
    """
    depth, n = int(probabilities.shape[1]), shape_zyx[0]
    at = ((torch.arange(first, last, dtype=torch.float64) + 0.5) * (depth / n) - 0.5).clamp(0, depth - 1)
    below = at.floor().long().clamp(max=max(0, depth - 2))
    part = (at - below).float()[:, None, None]
    above = (below + 1).clamp(max=depth - 1)
    found = np.empty((len(probabilities), last - first, *shape_zyx[1:]), dtype=np.float32)
    for row, one in enumerate(probabilities):
        planes = torch.lerp(one[below].float(), one[above].float(), part)
        if tuple(planes.shape[1:]) != shape_zyx[1:]:
            planes = F.interpolate(planes[None], size=shape_zyx[1:], mode="bilinear", align_corners=False)[0]
        found[row] = planes.numpy()
    return found
