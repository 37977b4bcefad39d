"""Where several readers' labels differ, kept apart from the many voxels where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box

from ._readings import band, checked_readings, n_rows_of

__all__ = ["Differing", "differing", "n_in_band"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_PLAIN = 0  # row of all classes together


@dataclass(frozen=True, eq=False)
class Differing:
    """The labels of R readers, as the voxels in which they differ and counts of the rest.

    Entropy, departure and every overlap can be told from these alone: where all readers agree the first two are 0.
    Readers mostly agree, so this is small where R whole volumes of numbers would not fit into memory.

    Parameters
    ----------
    shape_zyx : tuple of int
        Of the grid.
    where : numpy.ndarray of int64, shape (n,)
        Flat indices of the voxels in which not all labels are one, ascending.
    labels : numpy.ndarray of integer, shape (R, n)
        Class indices there.
    agreed : numpy.ndarray of int64, shape (C,)
        How many voxels all readers gave to each class, background first.
    boxes : tuple of Box or None, length C
        What encloses each class in any label, None where nobody drew it; the first encloses all classes.
    """

    shape_zyx: tuple[int, int, int]
    where: IntArray
    labels: NDArray[Any]
    agreed: IntArray
    boxes: tuple[Box | None, ...]

    @property
    def n_readers(self) -> int:
        """R."""
        return len(self.labels)

    @cached_property
    def present(self) -> tuple[int, ...]:
        """Classes that any reader drew, ascending."""
        return tuple(c for c in range(1, len(self.boxes)) if self.boxes[c] is not None)

    @cached_property
    def sizes(self) -> IntArray:
        """Voxels by reader and class, shape (R, C)."""
        n_rows = len(self.agreed)
        return self.agreed + np.stack([np.bincount(label, minlength=n_rows) for label in self.labels])

    def chosen(self, class_index: int) -> NDArray[np.bool_]:
        """Who gave each of the voxels to a class, shape (R, n)."""
        return np.asarray(self.labels == class_index)

    def dice(self, class_index: int) -> FloatArray:
        """Dice of all pairs of readers, shape (R, R); 1 where neither drew the class, 0 where one did."""
        n, chosen = self.n_readers, self.chosen(class_index)
        sizes = self.sizes[:, class_index]
        result = np.eye(n)
        for a, b in combinations(range(n), 2):
            both = int(self.agreed[class_index]) + int((chosen[a] & chosen[b]).sum())
            total = int(sizes[a] + sizes[b])
            result[a, b] = result[b, a] = 2.0 * both / total if total else 1.0
        return result

    def mean_dice(self) -> FloatArray:
        """Mean over the classes that either of two readers drew, shape (R, R); 1 where both drew nothing."""
        total, known = np.zeros((self.n_readers,) * 2), np.zeros((self.n_readers,) * 2)
        for c in self.present:
            drew = self.sizes[:, c] > 0
            counts = drew[:, np.newaxis] | drew
            total += np.where(counts, self.dice(c), 0.0)
            known += counts
        return np.where(known > 0, total / np.maximum(known, 1), 1.0)


def differing(labels: NDArray[Any], n_rows: int | None = None) -> Differing:
    """Take the labels of several readers apart, slice by slice.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices; a missing reader has no row, an empty row says "nothing there".
    n_rows : int, optional
        C, background included.

    Raises
    ------
    DataError
        If the labels are not what they have to be.
    """
    labels = checked_readings(labels)
    n_rows = n_rows_of(labels, n_rows)
    z, y, x = (int(n) for n in labels.shape[1:])
    agreed = np.zeros(n_rows, dtype=np.int64)
    where, found = [], []
    extent = _Extent(n_rows)
    for k in range(z):
        planes = labels[:, k]
        apart = (planes[1:] != planes[0]).any(axis=0)
        agreed += np.bincount(planes[0][~apart].ravel(), minlength=n_rows)
        at = np.flatnonzero(apart)
        where.append(at + k * y * x)
        found.append(planes.reshape(len(labels), -1)[:, at])
        extent.add(k, planes)
    return Differing(
        (z, y, x),
        np.concatenate(where) if where else np.empty(0, np.int64),
        np.concatenate(found, axis=1) if found else np.empty((len(labels), 0), labels.dtype),
        agreed,
        extent.boxes(),
    )


class _Extent:
    """What encloses each class, from slices that come one after the other; row 0 is all of them."""

    def __init__(self, n_rows: int) -> None:
        self._low = np.full((n_rows, 3), np.iinfo(np.int64).max, dtype=np.int64)
        self._high = np.full((n_rows, 3), -1, dtype=np.int64)

    def add(self, k: int, planes: NDArray[Any]) -> None:
        """Take in one slice of all readers, shape (R, Y, X)."""
        rows, columns = np.flatnonzero(planes.any(axis=(0, 2))), np.flatnonzero(planes.any(axis=(0, 1)))
        if not len(rows):
            return
        first, left = int(rows[0]), int(columns[0])
        part = planes[:, first : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
        for c in np.flatnonzero(np.bincount(part.ravel())).tolist():
            mask = None if c == _PLAIN else (part == c).any(axis=0)
            if mask is None:
                continue
            y, x = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            low, high = (k, first + int(y[0]), left + int(x[0])), (k, first + int(y[-1]), left + int(x[-1]))
            for row in (c, _PLAIN):
                self._low[row] = np.minimum(self._low[row], low)
                self._high[row] = np.maximum(self._high[row], high)

    def boxes(self) -> tuple[Box | None, ...]:
        """Package them."""
        found: list[Box | None] = []
        for low, high in zip(self._low.tolist(), self._high.tolist(), strict=True):
            stop = (high[0] + 1, high[1] + 1, high[2] + 1)
            found.append(Box((low[0], low[1], low[2]), stop) if high[0] >= 0 else None)
        return tuple(found)


def n_in_band(labels: NDArray[Any], class_index: int, box: Box, voxels: float) -> int:
    """Count the voxels of `band` round what any reader gave to a class.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices.
    class_index : int
        The class; 0 = any of them.
    box : Box
        Encloses it in all labels.
    voxels : float
        How far the band reaches.
    """
    z, y, x = (int(n) for n in labels.shape[1:])
    around = box.grown(int(np.ceil(voxels)), (z, y, x))
    part = labels[(slice(None), *around.slices)]
    drawn = np.empty(part.shape[1:], dtype=bool)
    for k in range(len(drawn)):
        drawn[k] = (part[:, k].any(axis=0)) if class_index == _PLAIN else (part[:, k] == class_index).any(axis=0)
    return int(band(drawn, voxels).sum())
