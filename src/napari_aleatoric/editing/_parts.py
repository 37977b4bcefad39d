"""Loose parts of a class: the small ones away, or all but the largest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import Reporter

from ._edit import KEEP_OTHERS, Edit, Keep, class_edit, no_edit
from ._scope import SILENT, Scope, Spacing, class_box, distances, per_slice

__all__ = ["keep_largest", "remove_small"]


def remove_small(
    label: NDArray[Any],
    value: int,
    scope: Scope,
    smallest: float,
    spacing_zyx_mm: Spacing | None = None,
    keep: Keep = KEEP_OTHERS,
    reporter: Reporter = SILENT,
) -> Edit:
    """Take away parts of a class that are smaller than a size.

    Parts that touch at an edge or a corner are one (26 neighbours; in a slice 8), as in the check for loose parts.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    value : int
        Label value of the class.
    scope : Scope
        Parts of the volume, or of every slice.
    smallest : float
        Parts of this size stay: in mm³, in slices mm²; in voxels where ``spacing_zyx_mm`` is None.
    spacing_zyx_mm : tuple of float or None
        None where it is not known.
    keep : Keep
        What must stay.
    reporter : Reporter
        Told slice by slice where the scope is flat.
    """

    def large_ones(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        numbers, sizes = _parts(part)
        size = float(np.prod(distances(part.ndim, scope, spacing_zyx_mm)))
        stays = sizes * size >= smallest * (1 - 1e-9)
        stays[0] = False
        large: NDArray[np.bool_] = stays[numbers]
        return large

    return _with_parts(label, value, scope, large_ones, keep, reporter)


def keep_largest(
    label: NDArray[Any], value: int, scope: Scope, keep: Keep = KEEP_OTHERS, reporter: Reporter = SILENT
) -> Edit:
    """Take away all parts of a class but the largest; of two as large, the one that comes first stays.

    Parameters
    ----------
    label, value, scope, keep, reporter
        As in `remove_small`.
    """

    def largest(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        numbers, sizes = _parts(part)
        sizes[0] = 0
        chosen: NDArray[np.bool_] = numbers == sizes.argmax()
        return chosen

    return _with_parts(label, value, scope, largest, keep, reporter)


def _with_parts(label: NDArray[Any], value: int, scope: Scope, work: Any, keep: Keep, reporter: Reporter) -> Edit:
    box = class_box(label, value, scope, (0, 0, 0))
    if box is None:
        return no_edit(label)
    stays = per_slice(label[box.slices] == value, scope, work, reporter, "looking for loose parts")
    return class_edit(label, box, stays, value, keep)


def _parts(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the numbers of the parts of a mask in two or three dimensions, and how many voxels each has."""
    import cc3d

    numbers = cc3d.connected_components(
        np.ascontiguousarray(mask, dtype=np.uint8), connectivity=26 if mask.ndim == 3 else 8
    )
    return numbers, np.bincount(numbers.ravel()).astype(np.int64)
