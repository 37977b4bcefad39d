"""Patches to learn from: which, is decided by the seed and the number of the step alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_aleatoric.training._cases import CaseShelf, NetCase
from napari_aleatoric.training._plan import NetPlan

__all__ = ["IGNORED", "PatchDraw", "cut_patch"]

IGNORED = -1
"""Label of voxels beyond the image's rim; they are not learned from."""


class PatchDraw:
    """Draws the patches of every step, the same ones after a stop as without.

    Parameters
    ----------
    shelf : CaseShelf
        Where the cases are.
    names : sequence of str
        The cases to learn from; in another order, other patches.
    plan : NetPlan
        Size and number of the patches.
    near_fraction : float
        Part of the patches that is laid round a labelled voxel, in equal shares for the classes of a case.
    seed : int
        Another one, other patches.
    """

    def __init__(
        self, shelf: CaseShelf, names: Sequence[str], plan: NetPlan, near_fraction: float, seed: int
    ) -> None:
        self._shelf = shelf
        self._names = list(names)
        self._plan = plan
        self._near = near_fraction
        self._seed = seed

    def step(self, number: int) -> tuple[Tensor, Tensor]:
        """Return images (N, C, z, y, x) and class indices (N, z, y, x) of one step; `IGNORED` beyond the rim.

        Of several readers' labels one is drawn for every patch. Intensities are stretched and shifted a little.
        """
        rng = np.random.default_rng([self._seed, number])
        images, labels = [], []
        for _ in range(self._plan.patches_per_step):
            case = self._shelf.get(self._names[rng.integers(len(self._names))])
            label = case.labels[rng.integers(len(case.labels))]
            start = self._start(case, label, rng)
            image = cut_patch(case.image, start, self._plan.patch_zyx, "edge").astype(np.float32)
            image = image * np.float32(np.exp(rng.normal(0, 0.1))) + np.float32(rng.normal(0, 0.1))
            images.append(image)
            labels.append(cut_patch(label[np.newaxis], start, self._plan.patch_zyx, "ignored")[0].astype(np.int64))
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(labels))

    def _start(self, case: NetCase, label: NDArray[np.uint16], rng: np.random.Generator) -> list[int]:
        """First voxel of a patch along every axis; below 0 where the case is thinner than the patch."""
        shape, patch = np.array(label.shape), np.array(self._plan.patch_zyx)
        room = shape - patch
        start = np.where(room > 0, rng.integers(0, np.maximum(room, 0) + 1), room // 2)
        if rng.random() < self._near:
            classes = np.unique(label)
            classes = classes[classes > 0]
            if classes.size:
                chosen = np.flatnonzero(label == rng.choice(classes))
                voxel = np.array(np.unravel_index(int(rng.choice(chosen)), label.shape))
                middle = voxel - patch // 2 + rng.integers(-(patch // 4), patch // 4 + 1)
                start = np.where(room > 0, np.clip(middle, 0, np.maximum(room, 0)), start)
        return [int(v) for v in start]


def cut_patch(
    values: NDArray[np.generic], start: Sequence[int], size: Sequence[int], beyond: str
) -> NDArray[np.generic]:
    """Cut a block out of (C, Z, Y, X).

    Parameters
    ----------
    values : numpy.ndarray, shape (C, Z, Y, X)
    start, size : sequence of int
        First voxel, below 0 where the block begins beyond the rim, and voxels along each axis; some lie inside.
    beyond : {'edge', 'ignored'}
        What is beyond the rim: the nearest voxel, or `IGNORED`.
    """
    inside, pad = [slice(None)], [(0, 0)]
    for first, n, have in zip(start, size, values.shape[1:], strict=True):
        low, high = max(first, 0), min(first + n, have)
        inside.append(slice(low, high))
        pad.append((low - first, first + n - high))
    part = np.asarray(values[tuple(inside)])
    if not any(map(any, pad)):
        return part
    if beyond == "edge":
        return np.pad(part, pad, mode="edge")
    return np.pad(part.astype(np.int64), pad, constant_values=IGNORED)
