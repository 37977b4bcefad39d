"""How several readers of one case stand to each other, structure by structure, from where they differ.

The formulas are those of `departure`, class by class; they are our proposal, see there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE

from ._departure import weights_from_dice
from ._differing import Differing, differing, n_in_band

__all__ = ["Standing", "binary_bits"]

FloatArray = NDArray[np.float64]


def binary_bits(part: FloatArray) -> FloatArray:
    """Return −m log2 m − (1 − m) log2 (1 − m) of parts m in 0..1, in bits; 0 at both ends."""
    result = np.zeros(part.shape)
    for p in (part, 1.0 - part):
        inside = p > 0
        result[inside] -= p[inside] * np.log2(p[inside])
    return np.asarray(np.clip(result, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Standing:
    """Means, entropies and departures of one case, worked out where the readers differ.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices of two readers or more, on the whole grid.
    apart : Differing
        The same, taken apart.
    weights : numpy.ndarray of float64, shape (R,)
        π_r, adding up to 1; see `reader_weights`.
    band_voxels : float
        How far the band reaches beyond what any reader drew.
    """

    labels: NDArray[Any]
    apart: Differing
    weights: FloatArray
    band_voxels: float

    @classmethod
    def of(
        cls,
        labels: NDArray[Any],
        weights: FloatArray | None = None,
        *,
        n_rows: int | None = None,
        band_voxels: float = 3.0,
    ) -> Standing:
        """Take the labels of a case apart; by default its readers are weighed by their Dice."""
        apart = differing(labels, n_rows)
        given = weights_from_dice(apart.mean_dice()) if weights is None else weights / weights.sum()
        return cls(labels, apart, given, band_voxels)

    def n_band(self, class_index: int) -> int:
        """Voxels of the band round what any reader gave to a class (of all classes, for `WHOLE_CASE`)."""
        if class_index not in self._bands:
            only = self.apart.present
            if class_index == WHOLE_CASE and len(only) == 1:
                return self.n_band(only[0])
            box = self.apart.boxes[class_index]
            counted = 0 if box is None else n_in_band(self.labels, class_index, box, self.band_voxels)
            self._bands[class_index] = counted
        return self._bands[class_index]

    @cached_property
    def _bands(self) -> dict[int, int]:
        return {}

    def mean(self, class_index: int) -> FloatArray:
        """Weighted part m of the readers who gave a voxel to a class, where they differ; shape (n,)."""
        return np.asarray(np.clip(self.weights @ self.apart.chosen(class_index), 0.0, 1.0))

    def entropy(self, class_index: int) -> FloatArray:
        """Entropy there, shape (n,), 0..1: of one class in bits; of `WHOLE_CASE`, of all C divided by log2 C."""
        if class_index != WHOLE_CASE:
            return binary_bits(self.mean(class_index))
        total = np.zeros(self.apart.where.shape)
        for c in (WHOLE_CASE, *self.apart.present):
            mean = self.mean(c)
            inside = mean > 0
            total[inside] -= mean[inside] * np.log2(mean[inside])
        return np.asarray(np.clip(total / np.log2(len(self.apart.agreed)), 0.0, 1.0))

    def departure(self, reader: int, class_index: int) -> FloatArray:
        """u_r there, shape (n,), 0..1: |y_r − m| of one class; of `WHOLE_CASE`, 1 − m of the class chosen."""
        if class_index != WHOLE_CASE:
            return np.asarray(np.abs(self.apart.chosen(class_index)[reader] - self.mean(class_index)))
        own = self.apart.labels[reader]
        result = np.ones(own.shape)
        for c in (WHOLE_CASE, *self.apart.present):
            chosen = own == c
            result[chosen] -= self.weights @ self.apart.chosen(c)[:, chosen]
        return np.asarray(np.clip(result, 0.0, 1.0))

    def over_band(self, values: FloatArray, class_index: int) -> float:
        """Mean over the band of something that is 0 where all agree; 0 where nobody drew anything."""
        n_band = self.n_band(class_index)
        return float(values.sum()) / n_band if n_band else 0.0
