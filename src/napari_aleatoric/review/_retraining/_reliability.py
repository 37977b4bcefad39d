"""Whether a probability of 0.8 is right in 80 of 100 voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reliability", "near_region"]

N_BINS = 15
"""Bins of equal width of the expected calibration error, as in Guo et al. (arXiv 1706.04599)."""

FloatArray = NDArray[np.float64]


class Reliability:
    """Counts probabilities of one class against the truth, a part of the image after the other.

    Parameters
    ----------
    n_bins : int
        Bins of equal width over [0, 1].
    """

    def __init__(self, n_bins: int = N_BINS) -> None:
        self._n_bins = n_bins
        self._n = np.zeros(n_bins, dtype=np.int64)
        self._sure = np.zeros(n_bins, dtype=np.float64)
        self._right = np.zeros(n_bins, dtype=np.int64)
        self._squares = 0.0

    def add(self, probability: NDArray[Any], is_class: NDArray[np.bool_]) -> None:
        """Take in some voxels.

        Parameters
        ----------
        probability : numpy.ndarray of float, any shape
            Of the class, from 0 to 1.
        is_class : numpy.ndarray of bool, same shape
            Whether the voxel is of the class.
        """
        p = probability.astype(np.float64).ravel()
        y = is_class.ravel()
        at = np.clip((p * self._n_bins).astype(np.int64), 0, self._n_bins - 1)
        self._n += np.bincount(at, minlength=self._n_bins)
        self._sure += np.bincount(at, weights=p, minlength=self._n_bins)
        self._right += np.bincount(at[y], minlength=self._n_bins)
        self._squares += float(((p - y) ** 2).sum())

    @property
    def n_voxels(self) -> int:
        """How many voxels were taken in."""
        return int(self._n.sum())

    @property
    def expected_calibration_error(self) -> float:
        """Mean over the voxels of |frequency − mean probability| of their bin, in [0, 1]; NaN without voxels.

        The one-class form: "is it this class" against p(class), not the largest of all probabilities.
        """
        if not self.n_voxels:
            return float("nan")
        return float(np.abs(self._right - self._sure).sum() / self.n_voxels)

    @property
    def brier(self) -> float:
        """Mean of (p − y)² over the voxels (Brier 1950, one class), in [0, 1]; NaN without voxels."""
        return self._squares / self.n_voxels if self.n_voxels else float("nan")


def near_region(
    reference: NDArray[np.bool_], spacing_zyx_mm: tuple[float, float, float], margin_mm: float
) -> tuple[slice, slice, slice]:
    """Return the box round a class in the reference, widened; the whole image where the class is not there.

    Far from a structure nearly every voxel is rightly called background, and would drown every difference. The box
    hangs on the reference alone, so that two networks are asked about the same voxels (our proposal).
    """
    found = []
    for axis, (n, step) in enumerate(zip(reference.shape, spacing_zyx_mm, strict=True)):
        others = tuple(a for a in range(3) if a != axis)
        there = np.flatnonzero(reference.any(axis=others))
        if not len(there):
            return (slice(None), slice(None), slice(None))
        wide = int(np.ceil(margin_mm / step))
        found.append(slice(max(0, int(there[0]) - wide), min(n, int(there[-1]) + wide + 1)))
    return (found[0], found[1], found[2])
