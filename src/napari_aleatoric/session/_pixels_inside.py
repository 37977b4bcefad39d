"""Which pixels of a slice lie in an outline."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.model import MeasureKind

__all__ = ["pixels_inside"]


def pixels_inside(
    shape_zyx: tuple[int, int, int], vertices_zyx: ArrayLike, axis: int, kind: MeasureKind
) -> tuple[NDArray[np.intp], ...]:
    """Return the voxels of the slice whose centre lies in an outline.

    Parameters
    ----------
    shape_zyx : tuple of int
        Of the volume.
    vertices_zyx : array-like, shape (n, 3)
        Indices with fractions.
    axis : int
        The axis that the slice is taken along.
    kind : str
        "ellipse", "rectangle" or "polygon".

    Returns
    -------
    tuple of three numpy.ndarray of int
        Indices z, y, x; empty where the outline holds no centre, or lies outside of the volume.
    """
    from skimage.measure import points_in_poly

    points = np.asarray(vertices_zyx, dtype=np.float64)
    index = int(np.floor(points[0, axis] + 0.5))
    rows, columns = (a for a in range(3) if a != axis)
    flat = points[:, (rows, columns)]
    low = np.maximum(np.ceil(flat.min(axis=0)), 0).astype(int)
    high = np.minimum(np.floor(flat.max(axis=0)), (shape_zyx[rows] - 1, shape_zyx[columns] - 1)).astype(int)
    found = [np.empty(0, np.intp)] * 3
    if (high < low).any() or not 0 <= index < shape_zyx[axis]:
        return tuple(found)
    grid = np.stack(np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    centres = grid.reshape(-1, 2)
    within: Any = points_in_poly
    inside = _in_ellipse(centres, flat) if kind == "ellipse" else np.asarray(within(centres, flat))
    found[axis] = np.full(int(inside.sum()), index, dtype=np.intp)
    found[rows], found[columns] = centres[inside, 0], centres[inside, 1]
    return tuple(found)


def _in_ellipse(centres: NDArray[np.intp], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    middle = corners.mean(axis=0)
    half = np.stack([(corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2], axis=1)
    if abs(np.linalg.det(half)) < 1e-12:
        return np.zeros(len(centres), dtype=bool)
    across = (centres - middle) @ np.linalg.inv(half).T
    return np.asarray((across**2).sum(axis=1) <= 1.0)
