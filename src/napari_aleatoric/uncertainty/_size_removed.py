"""A score without what object size explains, so that it can be told beside the raw one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._percentile import percentile_rank

__all__ = ["size_removed"]

FloatArray = NDArray[np.float64]


def size_removed(values: ArrayLike, sizes: ArrayLike) -> FloatArray:
    """Place of every value once a straight line over the rank of the size is taken out of its rank (our proposal).

    Working on ranks needs no assumption on how a score grows with size, and no odd case owns the line. For the
    perception scale itself there is `size_adjusted`, which stays on its own scale.

    Parameters
    ----------
    values : array-like, shape (n,)
        A score of n cases, high = worse; NaN = not measured.
    sizes : array-like, shape (n,)
        Object sizes of the same cases, in any unit; NaN or 0 = not known.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        In (0, 1), 1 = stands out most for its size. NaN where value or size is not known, and for all with fewer
        than three known cases or all of one size.
    """
    score, size = np.asarray(values, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    result = np.full(score.shape, np.nan)
    known = np.isfinite(score) & np.isfinite(size) & (size > 0)
    if known.sum() < 3 or np.ptp(size[known]) == 0:
        return result
    rank, of_size = percentile_rank(score[known]), percentile_rank(size[known])
    x = of_size - of_size.mean()
    slope = float((x * rank).sum() / (x * x).sum())
    # equal cases must stay equal: rounding must not order them
    result[known] = percentile_rank(np.round(rank - slope * x, 12))
    return result
