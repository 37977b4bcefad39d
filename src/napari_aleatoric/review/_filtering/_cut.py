"""Cuts of a distribution: which of many values lie in a range of percentiles. Pure numbers.

Source: arXiv 2604.10963, data filtering: with F the empirical distribution and F⁻¹(p) = inf{a : p ≤ F(a)}, a case
is kept where a ≤ F⁻¹(p). The cut at the other end is its mirror image, our addition: a ≥ sup{a : P(A ≥ a) ≥ 1 − p}.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cut", "cut_at_percentiles", "cut_at_values", "sides"]

FloatArray = NDArray[np.float64]
_TOLERANCE = 1e-9  # of a product of a percentage and a count


@dataclass(frozen=True)
class Cut:
    """A range of values in which the better end is low.

    Parameters
    ----------
    low, high : float
        Smallest and largest value that is kept, both included; −inf and inf where nothing is cut.
    """

    low: float = -np.inf
    high: float = np.inf


def cut_at_percentiles(values: FloatArray, percentiles: tuple[float, float]) -> Cut:
    """Find the values at which a distribution is cut.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Oriented so that high is worse; NaN = not measured, does not count.
    percentiles : tuple of float
        Kept from and to, 0..100.

    Returns
    -------
    Cut
        Both cuts are values that occur; equal values are kept or dropped together, those at the cuts are kept.
        Where nothing is cut at an end (0, 100) the value is infinite.
    """
    known = np.sort(values[~np.isnan(values)])
    n = len(known)
    low, high = percentiles
    if n == 0:
        return Cut()
    # F⁻¹(p) is the k-th smallest, k = ⌈p·n⌉; from the other end the k-th largest, k = ⌈(1 − p)·n⌉
    from_below = int(np.ceil(high / 100 * n - _TOLERANCE))
    from_above = int(np.ceil((1 - low / 100) * n - _TOLERANCE))
    return Cut(
        -np.inf if low <= 0 else float(known[n - max(from_above, 1)]),
        np.inf if high >= 100 else float(known[max(from_below, 1) - 1]),
    )


def cut_at_values(limits: tuple[float | None, float | None], sign: float) -> Cut:
    """Turn raw limits (smallest, largest; None = none) into a cut of oriented values, ``sign * raw``."""
    smallest = -np.inf if limits[0] is None else limits[0]
    largest = np.inf if limits[1] is None else limits[1]
    return Cut(smallest, largest) if sign > 0 else Cut(-largest, -smallest)


def sides(values: FloatArray, cut: Cut) -> NDArray[np.int8]:
    """Where each value lies: 0 = within the cut, +1 = worse, −1 = better, shape (n,); 0 for NaN."""
    return (values > cut.high).astype(np.int8) - (values < cut.low).astype(np.int8)
