"""The place of every value among all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["percentile_rank"]

FloatArray = NDArray[np.float64]


def percentile_rank(values: FloatArray) -> FloatArray:
    """Place of every value among all.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        NaN = not measured.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        (mean rank − ½) / m over the m values that are not NaN: strictly between 0 and 1, equal values share
        one rank, NaN stays NaN.
    """
    result = np.full(values.shape, np.nan)
    order = np.argsort(values)  # NaN last
    m = int(values.size - np.isnan(values).sum())
    if m:
        order = order[:m]
        ordered = values[order]
        first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        length = np.diff(np.append(first, m))
        # ranks first+1 .. first+length of a run of equal values, minus one half, on average
        result[order] = np.repeat((first + length / 2) / m, length)
    return result
