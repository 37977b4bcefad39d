"""Which voxels of a label map change, from what to what; and what must stay as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box

__all__ = ["KEEP_OTHERS", "Edit", "Keep", "class_edit", "edit_between", "edit_in", "no_edit"]


@dataclass(frozen=True, eq=False)
class Edit:
    """A change of some voxels of a label map.

    Parameters
    ----------
    shape_zyx : tuple of int
        Of the label map.
    index : numpy.ndarray of int64, shape (n,)
        Flat indices of the voxels that change, ascending, each once.
    old, new : numpy.ndarray of integer, shape (n,)
        Their label values before and after; different everywhere.
    """

    shape_zyx: tuple[int, ...]
    index: NDArray[np.int64]
    old: NDArray[Any]
    new: NDArray[Any]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def where(self) -> tuple[NDArray[np.intp], ...]:
        """The same voxels as index arrays (z, y, x)."""
        return np.unravel_index(self.index, self.shape_zyx)

    def fits(self, label: NDArray[Any]) -> bool:
        """Whether all these voxels still hold what they held when the change was worked out."""
        return label.shape == self.shape_zyx and bool(np.array_equal(label[self.where], self.old))

    def applied_to(self, label: NDArray[Any]) -> NDArray[Any]:
        """Return a changed copy of the label map.

        Raises
        ------
        DataError
            If the label map has another shape.
        """
        if label.shape != self.shape_zyx:
            raise DataError(f"The change belongs to a label of shape {self.shape_zyx}, this one has {label.shape}.")
        result = label.copy()
        result[self.where] = self.new
        return result


@dataclass(frozen=True)
class Keep:
    """What an operation must leave as it is.

    Parameters
    ----------
    locked : frozenset of int
        Label values that no voxel may leave or enter.
    others : bool
        Whether a class may grow into the background alone, and not into other classes.
    """

    locked: frozenset[int] = frozenset()
    others: bool = True

    def check(self, value: int) -> None:
        """Refuse to change a class that is locked.

        Raises
        ------
        DataError
            If it is.
        """
        if value in self.locked:
            raise DataError(f"The label {value} is locked. Unlock it, or choose another class.")

    def free(self, label: NDArray[Any], value: int) -> NDArray[np.bool_]:
        """Return which voxels of an array may become (or are) a label value."""
        if self.others and value != 0:
            stays = [other for other in (0, value) if other not in self.locked]
            free: NDArray[np.bool_] = np.isin(label, stays)
        else:
            free = ~np.isin(label, sorted(self.locked))
        return free


KEEP_OTHERS = Keep()
"""Nothing is locked, and classes do not grow into each other."""


def edit_in(label: NDArray[Any], box: Box, changed: NDArray[np.bool_], new: NDArray[Any] | int) -> Edit:
    """Describe a change inside a block.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Before the change.
    box : Box
        Where.
    changed : numpy.ndarray of bool, the shape of the box
        Which voxels are set; those that hold the new value already are left out.
    new : numpy.ndarray of integer, the shape of the box, or int
        Label values afterwards.
    """
    part = label[box.slices]
    values = np.broadcast_to(np.asarray(new, dtype=label.dtype), part.shape)
    inside = np.nonzero(changed & (part != values))
    where = tuple(axis + start for axis, start in zip(inside, box.start_zyx, strict=True))
    index = np.ravel_multi_index(where, label.shape).astype(np.int64)
    return Edit(label.shape, index, part[inside].copy(), values[inside].copy())


def no_edit(label: NDArray[Any]) -> Edit:
    """Describe that nothing changes."""
    nothing = np.empty(0, label.dtype)
    return Edit(label.shape, np.empty(0, np.int64), nothing, nothing)


def edit_between(before: NDArray[Any], after: NDArray[Any]) -> Edit:
    """Describe what differs between two states of a label map, shape (Z, Y, X)."""
    return edit_in(before, Box.whole(before.shape), before != after, after)


def class_edit(label: NDArray[Any], box: Box, wanted: NDArray[np.bool_], value: int, keep: Keep) -> Edit:
    """Make a class inside a block what a mask says; what it leaves becomes background.

    Parameters
    ----------
    label : numpy.ndarray of integer, shape (Z, Y, X)
        Before the change.
    box : Box
        Where; outside nothing changes.
    wanted : numpy.ndarray of bool, the shape of the box
        Where the class is to be.
    value : int
        Its label value.
    keep : Keep
        What must stay.

    Raises
    ------
    DataError
        If the class is locked.
    """
    keep.check(value)
    part = label[box.slices]
    mine = part == value
    gained = wanted & ~mine & keep.free(part, value)
    lost = mine & ~wanted & (0 not in keep.locked)
    return edit_in(label, box, gained | lost, np.where(gained, value, 0))
