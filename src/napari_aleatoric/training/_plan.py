"""Which grid, patch and network suit a data set; worked out from the data, kept beside the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.uncertainty import QuickNetSpec

__all__ = ["CaseGrid", "NetPlan", "Triple", "coarsened", "plan_net", "shape_on_grid"]

Triple = tuple[int, int, int]

_SAME = 0.1  # a grid this close to the network's is left as it is
_COARSER = 1.1  # one step of coarsening
_MULTIPLE = 8  # voxels; a patch is a multiple of it along a long axis, of half of it along a short one
_LEAST = 4  # voxels of a patch at the coarsest level
_LEAST_LEVELS, _MOST_LEVELS = 3, 4


@dataclass(frozen=True)
class CaseGrid:
    """The part of a case that a network looks at.

    Parameters
    ----------
    shape_zyx : tuple of int
        Voxels.
    spacing_zyx_mm : tuple of float
        Millimetres; all 1 where the spacing is not known.
    """

    shape_zyx: Triple
    spacing_zyx_mm: tuple[float, float, float]


@dataclass(frozen=True)
class NetPlan:
    """Grid, patch and network of one data set.

    Parameters
    ----------
    n_channels : int
        Of the image: 1 grey, 3 colour.
    n_rows : int
        K: classes with background.
    spacing_zyx_mm : tuple of float
        Of the network's grid.
    patch_zyx : tuple of int
        Voxels of the network's grid; training and prediction see windows of this size.
    patches_per_step : int
        Patches in one step of the optimiser.
    strides : tuple of tuple of int
        By level, finest first; the first is (1, 1, 1).
    widths : tuple of int
        Channels by level.
    """

    n_channels: int
    n_rows: int
    spacing_zyx_mm: tuple[float, float, float]
    patch_zyx: Triple
    patches_per_step: int
    strides: tuple[Triple, ...]
    widths: tuple[int, ...]

    @property
    def is_flat(self) -> bool:
        """Whether the network is two-dimensional, and looks at each slice by itself."""
        return self.patch_zyx[0] == 1

    def shape_of(self, grid: CaseGrid) -> Triple:
        """Voxels of a case on the network's grid: its own where the two are within a tenth; slices stay slices."""
        return shape_on_grid(grid, self.spacing_zyx_mm, slices_stay=self.is_flat)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def shape_on_grid(grid: CaseGrid, spacing_zyx_mm: tuple[float, float, float], *, slices_stay: bool) -> Triple:
    """Return the voxels of a case on a grid of another spacing.

    Parameters
    ----------
    grid : CaseGrid
        The case's own.
    spacing_zyx_mm : tuple of float
        Wanted; where it is within a tenth of the case's, the voxels stay.
    slices_stay : bool
        Whether the number of slices is not changed.
    """
    shape = []
    for n, own, wanted in zip(grid.shape_zyx, grid.spacing_zyx_mm, spacing_zyx_mm, strict=True):
        ratio = own / wanted
        shape.append(n if abs(ratio - 1) <= _SAME or n == 1 else max(1, round(n * ratio)))
    return (grid.shape_zyx[0] if slices_stay else shape[0], shape[1], shape[2])


def coarsened(
    extent: NDArray[np.float64], spacing: NDArray[np.float64], axes: Sequence[int], most_voxels: int
) -> NDArray[np.float64]:
    """Return the spacing at which a case has at most so many voxels: the finest axes are coarsened first.

    Parameters
    ----------
    extent, spacing : numpy.ndarray of float64, shape (3,)
        Of the typical case, z, y, x, in millimetres.
    axes : sequence of int
        Which count, and may be coarsened.
    most_voxels : int
        The limit.
    """
    spacing = spacing.copy()
    axes = list(axes)
    while math.prod(extent[axes] / spacing[axes]) > most_voxels:
        finest = spacing[axes].min()
        for axis in axes:
            if spacing[axis] < finest * _COARSER:
                spacing[axis] *= _COARSER
    return spacing


def plan_net(grids: Sequence[CaseGrid], n_channels: int, n_rows: int, spec: QuickNetSpec) -> NetPlan:
    """Choose grid, patch and network for a data set.

    The grid has the median spacing of the cases, coarsened, the finest axes first, until the median case has at
    most ``spec.case_voxels``. The patch is the median case, cut to ``spec.patch_voxels``; an axis is halved from
    level to level while the patch stays at least 4 voxels thick and the spacing within twice the finest.
    Where the median case has fewer than ``spec.flat_below`` slices the network is two-dimensional: along so few
    slices there is little to see, and a step then learns from more cases.
    In the manner of nnU-Net's planning (Isensee et al. 2021, doi 10.1038/s41592-020-01008-z), with our own numbers.

    Parameters
    ----------
    grids : sequence of CaseGrid
        Of all cases that are learned from.
    n_channels, n_rows : int
        See `NetPlan`.
    spec : QuickNetSpec
        Limits.

    Returns
    -------
    NetPlan
        Does not depend on the order of the cases.

    Raises
    ------
    DataError
        If there is no case.
    """
    if not grids:
        raise DataError("Expected at least one case to plan a network for, got none.")
    spacing = np.median([g.spacing_zyx_mm for g in grids], axis=0)
    extent = np.median([np.multiply(g.shape_zyx, g.spacing_zyx_mm) for g in grids], axis=0)
    flat = float(np.median([g.shape_zyx[0] for g in grids])) < spec.flat_below
    axes = [1, 2] if flat else [0, 1, 2]
    spacing = coarsened(extent, spacing, axes, spec.case_voxels)
    shape = np.maximum(1, np.rint(extent / spacing)).astype(int)
    if flat:
        shape[0] = 1
    patch = _patch(shape, spacing, spec.patch_voxels)
    strides = _strides(patch, spacing)
    return NetPlan(
        n_channels=n_channels,
        n_rows=n_rows,
        spacing_zyx_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        patch_zyx=patch,
        patches_per_step=max(2, round(spec.voxels_per_step / math.prod(patch))),
        strides=strides,
        widths=tuple(spec.width * 2**level for level in range(len(strides))),
    )


def _patch(shape: np.ndarray, spacing: np.ndarray, most: int) -> Triple:
    """Cut the longest axis (in mm) until few enough voxels are left, then round down to what can be halved."""
    size = shape.astype(float)
    while math.prod(size) > most:
        long = [a for a in range(3) if size[a] > _MULTIPLE]
        if not long:
            break
        axis = max(long, key=lambda a: size[a] * spacing[a])
        size[axis] = max(_MULTIPLE, size[axis] * 0.9)
    rounded = []
    for n in map(int, size):
        step = _MULTIPLE if n >= 4 * _MULTIPLE else _MULTIPLE // 2 if n >= _MULTIPLE else 1
        rounded.append(n // step * step)
    return (rounded[0], rounded[1], rounded[2])


def _strides(patch: Triple, spacing: np.ndarray) -> tuple[Triple, ...]:
    size, step = list(patch), spacing.astype(float).copy()
    found: list[Triple] = [(1, 1, 1)]
    while len(found) < _MOST_LEVELS:
        able = [a for a in range(3) if size[a] % 2 == 0 and size[a] // 2 >= _LEAST]
        if not able:
            break
        finest = min(step[a] for a in able)
        halved = [a for a in able if step[a] <= 2 * finest]
        found.append((2 if 0 in halved else 1, 2 if 1 in halved else 1, 2 if 2 in halved else 1))
        for axis in halved:
            size[axis] //= 2
            step[axis] *= 2
    found += [(1, 1, 1)] * (_LEAST_LEVELS - len(found))
    return tuple(found)
