"""Where an operation works: in one slice, in every slice by itself, or in the volume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.foundation import Box
from napari_aleatoric.model import Reporter, SilentReporter

__all__ = ["SILENT", "Scope", "class_box", "distances", "per_slice"]

SILENT = SilentReporter()  # stateless

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Scope:
    """Where an operation works.

    Parameters
    ----------
    axis : int
        Along which axis slices are cut: 0 (z), 1 (y) or 2 (x) of the upright frame.
    index : int, optional
        The one slice that is changed; None for all.
    flat : bool
        Whether every slice is treated by itself, in two dimensions; one slice always is.
    """

    axis: int = 0
    index: int | None = None
    flat: bool = False

    def __post_init__(self) -> None:
        if self.axis not in (0, 1, 2):
            raise DataError(f"Expected the axis 0, 1 or 2, got {self.axis}.")

    @property
    def is_flat(self) -> bool:
        """Whether slices are treated one by one."""
        return self.flat or self.index is not None

    def box(self, shape_zyx: tuple[int, ...]) -> Box:
        """Return the block that may be changed.

        Raises
        ------
        DataError
            If there is no such slice.
        """
        start, stop = [0, 0, 0], list(shape_zyx)
        if self.index is not None:
            if not 0 <= self.index < shape_zyx[self.axis]:
                raise DataError(f"Expected a slice between 0 and {shape_zyx[self.axis] - 1}, got {self.index}.")
            start[self.axis], stop[self.axis] = self.index, self.index + 1
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def class_box(label: NDArray[Any], value: int, scope: Scope, margin_zyx: tuple[int, int, int]) -> Box | None:
    """Return the smallest block of the scope with a class and a margin round it; None where it has no voxel."""
    whole = scope.box(label.shape)
    found = Box.around(label[whole.slices] == value)
    if found is None:
        return None
    start, stop = [], []
    for axis in range(3):
        first, margin = whole.start_zyx[axis], margin_zyx[axis]
        start.append(max(whole.start_zyx[axis], first + found.start_zyx[axis] - margin))
        stop.append(min(whole.stop_zyx[axis], first + found.stop_zyx[axis] + margin))
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def per_slice(
    mask: NDArray[np.bool_],
    scope: Scope,
    work: Callable[[NDArray[np.bool_]], NDArray[np.bool_]],
    reporter: Reporter,
    message: str,
) -> NDArray[np.bool_]:
    """Do something to a mask (Z, Y, X): slice by slice where the scope is flat, else as a whole.

    Empty slices stay empty. The reporter is told before every slice, and before the whole.
    """
    if not scope.is_flat:
        reporter.step(0, 1, message)
        return work(mask)
    result = np.zeros_like(mask)
    n = mask.shape[scope.axis]
    for k, (before, after) in enumerate(zip(_slices(mask, scope.axis), _slices(result, scope.axis), strict=True)):
        reporter.step(k, n, message)
        if before.any():
            after[...] = work(before)
    return result


def distances(ndim: int, scope: Scope, spacing_zyx_mm: Spacing | None) -> tuple[float, ...]:
    """Return the distances of neighbouring voxels along the axes of what is worked on; 1 where not known."""
    spacing = spacing_zyx_mm or (1.0, 1.0, 1.0)
    return tuple(spacing) if ndim == 3 else tuple(s for axis, s in enumerate(spacing) if axis != scope.axis)


def _slices(data: NDArray[Any], axis: int) -> Iterator[NDArray[Any]]:
    return iter(np.moveaxis(data, axis, 0))
