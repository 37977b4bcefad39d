"""What the plots draw, worked out from many numbers. Pure; drawing is thinned, what is selected never is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Bars", "Curve", "cumulative", "histogram", "inside_polygon", "nearest", "thinned"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FEWEST_BARS, _MOST_BARS = 8, 60
_CURVE_POINTS = 600
_FEW_POINTS = 3000  # are all drawn
_CELLS = (260, 160)  # across and up: about as many places as can be told apart in a small plot


class Bars(NamedTuple):
    """A histogram."""

    edges: FloatArray
    """Shape (m + 1,)."""
    counts: IntArray
    """Shape (m,)."""


class Curve(NamedTuple):
    """Points of a curve."""

    x: FloatArray
    y: FloatArray


def histogram(values: FloatArray) -> Bars:
    """Count values in bars of equal width; NaN do not count.

    The number of bars follows the data (numpy's "auto"), between 8 and 60.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return Bars(np.array([0.0, 1.0]), np.zeros(1, dtype=np.int64))
    low, high = float(known.min()), float(known.max())
    if low == high:
        half = max(abs(low), 1.0) * 0.05
        return Bars(np.array([low - half, low + half]), np.array([known.size], dtype=np.int64))
    wished = len(np.histogram_bin_edges(known, "auto")) - 1
    counts, edges = np.histogram(known, min(max(wished, _FEWEST_BARS), _MOST_BARS))
    return Bars(edges, counts.astype(np.int64))


def cumulative(values: FloatArray) -> Curve:
    """Return the share of values that are at most x, in per cent; NaN do not count.

    Of very many values some hundred points of the curve are taken, evenly spread over the shares.
    """
    known = np.sort(values[np.isfinite(values)])
    n = len(known)
    if not n:
        return Curve(np.empty(0), np.empty(0))
    share = np.arange(1, n + 1) / n * 100
    if n > _CURVE_POINTS:
        chosen = np.unique(np.linspace(0, n - 1, _CURVE_POINTS).astype(np.int64))
        known, share = known[chosen], share[chosen]
    return Curve(known, share)


def thinned(x: FloatArray, y: FloatArray, group: IntArray) -> IntArray:
    """Choose the points that are drawn: up to 3000 all, of more the first of all on one place with one colour.

    Lonely points are always among them, so that the cloud keeps its shape.

    Parameters
    ----------
    x, y : numpy.ndarray of float64, shape (n,)
        Where; points that are not finite are left out.
    group : numpy.ndarray of int64, shape (n,)
        What is drawn alike.

    Returns
    -------
    numpy.ndarray of int64, shape (m,)
        Ascending.
    """
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if known.size <= _FEW_POINTS:
        return known
    cell = np.asarray(group[known], dtype=np.int64)
    for values, n in ((x[known], _CELLS[0]), (y[known], _CELLS[1])):
        low, width = values.min(), np.ptp(values) or 1.0
        cell = cell * n + np.minimum(((values - low) / width * n).astype(np.int64), n - 1)
    return np.sort(known[np.unique(cell, return_index=True)[1]])


def inside_polygon(x: FloatArray, y: FloatArray, corners: ArrayLike) -> IntArray:
    """Return which points lie in a polygon, ascending; those without a place never do.

    Parameters
    ----------
    x, y : numpy.ndarray of float64, shape (n,)
        All points.
    corners : array-like, shape (k, 2)
        x and y of the corners, in order; fewer than three enclose nothing.
    """
    import skimage.measure

    polygon = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    if len(polygon) < 3:
        return np.empty(0, dtype=np.int64)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    if not near.size:
        return near
    scale = np.where(high > low, high - low, 1.0)  # the two axes may differ by many orders
    points = (np.stack([x[near], y[near]], axis=1) - low) / scale
    within: NDArray[np.bool_] = skimage.measure.points_in_poly(points, (polygon - low) / scale)  # type: ignore[no-untyped-call]
    return near[within]


def nearest(x: FloatArray, y: FloatArray, at: tuple[float, float], within: tuple[float, float]) -> int | None:
    """Return the point nearest to a place, or None where none is near.

    Parameters
    ----------
    x, y : numpy.ndarray of float64, shape (n,)
        All points.
    at : tuple of float
        The place.
    within : tuple of float
        How far counts as near, along x and along y: an ellipse.
    """
    with np.errstate(invalid="ignore"):
        distance = ((x - at[0]) / within[0]) ** 2 + ((y - at[1]) / within[1]) ** 2
    distance = np.where(np.isfinite(distance), distance, np.inf)
    best = int(distance.argmin()) if distance.size else -1
    return best if best >= 0 and distance[best] <= 1 else None
