"""Means of held-out cases and differences between two networks, with what so few cases can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty import Estimate

from ._judgement import Shown

__all__ = ["LEAST_UNITS", "Difference", "mean_of", "paired_difference"]

FloatArray = NDArray[np.float64]

LEAST_UNITS = 6
"""Fewest units that a two-sided signed-rank test at 5 % can tell apart at all: with 5, p is 1/16 or more."""

_LEVEL = 0.05


class Difference(NamedTuple):
    """A network minus another over the units that both were judged on.

    ``n_better`` and ``n_worse`` look at the good end of the figure; ``p`` is that of Wilcoxon's signed-rank test,
    NaN where all units are alike.
    """

    n_units: int
    n_better: int
    n_worse: int
    estimate: Estimate
    p: float
    shown: Shown


def mean_of(values: FloatArray, *, draws: int, seed: int) -> Estimate:
    """Return the mean with a 95 % interval: percentile bootstrap over the values (Efron 1979).

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        One for each unit; NaN are left out.
    draws, seed : int
        Of the bootstrap: the same seed draws the same units.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return Estimate(float("nan"), float("nan"), float("nan"))
    mean = float(known.mean())
    if known.size == 1:
        return Estimate(mean, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(known.size, np.full(known.size, 1 / known.size), size=draws)
    low, high = np.percentile(counts @ known / known.size, [2.5, 97.5])
    return Estimate(mean, float(low), float(high))


def paired_difference(
    mine: Mapping[str, float], other: Mapping[str, float], sign: int, *, draws: int, seed: int
) -> Difference:
    """Compare two networks unit by unit.

    "better" or "worse" takes both: the bootstrap's interval on one side of zero, and p below 0.05 in the
    signed-rank test (Wilcoxon 1945), for of few units the bootstrap is too sure (our proposal).

    Parameters
    ----------
    mine, other : mapping of str to float
        Values by unit; units that are in one only, or NaN in one, are left out.
    sign : int
        +1 where high is good, −1 where low is.
    draws, seed : int
        Of the bootstrap.
    """
    units = [u for u in sorted(mine) if u in other and np.isfinite(mine[u]) and np.isfinite(other[u])]
    change = np.array([mine[u] - other[u] for u in units], dtype=np.float64)
    estimate = mean_of(change, draws=draws, seed=seed)
    p = _signed_rank(change)
    better, worse = int((sign * change > 0).sum()), int((sign * change < 0).sum())
    return Difference(len(units), better, worse, estimate, p, _shown(len(units), sign, estimate, p))


def _signed_rank(change: FloatArray) -> float:
    from scipy import stats

    if len(change) < 2 or not np.any(change):
        return float("nan")
    return float(stats.wilcoxon(change).pvalue)


def _shown(n: int, sign: int, estimate: Estimate, p: float) -> Shown:
    if n < LEAST_UNITS:
        return "too few"
    if not p < _LEVEL or not (estimate.low > 0 or estimate.high < 0):
        return "not shown"
    return "better" if sign * estimate.value > 0 else "worse"
