"""What a brush covers, and which of it belongs together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box

from ._scope import Spacing

__all__ = ["along_edge", "ball", "in_range", "widened"]

_ROUNDING = 1e-6
_CORE = 1 / 3  # of the brush: where the tissue that is meant is measured
_WHOLE_FROM_HALF = 2.65  # the middle half of a normal distribution has 0.378 of its standard deviation
_LEAST_SD = 1e-3  # of the range of intensities under the brush: noise-free pictures have none


def ball(
    centre_zyx: tuple[float, float, float],
    radius: float,
    shape_zyx: tuple[int, ...],
    spacing_zyx_mm: Spacing | None = None,
    axis: int | None = None,
) -> tuple[Box, NDArray[np.bool_]] | None:
    """Return the voxels whose centres lie within a distance of a place.

    Parameters
    ----------
    centre_zyx : tuple of float
        In voxels; of a disc the slice is the nearest one.
    radius : float
        In mm; in voxels where ``spacing_zyx_mm`` is None.
    shape_zyx : tuple of int
        Of the volume.
    spacing_zyx_mm : tuple of float or None
        Distances of voxels; a ball in mm is fewer slices high where these are thick.
    axis : int, optional
        A disc in the slice across this axis, and no ball.

    Returns
    -------
    (Box, numpy.ndarray of bool) or None
        A block and a mask of its shape; None outside of the volume. The voxel at the centre always belongs to it.
    """
    spacing = spacing_zyx_mm or (1.0, 1.0, 1.0)
    start, stop, squares = [], [], []
    for k in range(3):
        here, reach = centre_zyx[k], 0.0 if k == axis else radius / spacing[k]
        nearest = int(np.floor(here + 0.5))
        first = max(0, min(nearest, int(np.ceil(here - reach))))
        last = min(shape_zyx[k], max(nearest, int(np.floor(here + reach))) + 1)
        if first >= last:
            return None
        start.append(first)
        stop.append(last)
        off = np.arange(first, last) - (nearest if k == axis else here)
        squares.append((off * spacing[k]) ** 2)
    away = squares[0][:, None, None] + squares[1][:, None] + squares[2]
    mask = away <= (radius * (1 + _ROUNDING)) ** 2
    mask |= away == away.min()
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])), mask


def in_range(image: NDArray[Any], footprint: NDArray[np.bool_], low: float, high: float) -> NDArray[np.bool_]:
    """Return the voxels under a brush whose intensities lie between two values, both included."""
    result: NDArray[np.bool_] = footprint & (image >= low) & (image <= high)
    return result


def along_edge(
    image: NDArray[Any],
    footprint: NDArray[np.bool_],
    centre_zyx: tuple[int, int, int],
    k: float = 2.0,
    spacing_zyx_mm: Spacing | None = None,
) -> NDArray[np.bool_]:
    """Return the voxels under a brush that belong to the tissue at its centre, up to the edge (our proposal).

    A watershed on the size of the image's gradient, smoothed by a Gaussian of one voxel (F. Meyer, "Topographic
    distance and watershed lines", Signal Processing 38, 1994, as in scikit-image), cuts what the brush covers into
    basins whose borders lie where the gradient is steepest. Those whose median lies within ``k`` standard
    deviations of the mean, and that are connected with the centre by faces, belong to the tissue; a voxel beside
    the border goes to the side whose intensity is nearer to its own. Mean and standard deviation are measured in
    the inner third of the brush, of the half of its voxels that is nearest to the centre's value.

    Parameters
    ----------
    image : numpy.ndarray, shape (z, y, x)
        Intensities under the brush and a few voxels round it (`widened`), so that an edge is seen from both sides.
    footprint : numpy.ndarray of bool, the same shape
        What the brush covers.
    centre_zyx : tuple of int
        Its centre, in voxels of this block.
    k : float
        Standard deviations.
    spacing_zyx_mm : tuple of float or None
        For the gradient.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    values = np.asarray(image, dtype=np.float32)
    under = values[footprint]
    spread = float(under.max() - under.min()) if under.size else 0.0
    if spread == 0.0:
        return footprint.copy()
    mean, sd = _tissue(values, footprint, centre_zyx, spacing_zyx_mm)
    basins: NDArray[np.int32] = watershed(_steepness(values, spacing_zyx_mm))  # type: ignore[no-untyped-call]
    numbers = np.arange(1, int(basins.max()) + 1)
    medians = np.concatenate([[0.0], ndimage.median(values, basins, numbers)])
    belongs = np.abs(medians - mean) <= k * max(sd, _LEAST_SD * spread)
    belongs[basins[centre_zyx]] = True
    tissue = _side_by_side(values, belongs[basins], medians[basins], mean)
    tissue[centre_zyx] = True
    parts, _ = ndimage.label(tissue & footprint)
    result: NDArray[np.bool_] = parts == parts[centre_zyx]
    return result & footprint


def widened(
    box: Box, footprint: NDArray[np.bool_], shape_zyx: tuple[int, ...], margin: int = 3
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the block of a brush with a margin along the axes that it covers, inside the volume."""
    start, stop, room = [], [], []
    for k in range(3):
        reach = margin if footprint.shape[k] > 1 else 0
        start.append(max(0, box.start_zyx[k] - reach))
        stop.append(min(shape_zyx[k], box.stop_zyx[k] + reach))
        room.append((box.start_zyx[k] - start[k], stop[k] - box.stop_zyx[k]))
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])), np.pad(footprint, room)


def _side_by_side(
    values: NDArray[np.float32],
    tissue: NDArray[np.bool_],
    medians: NDArray[np.float64],
    mean: float,
) -> NDArray[np.bool_]:
    """Give voxels on both sides of the border to the side that their intensities are nearer to."""
    from scipy import ndimage

    result = tissue.copy()
    others = ~tissue
    if not others.any():
        return result
    away, nearest = ndimage.distance_transform_edt(~others, return_indices=True)
    theirs = medians[tuple(nearest)]
    result[tissue & (away <= 1) & (np.abs(values - mean) > np.abs(values - theirs))] = False
    beside = others & (ndimage.distance_transform_edt(~tissue) <= 1)
    result[beside & (np.abs(values - mean) < np.abs(values - medians))] = True
    return result


def _steepness(values: NDArray[np.float32], spacing_zyx_mm: Spacing | None) -> NDArray[np.float32]:
    """Return the size of the gradient, per mm or voxel, along the axes that are longer than a voxel."""
    from scipy import ndimage

    spacing = spacing_zyx_mm or (1.0, 1.0, 1.0)
    soft = ndimage.gaussian_filter(values, [1.0 if n > 1 else 0.0 for n in values.shape], mode="nearest")
    squared = np.zeros_like(values)
    for axis, n in enumerate(values.shape):
        if n > 1:
            squared += (np.gradient(soft, axis=axis) / spacing[axis]) ** 2
    result: NDArray[np.float32] = np.sqrt(squared)
    return result


def _tissue(
    values: NDArray[np.float32],
    footprint: NDArray[np.bool_],
    centre_zyx: tuple[int, int, int],
    spacing_zyx_mm: Spacing | None,
) -> tuple[float, float]:
    """Return mean and standard deviation of the half of the inner voxels that is nearest to the centre's value."""
    spacing = spacing_zyx_mm or (1.0, 1.0, 1.0)
    where = np.argwhere(footprint)
    away = np.sqrt((((where - np.asarray(centre_zyx)) * np.asarray(spacing)) ** 2).sum(axis=1))
    inner = where[away <= max(_CORE * float(away.max()), 1.5 * min(spacing))]
    found = values[tuple(inner.T)]
    own = float(np.median(values[tuple(slice(max(c - 1, 0), c + 2) for c in centre_zyx)]))
    closest = found[np.argsort(np.abs(found - own), kind="stable")[: max(3, (len(found) + 1) // 2)]]
    return float(closest.mean()), _WHOLE_FROM_HALF * float(closest.std())
