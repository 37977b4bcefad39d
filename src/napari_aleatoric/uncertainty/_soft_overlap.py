"""1 − soft Dice between a label and probabilities: how little the two overlap, unsure voxels counted in part."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box
from napari_aleatoric.model import WHOLE_CASE, ScoreValue

from ._slabs import Slab

__all__ = ["SoftOverlap", "soft_dice_gap"]


def soft_dice_gap(probability: NDArray[Any], mask: NDArray[np.bool_]) -> float:
    """1 − 2 Σ p·y / (Σ p + Σ y): the Dice loss of Milletari et al. (arXiv 1606.04797), with p and y not squared.

    Parameters
    ----------
    probability : numpy.ndarray of float, any shape
        Of one class.
    mask : numpy.ndarray of bool, the same shape
        The label's voxels of that class.

    Returns
    -------
    float
        In [0, 1]; NaN where there is neither label nor probability.
    """
    total = float(probability.sum(dtype=np.float64)) + int(np.count_nonzero(mask))
    both = float(probability[mask].sum(dtype=np.float64))
    return 1.0 - 2.0 * both / total if total > 0 else float("nan")


class SoftOverlap:
    """Adds up the soft overlap of one label, a few slices at a time.

    Parameters
    ----------
    label_index : numpy.ndarray of integer, shape (Z, Y, X)
        Class indices on the whole grid.
    box : Box
        The part of it that was looked at.
    known : collection of int
        Class indices that the model has learned.
    """

    def __init__(self, label_index: NDArray[Any], box: Box, known: Collection[int]) -> None:
        self._label = label_index[box.slices]
        self._sums = {c: [0.0, 0.0, 0.0] for c in sorted(known) if c != WHOLE_CASE}  # p·y, p, y

    def add(self, slab: Slab) -> None:
        """Take in some slices; all of them must come once."""
        label = self._label[slab.start : slab.stop]
        for c, sums in self._sums.items():
            p, y = slab.values[c, slab.inner], label == c
            sums[0] += float(p[y].sum(dtype=np.float64))
            sums[1] += float(p.sum(dtype=np.float64))
            sums[2] += int(np.count_nonzero(y))

    def result(self) -> tuple[ScoreValue, ...]:
        """Return ``soft_dice_gap`` of every labelled class, after their mean as that of the whole case."""
        gaps = {c: 1.0 - 2.0 * both / (p + y) for c, (both, p, y) in self._sums.items() if y}
        if not gaps:
            return ()
        whole = float(np.mean(list(gaps.values())))
        return tuple(ScoreValue("soft_dice_gap", c, v) for c, v in sorted({WHOLE_CASE: whole, **gaps}.items()))
