"""How intensities of any kind of image become what a segmenter trained on photographs expects."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["intensity_range", "to_uint8"]

_MAX_SAMPLES = 2_000_000
_TAIL = 0.5  # percent at either end


def intensity_range(data: NDArray[Any]) -> tuple[float, float]:
    """Return the 0.5 and 99.5 percentiles of the finite values of an image.

    Parameters
    ----------
    data : numpy.ndarray
        Any shape and real dtype. Of large arrays, two million evenly spaced values are looked at.

    Returns
    -------
    tuple of float
        (low, high); (0, 0) where no value is finite, equal numbers where the image is constant. When the
        percentiles coincide although the image is not constant (a bright speck on black), its extremes.
    """
    flat = data.reshape(-1)
    step = max(1, flat.size // _MAX_SAMPLES)
    while math.gcd(step, flat.size) > 1:  # or only some columns of the image are looked at
        step += 1
    sample = np.asarray(flat[::step], dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return (0.0, 0.0)
    low, high = (float(v) for v in np.percentile(sample, (_TAIL, 100.0 - _TAIL)))
    if low == high:
        low, high = float(sample.min()), float(sample.max())
    return (low, high)


def to_uint8(data: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Map intensities linearly from ``limits`` to 0 … 255, clipped.

    Parameters
    ----------
    data : numpy.ndarray
        Any shape and real dtype; NaN becomes 0, infinities the ends.
    limits : tuple of float
        What becomes 0 and 255, as of `intensity_range`; equal limits make everything 0.

    Returns
    -------
    numpy.ndarray of uint8, same shape
    """
    low, high = limits
    if not high > low:
        return np.zeros(data.shape, dtype=np.uint8)
    kind = np.result_type(data.dtype, np.float32)  # double where single cannot hold the numbers
    scaled = (data.astype(kind) - kind.type(low)) * kind.type(255.0 / (high - low))
    finite = np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0)
    return np.asarray(np.rint(np.clip(finite, 0, 255)), dtype=np.uint8)
