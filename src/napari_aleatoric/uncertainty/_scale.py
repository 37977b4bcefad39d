"""Perception scale of a feature map, and the AUV of a set of scales.

Source: arXiv 2604.10963 (CVPR 2026); the ``sigma`` form follows the authors' released code. Cropping, the floor,
the mean over present classes and the percentile range are our proposals, because the scale of a full field of view
mostly follows object size and one absent class would otherwise own the whole range.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.errors import DataError

__all__ = [
    "SCALE_FLOOR",
    "auv",
    "gram",
    "perception_scale",
    "scale_from_gram",
    "scale_from_singular_values",
    "scale_of_map",
    "size_adjusted",
    "size_line",
    "spectrum",
]

Energy = Literal["sigma2", "sigma"]
FloatArray = NDArray[np.float64]

SCALE_FLOOR = 1e-3
"""Perception scales below this count as this in the AUV (our proposal)."""

_EPS_ENERGY = 1e-12  # relative guard in the denominator, so that scaling the map changes nothing
_EPS_SIGMA = 1e-6  # the released code adds this to every singular value; here relative to the largest
_BLOCK = 1 << 18  # numbers converted to float64 at a time: few enough to stay in the processor's cache


def gram(blocks: Iterable[NDArray[Any]], n_rows: int) -> FloatArray:
    """Sum ``block @ block.T`` in float64: the Gram matrix of the blocks side by side.

    Parameters
    ----------
    blocks : iterable of numpy.ndarray, shape (n_rows, m)
        Pieces of one matrix along its columns; any real type; NaN and infinity count as 0. One piece is held
        at a time.
    n_rows : int
        Number of rows of every piece.

    Returns
    -------
    numpy.ndarray of float64, shape (n_rows, n_rows)
        Its eigenvalues are the squared singular values of the whole matrix.
    """
    total = np.zeros((n_rows, n_rows))
    for block in blocks:
        if block.ndim != 2 or block.shape[0] != n_rows:
            raise DataError(f"Expected blocks with {n_rows} rows, got shape {block.shape}.")
        step = max(1, _BLOCK // max(1, n_rows))
        for first in range(0, block.shape[1], step):
            part = _finite(block[:, first : first + step].astype(np.float64))
            total += part @ part.T
    return total


def _finite(values: FloatArray) -> FloatArray:
    """Put 0 for NaN and infinity, in place; the sum tells whether there are any."""
    with np.errstate(over="ignore", invalid="ignore"):
        clean = np.isfinite(values.sum())
    return values if clean else np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def scale_from_singular_values(values: ArrayLike, energy: Energy = "sigma2") -> float:
    """Normalised entropy of a spectrum: S = −Σ p ln p / ln r.

    Parameters
    ----------
    values : array-like, shape (r,)
        Singular values, r = min(rows, columns) of them, zeros included.
    energy : {"sigma2", "sigma"}
        p proportional to σ² (paper) or to σ (released code).

    Returns
    -------
    float
        In [0, 1]; 0 for a spectrum of zeros and for r = 1.
    """
    sigma = np.clip(np.asarray(values, dtype=np.float64), 0.0, None)
    largest = float(sigma.max(initial=0.0))
    if sigma.size < 2 or largest <= 0.0:
        return 0.0
    sigma = sigma / largest
    if energy == "sigma2":
        weight = sigma**2
        p = weight / (weight.sum() + _EPS_ENERGY)
    elif energy == "sigma":
        weight = sigma + _EPS_SIGMA
        p = weight / weight.sum()
    else:
        raise DataError(f"energy must be 'sigma2' or 'sigma', got '{energy}'.")
    p = p[p > 0]
    return float(np.clip(-(p * np.log(p)).sum() / np.log(sigma.size), 0.0, 1.0))


def scale_from_gram(matrix: FloatArray, rank: int, energy: Energy = "sigma2") -> float:
    """Perception scale from a Gram matrix.

    Parameters
    ----------
    matrix : numpy.ndarray of float64, shape (n, n)
        From `gram`.
    rank : int
        r = min(rows, columns) of the matrix behind it; the r largest eigenvalues are used.
    energy : {"sigma2", "sigma"}
        See `scale_from_singular_values`.
    """
    return scale_from_singular_values(_singular_values(matrix, rank), energy)


def _singular_values(matrix: FloatArray, rank: int) -> FloatArray:
    eigenvalues = np.clip(np.linalg.eigvalsh(matrix), 0.0, None)[::-1][:rank]
    return np.asarray(np.sqrt(eigenvalues))


def perception_scale(
    feature_map: NDArray[Any], energy: Energy = "sigma2", *, centre: bool = False, unfold: int | None = None
) -> float:
    """Semantic perception scale S of one class's map.

    The map is unfolded to a matrix with one row per slice, D × (H·W), and S is the entropy of its normalised
    spectrum (arXiv 2604.10963). High = the energy spreads over many directions = the model finds the image easy.

    Parameters
    ----------
    feature_map : numpy.ndarray, shape (Z, Y, X) or (Y, X)
        Smooth decoder output (logits) of one class. NaN and infinity count as 0.
    energy : {"sigma2", "sigma"}
        Paper (default) or released form; the latter reacts far more to noise.
    centre : bool
        Subtract the mean of every row first; neither the paper's formula nor its code does.
    unfold : {0, 1, 2}, optional
        The axis that becomes the rows: 0 gives D × (H·W). By default 0, or rows of the image if it has one slice.

    Returns
    -------
    float
        In [0, 1]; 0 for a map of zeros or of rank one. Unchanged when the map is multiplied by a number.
    """
    matrix, size = _unfolded(feature_map, unfold, centre)
    return scale_from_gram(matrix, size, energy)


def scale_of_map(feature_map: NDArray[Any]) -> tuple[float, float]:
    """Both forms of `perception_scale` from one Gram matrix: (σ², σ)."""
    matrix, size = _unfolded(feature_map, None, False)
    values = _singular_values(matrix, size)
    return scale_from_singular_values(values, "sigma2"), scale_from_singular_values(values, "sigma")


def spectrum(feature_map: NDArray[Any], unfold: int | None = None) -> FloatArray:
    """Singular values of an unfolded map, largest first, shape (r,); see `perception_scale` for the axes.

    They come from the eigenvalues of the smaller Gram matrix, in float64; the map may be divided by a number
    first, so only ratios of them mean something.
    """
    matrix, size = _unfolded(feature_map, unfold, False)
    return _singular_values(matrix, size)


def _unfolded(feature_map: NDArray[Any], unfold: int | None, centre: bool) -> tuple[FloatArray, int]:
    """Gram matrix of the smaller side of the unfolded map, up to a factor, and its size; in pieces."""
    if feature_map.ndim == 2:
        feature_map = feature_map[np.newaxis]
    if feature_map.ndim != 3 or feature_map.size == 0:
        raise DataError(f"Expected a map of shape (Z, Y, X) or (Y, X), got {feature_map.shape}.")
    axis = (1 if feature_map.shape[0] == 1 else 0) if unfold is None else unfold
    if axis not in (0, 1, 2):
        raise DataError(f"unfold must be 0, 1 or 2, got {unfold}.")
    rows = np.moveaxis(feature_map, axis, 0)
    if centre:
        rows = np.nan_to_num(rows.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        rows = rows - rows.mean(axis=(1, 2), keepdims=True)
    # the smaller side: both Gram matrices share their non-zero eigenvalues
    if rows.shape[0] > rows.shape[1] * rows.shape[2]:
        rows = rows.reshape(rows.shape[0], -1).T[..., np.newaxis]
    n = rows.shape[0]
    step = max(1, _BLOCK // (n * rows.shape[2]))
    pieces = [rows[:, i : i + step] for i in range(0, rows.shape[1], step)]  # views: nothing is held twice
    # squares of shorter numbers cannot leave the range of double ones
    peak = max(map(_peak, pieces)) if rows.dtype.kind == "f" and rows.dtype.itemsize > 4 else 1.0
    if peak == 0.0:
        return np.zeros((1, 1)), 1
    return gram((p.reshape(n, -1) if peak == 1.0 else p.reshape(n, -1) / peak for p in pieces), n), n


def _peak(values: NDArray[Any]) -> float:
    found = float(np.abs(values).max(initial=0.0))
    return found if np.isfinite(found) else float(np.abs(_finite(values.astype(np.float64))).max())


def auv(
    scales: ArrayLike,
    *,
    floor: float = SCALE_FLOOR,
    percentiles: tuple[float, float] | None = None,
    reference: ArrayLike | None = None,
) -> FloatArray:
    """Aleatoric uncertainty value of every image of a cohort.

    AUV = 1 − (ln S − min ln S) / (max ln S − min ln S), minimum and maximum over the cohort (arXiv 2604.10963).

    Parameters
    ----------
    scales : array-like, shape (n,)
        Perception scales of one class, or of whole cases. NaN = the class is absent: left out of the range, and
        NaN in the result.
    floor : float
        Scales below it count as it (our proposal).
    percentiles : tuple of float, optional
        Take the range between these percentiles (0..100) of ln S and clip, e.g. (1, 99) (our proposal).
    reference : array-like, shape (m,), optional
        Scales of other images that the range is taken from instead, such as those of a stored reference; NaN is
        left out (our proposal). What lies beyond their range counts as its end.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        1 = hardest, 0 = easiest of this cohort (or of the reference); 0.5 for all where the range is empty.
        Relative to the cohort: never stored, always computed for the present one. All NaN for a reference without
        any value.
    """
    values = np.asarray(scales, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    if not known.any():
        return result
    logs = np.log(np.maximum(values[known], floor))
    others = logs
    if reference is not None:
        given = np.asarray(reference, dtype=np.float64)
        others = np.log(np.maximum(given[np.isfinite(given)], floor))
        if not others.size:
            return result
    low, high = np.percentile(others, percentiles) if percentiles else (others.min(), others.max())
    if high - low <= 0:
        result[known] = 0.5
    else:
        result[known] = 1.0 - np.clip((logs - low) / (high - low), 0.0, 1.0)
    return result


def size_line(scales: ArrayLike, voxels: ArrayLike, *, floor: float = SCALE_FLOOR) -> tuple[float, float] | None:
    """Return the least-squares line of ln S over ln voxels: its slope, and the mean of ln voxels (our proposal).

    None with fewer than three cases that have both, or if all are of one size.
    """
    values, sizes, known = _sized(scales, voxels)
    if known.sum() < 3 or np.ptp(np.log(sizes[known])) < 1e-9:
        return None
    logs = np.log(np.maximum(values[known], floor))
    x = np.log(sizes[known])
    centre = float(x.mean())
    x = x - centre
    return float((x * logs).sum() / (x * x).sum()), centre


def size_adjusted(
    scales: ArrayLike,
    voxels: ArrayLike,
    *,
    floor: float = SCALE_FLOOR,
    line: tuple[float, float] | None = None,
) -> FloatArray:
    """Perception scales without what object size explains (our proposal).

    Parameters
    ----------
    scales : array-like, shape (n,)
        Perception scales of one class, or of whole cases; NaN = absent.
    voxels : array-like, shape (n,)
        Labelled voxels of the same.
    floor : float
        Scales below it count as it.
    line : tuple of float, optional
        What is taken out, as of `size_line`; by default that of these cases.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        exp(ln S − slope · (ln voxels − mean ln voxels)): a scale again, as it would be at the mean size. With fewer
        than three known cases, or all of one size, and no line, the scales themselves. May exceed 1.
    """
    values, sizes, known = _sized(scales, voxels)
    line = size_line(scales, voxels, floor=floor) if line is None else line
    if line is None:
        return values.copy()
    slope, centre = line
    logs = np.log(np.maximum(values[known], floor))
    result = np.full(values.shape, np.nan)
    result[known] = np.exp(logs - slope * (np.log(sizes[known]) - centre))
    return result


def _sized(scales: ArrayLike, voxels: ArrayLike) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    values = np.asarray(scales, dtype=np.float64)
    sizes = np.asarray(voxels, dtype=np.float64)
    return values, sizes, np.isfinite(values) & np.isfinite(sizes) & (sizes > 0)
