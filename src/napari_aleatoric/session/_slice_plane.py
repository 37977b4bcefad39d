"""Which slice of a volume is on the screen, and how its pixels lie in the volume; or all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = ["SlicePlane", "WholeVolume"]


@dataclass(frozen=True)
class SlicePlane:
    """One slice along any axis of a (Z, Y, X) volume, as it is displayed.

    Parameters
    ----------
    axis, index : int
        Which slice: its number along one of the axes 0 (z), 1 (y), 2 (x).
    down, right : int
        The axes that run down and to the right on the screen; with ``axis`` all three.
    """

    axis: int
    index: int
    down: int
    right: int

    def __post_init__(self) -> None:
        if {self.axis, self.down, self.right} != {0, 1, 2}:
            raise DataError(f"Expected the axes 0, 1 and 2 once each, got {(self.axis, self.down, self.right)}.")

    def cut(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return the slice as a view, shape (down, right) and channels last if there are any."""
        where: list[Any] = [slice(None)] * data.ndim
        where[self.axis] = self.index
        part: NDArray[Any] = data[tuple(where)]
        return part.swapaxes(0, 1) if self.down > self.right else part

    def indices(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
        """Return where pixels of the slice lie in the volume, as three index arrays (z, y, x)."""
        found: list[NDArray[np.intp]] = [np.empty(0, np.intp)] * 3
        found[self.axis] = np.full(len(rows), self.index, dtype=np.intp)
        found[self.down], found[self.right] = rows, columns
        return tuple(found)

    def spacing(self, spacing_zyx_mm: tuple[float, float, float]) -> tuple[float, float]:
        """Return the distance of pixels in mm, (down, right)."""
        return (spacing_zyx_mm[self.down], spacing_zyx_mm[self.right])

    def neighbours(self, shape_zyx: tuple[int, ...], reach: int = 1) -> list[SlicePlane]:
        """Return the slices before and after that exist, the nearest first."""
        steps = [sign * k for k in range(1, reach + 1) for sign in (1, -1)]
        wanted = (self.index + step for step in steps)
        return [replace(self, index=k) for k in wanted if 0 <= k < shape_zyx[self.axis]]


@dataclass(frozen=True)
class WholeVolume:
    """All of a (Z, Y, X) volume, where a `SlicePlane` is one slice of it."""

    def cut(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return everything, as it is."""
        return data

    def indices(self, *where: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
        """Return where the voxels lie in the volume: just there."""
        return where
