"""The maps of one item in memory, as far as they fit, ready to be shown class by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.io import VoxelMap
from napari_aleatoric.model import WHOLE_CASE, Geometry

from ._places import HotPlace, far_apart, peaks

__all__ = ["HeatMaps"]

_BUDGET = 192 * 2**20  # bytes kept per item


class HeatMaps:
    """All classes of one voxel map.

    Reading happens in the constructor, so make it in a reading thread.

    Parameters
    ----------
    source : VoxelMap
        The map on disk, or anything with its ``class_indices``, ``geometry`` and ``of``.

    Attributes
    ----------
    profiles : dict of int to numpy.ndarray
        For every class the heat of each slice, shape (Z,): the sum of the squared map values (0..1), so that a hot
        place counts and a faint veil does not.
    """

    def __init__(self, source: VoxelMap) -> None:
        self._source = source
        self.class_indices: tuple[int, ...] = tuple(c for c in source.class_indices if c != WHOLE_CASE)
        self.geometry: Geometry = source.geometry
        self.profiles: dict[int, NDArray[np.float32]] = {}
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._shown: tuple[tuple[int, ...], NDArray[np.uint8]] | None = None
        self._peaks: dict[int, list[HotPlace]] = {}
        together: NDArray[np.uint8] | None = None
        for class_index in self.class_indices:
            values = source.of(class_index)
            self.profiles[class_index] = _heat_by_slice(values)
            self._peaks[class_index] = peaks(values, class_index)
            if together is None:
                together = values.copy()
            else:
                np.maximum(together, values, out=together)
            if values.nbytes * len(self.class_indices) <= _BUDGET:
                self._kept[class_index] = values
        if together is not None:
            self._shown = (self.class_indices, together)

    def of(self, class_index: int) -> NDArray[np.uint8]:
        """Return the map of one class, shape (Z, Y, X), 0..255; read from disk where it was not kept."""
        kept = self._kept.get(class_index)
        return kept if kept is not None else self._source.of(class_index)

    def places(self, class_indices: tuple[int, ...]) -> tuple[HotPlace, ...]:
        """Return the hot places of some classes, the hottest first."""
        return far_apart(place for c in class_indices for place in self._peaks[c])

    def maximum(self, class_indices: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return the voxel-wise maximum over some classes, shape (Z, Y, X), 0..255. Do not write to it."""
        if self._shown is not None and self._shown[0] == class_indices:
            return self._shown[1]
        first, *rest = class_indices
        values = self.of(first)
        if rest:
            values = values.copy()
            for class_index in rest:
                np.maximum(values, self.of(class_index), out=values)
        self._shown = (class_indices, values)
        return values


def _heat_by_slice(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sum of squares of a uint8 map in each slice, in units of full heat."""
    squares = np.square(np.arange(256, dtype=np.float32) / 255.0)
    counts = [np.bincount(plane.ravel(), minlength=256) for plane in values]
    return np.asarray(np.stack(counts) @ squares, dtype=np.float32)
