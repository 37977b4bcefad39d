"""Features of the filter bank at some voxels only, without a map of any feature."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ._box import Box

__all__ = ["TRUNCATE", "NearVoxels", "one_blas_thread", "smooth_part"]

FloatArray = NDArray[np.float32]

TRUNCATE = 3.0
"""A Gaussian ends at this many standard deviations."""

_ROWS_AT_ONCE = 128  # outputs of one matrix product along the smoothed axis


_lock = threading.Lock()
_inside = 0  # blocks of `one_blas_thread` that are being worked on
_limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let matrix products use one core each: blocks are worked on side by side instead.

    Many small products on cores that others use too wait for each other most of the time. The limit holds for the
    whole process while any thread is inside.
    """
    global _inside, _limit
    from threadpoolctl import threadpool_limits

    with _lock:
        if _inside == 0:
            _limit = threadpool_limits(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()


class NearVoxels:
    """Some voxels of a block: what the filter bank sees there.

    Parameters
    ----------
    inner, outer : Box
        The block, and the block that was read.
    shape_zyx : tuple of int
        The grid.
    places : tuple of numpy.ndarray of int
        z, y, x of the voxels, from the start of the inner block.
    """

    def __init__(
        self, inner: Box, outer: Box, shape_zyx: tuple[int, int, int], places: tuple[NDArray[np.intp], ...]
    ) -> None:
        self._within = inner.within(outer).slices
        around = inner.grown(1, shape_zyx)
        self._kept = around.within(outer).slices
        self._shape = around.shape_zyx
        self._places = [p + (i - a) for p, i, a in zip(places, inner.start_zyx, around.start_zyx, strict=True)]
        self._at = np.ravel_multi_index(tuple(self._places), self._shape)

    def unsmoothed(self, image: FloatArray) -> FloatArray:
        """Values of the larger block at the voxels, shape (n,)."""
        return np.asarray(image[self._kept].reshape(-1)[self._at])

    def _smooth(self, image: FloatArray, sigma: float) -> FloatArray:
        """Smooth one axis after the other, each only where it is needed for the next; shape of the kept part."""
        for axis in range(3):
            image = smooth_part(image, axis, self._kept[axis], sigma)
        return np.ascontiguousarray(image).reshape(-1)

    def smoothed(self, image: FloatArray, sigma: float) -> FloatArray:
        """Values of the smoothed block at the voxels, shape (n,)."""
        return np.asarray(self._smooth(image, sigma)[self._at])

    def write_scale(self, out: FloatArray, image: FloatArray, sigma: float) -> None:
        """Fill rows (n, 6): Gaussian, gradient magnitude, Laplacian and the derivatives along z, y, x."""
        smooth = self._smooth(image, sigma)
        middle = smooth[self._at]
        squared, laplacian = np.zeros_like(middle), np.zeros_like(middle)
        for axis, n in enumerate(self._shape):
            if n == 1:
                out[:, 3 + axis] = 0.0
                continue
            step = int(np.prod(self._shape[axis + 1 :]))
            place = self._places[axis]
            ahead = smooth[self._at + step * (place < n - 1)]
            behind = smooth[self._at - step * (place > 0)]
            derivative = (ahead - behind) * np.float32(0.5 * sigma)
            out[:, 3 + axis] = derivative
            squared += derivative * derivative
            laplacian += (ahead + behind - 2 * middle) * np.float32(sigma * sigma)
        out[:, 0], out[:, 1], out[:, 2] = middle, np.sqrt(squared), laplacian


def smooth_part(image: FloatArray, axis: int, kept: slice, sigma: float) -> FloatArray:
    """Smooth one axis and return a part of it, as a product with the matrix of the filter: several times faster."""
    n = image.shape[axis]
    if n == 1:
        return image
    reach = int(TRUNCATE * sigma + 0.5)
    shape = list(image.shape)
    shape[axis] = kept.stop - kept.start
    result = np.empty(shape, dtype=np.float32)
    for first in range(kept.start, kept.stop, _ROWS_AT_ONCE):
        last = min(first + _ROWS_AT_ONCE, kept.stop)
        low, high = max(0, first - reach), min(n, last + reach)
        unit = np.eye(high - low)
        filtered = ndimage.gaussian_filter1d(unit, sigma, axis=0, mode="nearest", truncate=TRUNCATE)
        matrix = filtered[first - low : last - low].astype(np.float32)
        rows = slice(first - kept.start, last - kept.start)
        if axis == 0:
            part = image[low:high].reshape(high - low, -1)
            np.matmul(matrix, part, out=result[rows].reshape(last - first, -1))
        elif axis == 1:
            np.matmul(matrix, image[:, low:high], out=result[:, rows])
        else:
            np.matmul(image[..., low:high], matrix.T, out=result[..., rows])
    return result
