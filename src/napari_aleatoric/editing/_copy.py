"""What another slice, another reader or a model drew, taken over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, GeometryMismatchError
from napari_aleatoric.foundation import Box

from ._edit import KEEP_OTHERS, Edit, Keep, class_edit, edit_in
from ._scope import Scope

__all__ = ["copy_neighbour", "copy_region", "differing_region"]


def copy_neighbour(label: NDArray[Any], value: int, scope: Scope, step: int, keep: Keep = KEEP_OTHERS) -> Edit:
    """Make a class in a slice what it is in a slice before or after.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    value : int
        Label value of the class.
    scope : Scope
        Its index says which slice is changed.
    step : int
        From which slice: -1 the one before, 1 the one after.
    keep : Keep
        What must stay.

    Raises
    ------
    DataError
        If there is no such slice, or the class is not in it.
    """
    if scope.index is None:
        raise DataError("Expected one slice to copy into, got all of them.")
    box = scope.box(label.shape)
    source = scope.index + step
    if not 0 <= source < label.shape[scope.axis]:
        raise DataError(f"There is no slice {'before' if step < 0 else 'after'} this one.")
    theirs = label[Scope(scope.axis, source).box(label.shape).slices] == value
    if not theirs.any():
        raise DataError(f"The slice {'before' if step < 0 else 'after'} has nothing of the class to copy.")
    return class_edit(label, box, theirs, value, keep)


def copy_region(
    label: NDArray[Any],
    other: NDArray[Any],
    box: Box,
    region: NDArray[np.bool_] | None = None,
    value: int | None = None,
    keep: Keep = KEEP_OTHERS,
) -> Edit:
    """Take another label over inside a region alone.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Upright; not changed.
    other : numpy.ndarray of integer, shape (Z, Y, X)
        Label values of a reader or a model, on the same grid.
    box : Box
        Where.
    region : numpy.ndarray of bool, the shape of the box, optional
        Where in it; all of it by default.
    value : int, optional
        One class, which becomes what it is there; by default every voxel gets the other's value.
    keep : Keep
        What must stay; ``others`` counts where one class is copied.

    Raises
    ------
    GeometryMismatchError
        If the other label has another shape.
    DataError
        If the label's type cannot hold a value of the other.
    """
    _check_shapes(label, other)
    part, theirs = label[box.slices], other[box.slices]
    inside = np.ones(part.shape, bool) if region is None else region
    if value is not None:
        return class_edit(label, box, np.where(inside, theirs == value, part == value), value, keep)
    locked = sorted(keep.locked)
    if locked:
        inside = inside & ~np.isin(part, locked) & ~np.isin(theirs, locked)
    limits, wanted = np.iinfo(label.dtype), theirs[inside]
    if wanted.size and not limits.min <= wanted.min() <= wanted.max() <= limits.max:
        raise DataError(
            f"The other label has the value {wanted.max()}, which this one ({label.dtype}) cannot hold."
        )
    return edit_in(label, box, inside, theirs.astype(label.dtype))


def differing_region(
    label: NDArray[Any],
    other: NDArray[Any],
    place_zyx: tuple[int, int, int],
    scope: Scope,
    value: int | None = None,
    reach: int = 3,
) -> tuple[Box, NDArray[np.bool_]] | None:
    """Find the connected region at a place in which two labels differ.

    Voxels that touch at an edge or a corner are connected (26 neighbours; in a slice 8).

    Parameters
    ----------
    label, other : numpy.ndarray of integer, shape (Z, Y, X)
        On one grid, upright.
    place_zyx : tuple of int
        Where somebody points. If the labels agree there, the nearest difference of the slice counts, as far as
        ``reach`` pixels away.
    scope : Scope
        In the slice alone, or through the volume; its axis says which slice the place is looked for in.
    value : int, optional
        Whether a voxel is of this class is all that is compared; by default all classes are.
    reach : int
        In pixels of the slice.

    Returns
    -------
    (Box, numpy.ndarray of bool) or None
        The region as a block and a mask of its shape; None if they differ nowhere near.

    Raises
    ------
    GeometryMismatchError
        If the other label has another shape.
    """
    import cc3d

    _check_shapes(label, other)
    plane = Scope(scope.axis, place_zyx[scope.axis]).box(label.shape)
    box = plane if scope.is_flat else Box.whole(label.shape)

    def differs(block: Box) -> NDArray[np.bool_]:
        a, b = label[block.slices], other[block.slices]
        result: NDArray[np.bool_] = a != b if value is None else (a == value) != (b == value)
        return result

    there = np.argwhere(differs(plane)) + plane.start_zyx
    if not len(there):
        return None
    away = np.abs(there - np.asarray(place_zyx)).max(axis=1)
    squared = ((there - np.asarray(place_zyx)) ** 2).sum(axis=1)
    if away.min() > reach:
        return None
    seed = there[squared.argmin()] - box.start_zyx
    numbers = cc3d.connected_components(differs(box).astype(np.uint8), connectivity=26)
    mask = numbers == numbers[tuple(seed)]
    tight = Box.around(mask)
    if tight is None:
        return None
    start, stop = (tuple(np.add(end, box.start_zyx).tolist()) for end in tight)
    return Box(start, stop), mask[tight.slices]


def _check_shapes(label: NDArray[Any], other: NDArray[Any]) -> None:
    if label.shape != other.shape:
        raise GeometryMismatchError(f"Expected a label of shape {label.shape}, got one of {other.shape}.")
