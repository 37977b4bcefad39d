"""What several readers' labels have to be, and whose they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box

__all__ = ["band", "checked_readings", "n_rows_of"]

_AT_ONCE = 1 << 22  # voxels whose distances are worked out together


def checked_readings(labels: NDArray[Any], *, at_least: int = 1) -> NDArray[Any]:
    """Return the labels of several readers if they are what they have to be.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices. A reader whose map is missing has no row: an empty row says "I saw nothing there".
    at_least : int
        Fewest readers that make sense.

    Raises
    ------
    DataError
        If they are not.
    """
    if labels.ndim != 4 or labels.dtype.kind not in "bui":
        raise DataError(
            "Expected the readers' labels as one array of integers (readers, Z, Y, X), got "
            f"{labels.dtype} with shape {labels.shape}. Stack one class index map per reader."
        )
    if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
        raise DataError(
            "Expected class indices from 0 (background) on, got a negative one. Map label values to classes."
        )
    if len(labels) < at_least:
        raise DataError(
            f"Expected labels of at least {at_least} reader{'' if at_least == 1 else 's'}, got {len(labels)}. "
            "Leave this case out."
        )
    return labels


def n_rows_of(labels: NDArray[Any], n_rows: int | None) -> int:
    """Return the number C of classes, background included: the one given, or what the labels need (at least 2).

    Raises
    ------
    DataError
        If a label is beyond the number given.
    """
    needed = max(2, int(labels.max(initial=0)) + 1)
    if n_rows is None:
        return needed
    if n_rows < needed:
        raise DataError(f"Expected class indices below {n_rows}, got {needed - 1}. Give the number of all classes.")
    return n_rows


def band(drawn: NDArray[np.bool_], voxels: float = 3.0) -> NDArray[np.bool_]:
    """Return a mask and all voxels near it.

    Parameters
    ----------
    drawn : numpy.ndarray of bool, shape (Z, Y, X)
        The union of what the readers drew.
    voxels : float
        Largest distance between voxel centres, in voxels of the grid, along its axes alike.

    Returns
    -------
    numpy.ndarray of bool, shape (Z, Y, X)
        Empty where nothing was drawn.
    """
    from scipy import ndimage

    result = np.zeros(drawn.shape, dtype=bool)
    z, y, x = (int(n) for n in drawn.shape)
    reach = int(np.ceil(voxels))
    box = Box.around(drawn)
    if box is None:
        return result
    (first, top, left), (last, bottom, right) = box.grown(reach, (z, y, x))
    step = max(1, reach, _AT_ONCE // ((bottom - top) * (right - left)))
    for k in range(first, last, step):  # distances take many times the memory of a mask
        low, high = max(0, k - reach), min(z, k + step + reach)
        part = drawn[low:high, top:bottom, left:right]
        if part.any():
            near = ndimage.distance_transform_edt(~part) <= voxels
            stop = min(k + step, last)
            result[k:stop, top:bottom, left:right] = near[k - low : stop - low]
    return result
