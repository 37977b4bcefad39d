"""Voxel maps of classes that come one after the other, and the largest of all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box, put_bytes

__all__ = ["ClassMaps"]

_MAP_BYTES = 1 << 29  # of one voxel map of a label; classes that say least have none of their own beyond


class ClassMaps:
    """One voxel map of a case: a row for all classes together, then one for each class there is room for.

    Of a large image only the classes whose prompts move most keep a row of their own. Besides the rows it holds one
    map on the mask grid, however many classes come.

    Parameters
    ----------
    shape_zyx : tuple of int
        The upright grid.
    axis, box
        Where the mask grid lies, as of `DecodedMaps`.
    n_classes : int
        How many classes will come, at most.
    """

    def __init__(self, shape_zyx: tuple[int, int, int], axis: int, box: Box, n_classes: int) -> None:
        room = max(1, _MAP_BYTES // (shape_zyx[0] * shape_zyx[1] * shape_zyx[2])) - 1
        self._rows = np.zeros((1 + min(room, n_classes), *shape_zyx), dtype=np.uint8)
        self._axis, self._box = axis, box
        self._kept: list[tuple[int, float]] = []  # class and overlap, of rows 1, 2, ...
        self._largest: NDArray[np.float32] | None = None

    @property
    def empty(self) -> bool:
        """Whether no class has come."""
        return self._largest is None

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that have a row of their own, ascending."""
        return tuple(sorted(c for c, _ in self._kept))

    def add(self, class_index: int, values: NDArray[np.float32], overlap: float | None) -> None:
        """Take in the map of a class.

        Parameters
        ----------
        class_index : int
            The class; greater than all before.
        values : numpy.ndarray of float32, shape (D, h, w)
            0 to 1, on the mask grid.
        overlap : float or None
            Mean Dice of the answers to moved prompts, 1 where unknown; where room is short, the lowest have a row.
        """
        firm = 1.0 if overlap is None else overlap
        if self._largest is None:
            self._largest = values.copy()
        else:
            np.maximum(self._largest, values, out=self._largest)
        if len(self._kept) < len(self._rows) - 1:
            self._kept.append((class_index, firm))
            slot = len(self._kept)
        else:
            firmest = max(range(len(self._kept)), key=lambda i: (self._kept[i][1], self._kept[i][0]), default=None)
            if firmest is None or self._kept[firmest][1] <= firm:
                return
            self._kept[firmest] = (class_index, firm)
            slot = firmest + 1
        put_bytes(values, self._axis, self._box, self._rows[slot])

    def result(self) -> NDArray[np.uint8]:
        """Return the rows, the largest of all first, shape (1 + n, Z, Y, X); nothing can be added afterwards."""
        classes = [c for c, _ in self._kept]
        rows = self._rows[: 1 + len(classes)]
        if classes != sorted(classes):
            rows[1:] = rows[1:][np.argsort(classes)]
        if self._largest is not None:
            put_bytes(self._largest, self._axis, self._box, rows[0])
            for row in rows[1:]:  # rounding and resampling
                np.maximum(rows[0], row, out=rows[0])
        return rows
