"""The perception scale of small windows of a decoded map: where in the object an image is hard."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["local_difficulty"]

_WINDOW = (5, 5, 5)  # slices, rows, columns of the mask grid
_STRIDE = 2  # within slices; between the windows the map is interpolated
_AT_ONCE = 4096  # windows whose spectra are computed together
_BREADTH = 3  # cells across which a border is drawn
_UNDECIDED = 2.0  # logits nearer to 0 than this count as a border
_EPS = 1e-12
_CELLS = 1 << 20  # of the map, looked at together: windows and interpolation take some ten times their bytes
_LEAST_SLAB = 8  # slices
_ROUNDING = 1e-12  # of the largest eigenvalue: what is smaller is no direction


def local_difficulty(logits: NDArray[np.float32], window: tuple[int, int, int] = _WINDOW) -> NDArray[np.float32]:
    """Return 1 − S of a sliding window along the border of the answered object.

    S is the formula of the whole map (arXiv 2604.10963, one row per slice) on a small window, from plain singular
    values as in the released code: squared ones put nearly every border near 1 (see the page on measures). That it
    is taken locally, and only near borders, is our proposal: a window without a border is constant and of rank
    one whatever the image looks like, so the formula says nothing there.

    Parameters
    ----------
    logits : numpy.ndarray of float32, shape (D, h, w)
        Decoded map of one class.
    window : tuple of int
        Its size; smaller where the map is smaller. With a single slice the rows of the window are its lines.

    Returns
    -------
    numpy.ndarray of float32, shape (D, h, w)
        In [0, 1], high = hard = the energy sits in few directions; 0 away from borders. Not relative to the
        case: one scale for all.
    """
    size = tuple(min(w, n) for w, n in zip(window, logits.shape, strict=True))
    depth, height, width = logits.shape
    reach = size[0] // 2 + 1  # slices that a slab's windows and borders look at on either side
    thick = max(_LEAST_SLAB, _CELLS // (height * width))
    result = np.zeros(logits.shape, dtype=np.float32)
    for first in range(0, depth, thick):
        last = min(first + thick, depth)
        low = max(0, first - reach)
        part = logits[low : last + reach]
        result[first:last] = _slab(part, size, first - low, last - low)
    return result


def _slab(logits: NDArray[np.float32], size: tuple[int, ...], first: int, last: int) -> NDArray[np.float32]:
    """Difficulty of the slices from ``first`` to ``last`` of a map (n, h, w); the others are their neighbours."""
    border = _border(logits)
    near = ndimage.maximum_filter(border, size=size)[first:last, ::_STRIDE, ::_STRIDE]
    if not near.any():
        return np.zeros((last - first, *logits.shape[1:]), dtype=np.float32)
    padding = [((s - 1) // 2, s - 1 - (s - 1) // 2) for s in size]
    padded = np.pad(logits.astype(np.float64), padding, mode="edge")
    windows = sliding_window_view(padded, size)[first:last, ::_STRIDE, ::_STRIDE]
    places = np.argwhere(near)
    coarse = np.zeros(windows.shape[:3])
    for begin in range(0, len(places), _AT_ONCE):
        at = places[begin : begin + _AT_ONCE]
        chosen = windows[tuple(at.T)]
        rows = chosen[:, 0] if size[0] == 1 else chosen.reshape(len(at), size[0], -1)
        coarse[tuple(at.T)] = 1.0 - _scale_of_each(rows)
    fine = _spread(coarse, (last - first, *logits.shape[1:]))
    drawn = ndimage.maximum_filter(border, size=(1, _BREADTH, _BREADTH))[first:last]
    return np.where(drawn, np.clip(fine, 0, 1), 0).astype(np.float32)


def _border(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells where the answer changes or is undecided."""
    inside = logits > 0
    found = np.abs(logits) < _UNDECIDED
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        change = inside[tuple(low)] != inside[tuple(high)]
        found[tuple(low)] |= change
        found[tuple(high)] |= change
    return np.asarray(found)


def _scale_of_each(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Perception scale (from σ) of many small matrices, shape (n, r, m) → (n,)."""
    if matrices.shape[1] > matrices.shape[2]:
        matrices = matrices.transpose(0, 2, 1)
    r = matrices.shape[1]
    if r < 2:
        return np.zeros(len(matrices))
    energy = np.clip(np.linalg.eigvalsh(matrices @ matrices.transpose(0, 2, 1)), 0.0, None)
    energy = np.where(energy > _ROUNDING * energy.max(axis=1, keepdims=True), energy, 0.0)
    sigma = np.sqrt(energy)
    p = sigma / np.maximum(sigma.sum(axis=1, keepdims=True), _EPS)
    return np.asarray(-(p * np.log(np.maximum(p, _EPS))).sum(axis=1) / np.log(r))


def _spread(coarse: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Interpolate within slices from every second cell to every cell; beyond the last, its value."""
    for axis in (1, 2):
        at = np.arange(shape[axis]) / _STRIDE
        low = at.astype(np.int64)
        high = np.minimum(low + 1, coarse.shape[axis] - 1)
        weight = (at - low).reshape((-1, 1) if axis == 1 else -1)
        coarse = coarse.take(low, axis) * (1 - weight) + coarse.take(high, axis) * weight
    return coarse
