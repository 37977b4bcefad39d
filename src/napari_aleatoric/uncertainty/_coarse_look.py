"""Very large volumes: the light classifier looks coarsely first, and finely where it matters. Our own proposal.

1. One voxel in the middle of every cell of a regular grid is predicted, with all classes; the grid is as fine as
   about three million voxels allow, up to 5 voxels a cell along every axis.
2. Predicted finely, each voxel by itself, are the voxels within 2 voxels of the border of any label, and the cells
   where the doubt about a label, 1 − p(label), changes by more than 0.05 among the cell and its 26 neighbours. Of
   such cells as many are taken as make 12 million voxels, those of the greatest change first.
3. Finely, a voxel is only asked about the classes that are possible there: those that any neighbouring cell gives
   more than 0.1 %, and those that are labelled within 2 voxels. The others keep what their cell gives them.
4. Any other voxel takes the probabilities of its cell, whose middle has the same label.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_aleatoric.errors import Cancelled
from napari_aleatoric.foundation import Box, FeatureSource

from ._trees import Trees

__all__ = ["CoarseLook", "cell_sizes"]

T = TypeVar("T")

NEAR = 2
"""Voxels from a label's border within which all are predicted; a cell's middle is no farther from its ends."""

_MOST_CELLS = 3_000_000
_LARGEST_CELL = 2 * NEAR + 1  # voxels along an axis
_MOST_CHANGING = 12_000_000  # voxels of cells where the doubt changes that are predicted finely
_CHANGE = 0.05
_FAINT = 0.001  # of a class's probability: below it in all cells around, it is not asked about
_MOST_THREADS = 4  # each holds features and probabilities of a slab
_SLAB_VOXELS = 1 << 23  # whose features are looked at together in the coarse look
_ROWS_AT_ONCE = 1 << 15  # voxels predicted before it is asked whether anybody still waits


def cell_sizes(shape_zyx: Sequence[int], most: int) -> tuple[int, int, int]:
    """Return the voxels of a cell along each axis so that there are at most about ``most`` cells.

    The axis with the most cells is made coarser first, so that a stack of few thick slices keeps every slice.
    """
    sizes = [1, 1, 1]
    while math.prod(-(-n // s) for n, s in zip(shape_zyx, sizes, strict=True)) > most:
        finer = [axis for axis in range(3) if sizes[axis] < _LARGEST_CELL]
        if not finer:
            break
        sizes[max(finer, key=lambda axis: shape_zyx[axis] / sizes[axis])] += 1
    return sizes[0], sizes[1], sizes[2]


class CoarseLook:
    """Predicts one large block.

    Parameters
    ----------
    trees : Trees
        Of K' classes.
    columns : numpy.ndarray of int, shape (K',)
        Their class indices, ascending.
    n_rows : int
        K: number of classes with background.
    source : FeatureSource
        The prepared image.
    box : Box
        The block.
    labels : numpy.ndarray of integer, shape (R, Z, Y, X)
        Class indices by reader on the whole grid.
    n_threads : int, optional
        Processor cores to use; by default those there are, at most 4.
    stopping : threading.Event, optional
        Once it is set by anybody, `Cancelled` is raised within a second or two.
    """

    def __init__(
        self,
        trees: Trees,
        columns: NDArray[np.int64],
        n_rows: int,
        source: FeatureSource,
        box: Box,
        labels: NDArray[Any],
        n_threads: int | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self._trees, self._source, self._box = trees, source, box
        self._n_threads = n_threads or min(_MOST_THREADS, _cores())
        self._stops = [threading.Event()] if stopping is None else [threading.Event(), stopping]
        self._sizes = cell_sizes(box.shape_zyx, _MOST_CELLS)
        self._labels = labels[(slice(None), *box.slices)]
        self._columns = columns
        self._column_of = np.full(n_rows, -1)  # class index to column, -1 = not learned
        self._column_of[columns] = np.arange(len(columns))
        self._n_rows = n_rows

    def slabs(self, most_numbers: int) -> Iterator[NDArray[np.float32]]:
        """Predict a few slices after the other; the next ones are at work while these are used.

        Parameters
        ----------
        most_numbers : int
            Probabilities that a thread holds at a time, about; a cell's slices at least.

        Yields
        ------
        numpy.ndarray of float32, shape (K, n, Y, X)
            Sum to 1 over K.
        """
        size = self._sizes[0]
        depth, height, width = self._box.shape_zyx
        by_voxels = max(size, _SLAB_VOXELS // (height * width) // size * size)
        thick = max(size, most_numbers // (self._n_rows * height * width) // size * size)
        n_threads = max(1, min(self._n_threads, 2 * most_numbers // (self._n_rows * height * width * thick)))
        try:
            found = list(self._in_order(self._look, _ranges(depth, by_voxels), self._n_threads))
            cells = np.concatenate(found, axis=1)
            del found
            changing = self._changing(cells)
            possible = np.stack([ndimage.maximum_filter(p > _FAINT, size=3, mode="nearest") for p in cells])

            def fine(part: tuple[int, int]) -> NDArray[np.float32]:
                return self._fine(cells, changing, possible, *part)

            yield from self._in_order(fine, _ranges(depth, thick), n_threads)
        finally:
            self._stops[0].set()

    def _in_order(
        self, function: Callable[[tuple[int, int]], T], parts: Sequence[tuple[int, int]], n_threads: int
    ) -> Iterator[T]:
        """Apply a function in threads; results in order, one more at work than there are threads."""
        executor = ThreadPoolExecutor(n_threads, thread_name_prefix="look")
        ahead: deque[Future[T]] = deque()
        try:
            for part in parts:
                ahead.append(executor.submit(function, part))
                if len(ahead) > n_threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            if ahead:  # nobody waits for them any more
                self._stops[0].set()
            executor.shutdown(wait=True, cancel_futures=True)

    # -- coarsely -----------------------------------------------------------------------------------

    def _middles(self, axis: int) -> NDArray[np.int64]:
        """Index of the predicted voxel of every cell along an axis of the block."""
        n, size = self._box.shape_zyx[axis], self._sizes[axis]
        return np.minimum(np.arange(0, n, size) + size // 2, n - 1)

    def _look(self, part: tuple[int, int]) -> NDArray[np.float16]:
        """Predict the middles of the cells in some slices, shape (K', cells z, y, x)."""
        self._go_on()
        z, y, x = (self._middles(axis) for axis in range(3))
        z = z[(z >= part[0]) & (z < part[1])]
        low, high = int(z[0]), int(z[-1]) + 1
        wanted = np.zeros((high - low, *self._box.shape_zyx[1:]), dtype=bool)
        wanted[np.ix_(z - low, y, x)] = True
        rows = self._source.at(self._slices(low, high), wanted)
        found = np.empty((len(self._columns), len(rows)), dtype=np.float16)
        for some in self._pieces(len(rows)):
            found[:, some] = self._trees.probabilities(rows[some]).T
        return found.reshape(-1, z.size, y.size, x.size)

    def _changing(self, cells: NDArray[np.float16]) -> NDArray[np.bool_]:
        """Cells to look at finely: what contradicts any reader's label changes there."""
        z, y, x = (self._middles(axis) for axis in range(3))
        doubt = np.zeros(cells.shape[1:], dtype=np.float32)
        for label in self._labels:
            for number, at in enumerate(z):
                given = self._column_of[label[at][np.ix_(y, x)]]
                p = np.take_along_axis(cells[:, number], np.maximum(given, 0)[np.newaxis], axis=0)[0]
                np.maximum(doubt[number], np.where(given < 0, 0, 1 - p), out=doubt[number])
        room = _MOST_CHANGING // math.prod(self._sizes)
        highest = ndimage.maximum_filter(doubt, size=3, mode="nearest")
        change = highest - ndimage.minimum_filter(doubt, size=3, mode="nearest")
        found = np.flatnonzero(change > _CHANGE)
        if found.size > room:  # those of the greatest change, and among equals of the greatest doubt
            order = np.lexsort((doubt.reshape(-1)[found], change.reshape(-1)[found]))
            found = found[order[found.size - room :]]
        result = np.zeros(doubt.shape, dtype=bool)
        result.reshape(-1)[found] = True
        return result

    # -- finely -------------------------------------------------------------------------------------

    def _fine(
        self,
        cells: NDArray[np.float16],
        changing: NDArray[np.bool_],
        possible: NDArray[np.bool_],
        first: int,
        last: int,
    ) -> NDArray[np.float32]:
        """Probabilities of some slices, shape (K, n, Y, X)."""
        self._go_on()
        cell = [np.arange(n) // size for n, size in zip(self._box.shape_zyx, self._sizes, strict=True)]
        cell[0] = cell[0][first:last]
        lowest, highest = self._around(first, last)
        wanted = (lowest != highest).any(axis=0) | changing[np.ix_(*cell)]
        result = np.zeros((self._n_rows, *wanted.shape), dtype=np.float32)
        for k, c in enumerate(self._columns):
            result[c] = cells[k][np.ix_(*cell)]
        result /= result.sum(axis=0)  # they were kept in half precision
        places = np.nonzero(wanted)
        rows = self._source.at(self._slices(first, last), wanted)
        for some in self._pieces(len(rows)):
            z, y, x = (p[some] for p in places)
            cz, cy, cx = (index[p] for index, p in zip(cell, (z, y, x), strict=True))
            before = result[self._columns[:, np.newaxis], z, y, x].T
            asked = possible[:, cz, cy, cx].T.copy()
            for labels in (lowest, highest, self._labels[:, first:last]):
                for label in labels:
                    given = self._column_of[label[z, y, x]]
                    known = np.flatnonzero(given >= 0)
                    asked[known, given[known]] = True
            found = self._trees.among(rows[some], asked, before)
            result[self._columns[:, np.newaxis], z, y, x] = found.T
        return result

    def _around(self, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Lowest and highest class index near the voxels of some slices by reader, shape (R, n, Y, X)."""
        low = max(0, first - NEAR)
        part = self._labels[:, low : last + NEAR]
        size = [min(2 * NEAR + 1, 2 * n - 1) for n in part.shape[1:]]
        cut = slice(first - low, last - low)
        lowest = np.stack([ndimage.minimum_filter(label, size=size, mode="nearest")[cut] for label in part])
        return lowest, np.stack([ndimage.maximum_filter(label, size=size, mode="nearest")[cut] for label in part])

    def _slices(self, first: int, last: int) -> Box:
        z, y, x = self._box.start_zyx
        return Box((z + first, y, x), (z + last, *self._box.stop_zyx[1:]))

    def _pieces(self, n: int) -> Iterator[slice]:
        """Rows to predict at a time."""
        for first in range(0, n, _ROWS_AT_ONCE):
            self._go_on()
            yield slice(first, first + _ROWS_AT_ONCE)

    def _go_on(self) -> None:
        if any(stop.is_set() for stop in self._stops):
            raise Cancelled("Stopped as asked.")


def _ranges(n: int, step: int) -> list[tuple[int, int]]:
    return [(first, min(first + step, n)) for first in range(0, n, step)]


def _cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
