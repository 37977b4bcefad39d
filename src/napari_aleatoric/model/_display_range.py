"""Which intensities of an image to show as black and white, where nobody says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._volume import Volume

__all__ = ["display_range", "sample_of"]


def display_range(image: Volume, low: float = 0.5, high: float = 99.8) -> tuple[float, float]:
    """Intensities to show as black and white: percentiles of the image, on at most a million voxels.

    Parameters
    ----------
    image : Volume
        Grey or RGB.
    low, high : float
        Percentiles.

    Returns
    -------
    tuple of float
        Strictly increasing.
    """
    if image.is_rgb:
        return (0.0, 255.0)
    finite = sample_of(image)
    if finite.size == 0:
        return (0.0, 1.0)
    lower, upper = (float(v) for v in np.percentile(finite, [low, high]))
    return (lower, upper) if upper > lower else (lower, lower + 1.0)


def sample_of(image: Volume) -> NDArray[Any]:
    """Return finite values of a grey image, at most about a million, evenly taken; shape (n,)."""
    data = image.data
    step = max(1, round((data.size / 1e6) ** (1 / 3)))
    sample = data[:: 1 if data.shape[0] < step else step, ::step, ::step]
    return sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample.ravel()
