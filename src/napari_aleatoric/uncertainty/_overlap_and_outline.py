"""How well two masks overlap, and how far their outlines are apart, in millimetres on any grid."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box

__all__ = ["Outline", "SurfaceFigures", "compare_outlines", "compare_surfaces", "dice", "surface_points"]

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

    box = Box.around(mask)
    if box is None:
        return np.empty((0, 3))
    z, y, x = (int(n) for n in mask.shape)
    box = box.grown(1, (z, y, x))
    part = mask[box.slices]
    inner = _eroded(part[0], ndimage)[np.newaxis] if mask.shape[0] == 1 else _eroded(part, ndimage)
    border = np.argwhere(part & ~inner) + box.start_zyx
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
    a, b = Outline(reference, spacing_zyx_mm), Outline(predicted, spacing_zyx_mm)
    found = compare_outlines(a, b, tolerance_mm)
    if found is not None:
        return found
    if not len(a.points) and not len(b.points):
        return SurfaceFigures(1.0, 0.0)
    return SurfaceFigures(0.0, diagonal_mm(reference.shape, spacing_zyx_mm))


class Outline:
    """The border of a mask, ready to be compared with several others.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (Z, Y, X)
        The structure; it is not kept.
    spacing_zyx_mm : tuple of float
        Of the grid.
    """

    def __init__(self, mask: BoolArray, spacing_zyx_mm: tuple[float, float, float]) -> None:
        self.points: FloatArray = surface_points(mask, spacing_zyx_mm)

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import KDTree

        return KDTree(self.points)

    def distances_to(self, other: Outline) -> FloatArray:
        """Distance of every border voxel from the nearest of another outline, which is not empty; shape (n,)."""
        return np.asarray(other._tree.query(self.points)[0], dtype=np.float64)


def compare_outlines(a: Outline, b: Outline, tolerance_mm: float) -> SurfaceFigures | None:
    """Do as `compare_surfaces`; None where an outline is empty."""
    if not len(a.points) or not len(b.points):
        return None
    from_a, from_b = a.distances_to(b), b.distances_to(a)
    near = tolerance_mm * (1 + _ROUNDING) + 1e-9
    within = int((from_a <= near).sum()) + int((from_b <= near).sum())
    hd95 = max(float(np.percentile(from_a, 95)), float(np.percentile(from_b, 95)))
    return SurfaceFigures(within / (len(from_a) + len(from_b)), hd95)


def diagonal_mm(shape_zyx: tuple[int, ...], spacing_zyx_mm: tuple[float, float, float]) -> float:
    """Return the distance between opposite corners of an image, mm."""
    return float(np.linalg.norm(np.multiply(shape_zyx, spacing_zyx_mm)))


def _eroded(mask: BoolArray, ndimage: Any) -> BoolArray:
    return np.asarray(ndimage.binary_erosion(mask), dtype=bool)
