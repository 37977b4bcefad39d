"""Solids given by a function that is negative inside, and how much of each voxel they fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_aleatoric.model import Geometry

__all__ = ["FloatArray", "PatientGrid", "cut", "ellipsoid", "filled", "join"]

FloatArray = NDArray[np.float32]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class PatientGrid:
    """Where every voxel of a grid lies in the (gently deformed) standard patient.

    Parameters
    ----------
    geometry : Geometry
        The grid.
    x, y, z : numpy.ndarray of float32, shape (Z, Y, X)
        LPS millimetres in the standard patient: left, posterior, superior of the middle of the body.
    reach_mm : float
        Largest displacement by the deformation, so that boxes are never too small.
    """

    geometry: Geometry
    x: FloatArray
    y: FloatArray
    z: FloatArray
    reach_mm: float

    def box(self, centre_lps: ArrayLike, radius_mm: float) -> Box | None:
        """Index box that holds every voxel within the radius of a point; None if that is outside the grid."""
        centre = self.geometry.index_from_lps(centre_lps)
        half = (radius_mm + self.reach_mm) / np.asarray(self.geometry.spacing_zyx_mm) + 2
        low = np.maximum(np.floor(centre - half), 0).astype(int)
        high = np.minimum(np.ceil(centre + half) + 1, self.geometry.shape_zyx).astype(int)
        if np.any(high - low < 2):
            return None
        return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))

    def column(self, x: float, y: float, half_x: float, half_y: float) -> Box:
        """Index box of a column along the body: every voxel that near (in mm) to the line through (x, y)."""
        near = (np.abs(self.x[::2, ::2, ::2] - x) < half_x + 8) & (np.abs(self.y[::2, ::2, ::2] - y) < half_y + 8)
        ranges = []
        for axis, n in enumerate(self.x.shape):
            used = np.flatnonzero(near.any(axis=tuple(a for a in range(3) if a != axis)))
            low, high = (2 * int(used[0]) - 2, 2 * int(used[-1]) + 4) if len(used) else (0, n)
            ranges.append(slice(max(low, 0), min(high, n)))
        return (ranges[0], ranges[1], ranges[2])

    def within(self, box: Box) -> PatientGrid:
        """Return the same grid, only the voxels of a box (the geometry stays that of the whole)."""
        return PatientGrid(self.geometry, self.x[box], self.y[box], self.z[box], self.reach_mm)


def ellipsoid(
    grid: PatientGrid, centre: ArrayLike, radii: ArrayLike, turn: NDArray[np.float64] | None = None
) -> FloatArray:
    """Distance in mm (first order, near the surface) to an ellipsoid; negative inside.

    Parameters
    ----------
    grid : PatientGrid
        Where to evaluate.
    centre, radii : array-like of 3
        (x, y, z) in mm; a radius of infinity makes a cylinder.
    turn : numpy.ndarray, shape (3, 3), optional
        Rotation from the patient's axes to those of the ellipsoid.
    """
    c = np.asarray(centre, dtype=np.float32)
    weight = 1.0 / np.square(np.asarray(radii, dtype=np.float32))  # 0 along a cylinder's axis
    offset: list[FloatArray] = [grid.x - c[0], grid.y - c[1], grid.z - c[2]]
    if turn is not None:
        m = np.asarray(turn, dtype=np.float32)
        offset = [m[k, 0] * offset[0] + m[k, 1] * offset[1] + m[k, 2] * offset[2] for k in range(3)]
    k0, k1 = np.zeros_like(grid.x), np.full_like(grid.x, 1e-12)
    for o, w in zip(offset, weight, strict=True):
        if w:
            o *= o
            o *= w
            k0 += o
            o *= w
            k1 += o
    np.sqrt(k0, out=k0)
    np.sqrt(k1, out=k1)
    return np.asarray(k0 * (k0 - 1) / k1, dtype=np.float32)


def join(a: FloatArray, b: FloatArray, rounding_mm: float) -> FloatArray:
    """Union with a rounded seam (polynomial smooth minimum)."""
    h = np.clip(0.5 + 0.5 * (b - a) / rounding_mm, 0.0, 1.0)
    return np.asarray(b + (a - b) * h - rounding_mm * h * (1.0 - h), dtype=np.float32)


def cut(a: FloatArray, b: FloatArray, gap_mm: float = 0.0) -> FloatArray:
    """Return what of ``a`` is farther than a gap outside ``b``."""
    return np.asarray(np.maximum(a, gap_mm - b))


def filled(distance: FloatArray) -> FloatArray:
    """How much of each voxel lies inside: 0..1, exact for a plane along a grid axis (partial volume).

    The voxel is a box; the surface within it is taken as a plane with the local gradient, so thick slices
    blur more than thin ones.
    """
    thick = [axis for axis in range(3) if distance.shape[axis] > 1]
    width = sum(np.abs(np.gradient(distance, axis=axis)) for axis in thick)
    return np.asarray(np.clip(0.5 - distance / np.maximum(width, 1e-6), 0.0, 1.0), dtype=np.float32)
