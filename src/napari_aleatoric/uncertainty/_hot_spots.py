"""Where to look first: the hottest place of a map and the slices around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import HotSpot

__all__ = ["hot_spot", "spot_of_slices"]

_PART = 0.5  # slices belong to the hot region while their hottest place has this part of the hottest of all


def hot_spot(
    heat: NDArray[Any], map_name: str, class_index: int, start_zyx: tuple[int, int, int] = (0, 0, 0)
) -> HotSpot | None:
    """Find the hottest voxel and the unbroken run of slices around it that are at least half as hot.

    Parameters
    ----------
    heat : numpy.ndarray, shape (Z, Y, X)
        A smooth map (such as local means), upright; NaN is never the hottest.
    map_name, class_index
        What the map is.
    start_zyx : tuple of int
        Index of its first voxel on the whole grid.

    Returns
    -------
    HotSpot or None
        On the whole grid; None if nothing is above zero.
    """
    values = np.nan_to_num(heat, nan=0.0)
    z, y, x = (int(i) for i in np.unravel_index(int(values.argmax()), values.shape))
    return spot_of_slices(values.max(axis=(1, 2)), (z, y, x), map_name, class_index, start_zyx)


def spot_of_slices(
    by_slice: NDArray[Any],
    hottest_zyx: tuple[int, int, int],
    map_name: str,
    class_index: int,
    start_zyx: tuple[int, int, int] = (0, 0, 0),
) -> HotSpot | None:
    """Do as `hot_spot` where only the largest value of every slice, shape (Z,), and the hottest voxel are known."""
    peak = float(by_slice.max())
    if peak <= 0:
        return None
    z, y, x = hottest_zyx
    first = last = z
    while first > 0 and by_slice[first - 1] >= _PART * peak:
        first -= 1
    while last < len(by_slice) - 1 and by_slice[last + 1] >= _PART * peak:
        last += 1
    dz, dy, dx = start_zyx
    return HotSpot(map_name, class_index, (z + dz, y + dy, x + dx), (first + dz, last + dz))
