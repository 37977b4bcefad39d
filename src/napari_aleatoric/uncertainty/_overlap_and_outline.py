"""How well two masks overlap, and how far their outlines are apart, in millimetres on any grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SurfaceFigures", "compare_surfaces", "dice", "surface_points"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

_ROUNDING = 1e-6  # part of the tolerance: products of spacings that should be equal to it may be a hair above


class SurfaceFigures(NamedTuple):
    """Surface Dice in [0, 1], high = good; 95th percentile of the distances in mm, low = good."""

    surface_dice: float
    hd95_mm: float


def dice(reference: BoolArray, predicted: BoolArray) -> float:
    """Return 2 |A ∩ B| / (|A| + |B|); 1 where both are empty, 0 where one is."""
    total = int(reference.sum()) + int(predicted.sum())
    return 2.0 * int((reference & predicted).sum()) / total if total else 1.0


def surface_points(mask: BoolArray, spacing_zyx_mm: tuple[float, float, float]) -> FloatArray:
    """Return the centres of a mask's border voxels, in millimetres along the axes of the grid.

    A border voxel is in the mask and has a neighbour across a face that is not; outside the image nothing is. In an
    image of one slice the two faces towards the missing slices do not count.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Z, Y, X)
        The structure.
    spacing_zyx_mm : tuple of float
        Of the grid. The axes of a grid are at right angles, so that distances along them are distances in the
        patient however oblique it lies.

    Returns
    -------
    numpy.ndarray of float64, shape (n, 3)
    """
    from scipy import ndimage

    where = np.argwhere(mask)
    if not len(where):
        return np.empty((0, 3))
    low = np.maximum(where.min(axis=0) - 1, 0)
    high = where.max(axis=0) + 2
    part = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    inner = _eroded(part[0], ndimage)[np.newaxis] if mask.shape[0] == 1 else _eroded(part, ndimage)
    border = np.argwhere(part & ~inner) + low
    return np.asarray(border * np.asarray(spacing_zyx_mm, dtype=np.float64))


def compare_surfaces(
    reference: BoolArray, predicted: BoolArray, spacing_zyx_mm: tuple[float, float, float], tolerance_mm: float
) -> SurfaceFigures:
    """Compare the outlines of two masks of one grid.

    Surface Dice is the part of both borders' voxels that lie within the tolerance of the other border (Nikolov et
    al., arXiv 1809.04430, with border voxels in place of surface elements); HD95 is the larger of the two 95th
    percentiles of the distances from one border to the other.

    Where both masks are empty the outlines agree: 1 and 0 mm. Where one is, they have nothing in common: 0, and the
    diagonal of the image, the largest distance there could be (our choice: an infinite one has no mean, and leaving
    the case out would reward a network that misses it).

    Parameters
    ----------
    reference, predicted : numpy.ndarray of bool, shape (Z, Y, X)
        On the same grid.
    spacing_zyx_mm : tuple of float
        Of that grid.
    tolerance_mm : float
        Distance that does not count, mm.
    """
    from scipy.spatial import KDTree

    a, b = surface_points(reference, spacing_zyx_mm), surface_points(predicted, spacing_zyx_mm)
    if not len(a) and not len(b):
        return SurfaceFigures(1.0, 0.0)
    if not len(a) or not len(b):
        return SurfaceFigures(0.0, diagonal_mm(reference.shape, spacing_zyx_mm))
    from_a: FloatArray = KDTree(b).query(a)[0]
    from_b: FloatArray = KDTree(a).query(b)[0]
    near = tolerance_mm * (1 + _ROUNDING) + 1e-9
    within = int((from_a <= near).sum()) + int((from_b <= near).sum())
    hd95 = max(float(np.percentile(from_a, 95)), float(np.percentile(from_b, 95)))
    return SurfaceFigures(within / (len(a) + len(b)), hd95)


def diagonal_mm(shape_zyx: tuple[int, ...], spacing_zyx_mm: tuple[float, float, float]) -> float:
    """Return the distance between opposite corners of an image, mm."""
    return float(np.linalg.norm(np.multiply(shape_zyx, spacing_zyx_mm)))


def _eroded(mask: BoolArray, ndimage: Any) -> BoolArray:
    return np.asarray(ndimage.binary_erosion(mask), dtype=bool)
