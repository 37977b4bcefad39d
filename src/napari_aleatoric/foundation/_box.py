"""A part of a grid: where a big volume is cut, and how the cuts fit together again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry

__all__ = ["Box"]

Triple = tuple[int, int, int]


class Box(NamedTuple):
    """A block of voxels: ``start_zyx`` is inside, ``stop_zyx`` is not."""

    start_zyx: Triple
    stop_zyx: Triple

    @classmethod
    def whole(cls, shape_zyx: Triple) -> Box:
        """Return the block that is the whole grid."""
        return cls((0, 0, 0), shape_zyx)

    @classmethod
    def around(cls, mask: NDArray[Any]) -> Box | None:
        """Return the smallest block with all non-zero voxels of ``mask`` (Z, Y, X); None if there are none."""
        start, stop = [], []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            hit = np.flatnonzero(np.any(mask, axis=others))
            if hit.size == 0:
                return None
            start.append(int(hit[0]))
            stop.append(int(hit[-1]) + 1)
        return cls((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    @property
    def shape_zyx(self) -> Triple:
        """Number of voxels along each axis."""
        (a, b, c), (d, e, f) = self
        return (d - a, e - b, f - c)

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        z, y, x = self.shape_zyx
        return z * y * x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index that cuts the block out of an array (Z, Y, X, ...)."""
        (a, b, c), (d, e, f) = self
        return (slice(a, d), slice(b, e), slice(c, f))

    def grown(self, margin: int | Triple, shape_zyx: Triple) -> Box:
        """Return the block widened by ``margin`` voxels on every side, kept inside the grid."""
        m = (margin, margin, margin) if isinstance(margin, int) else margin
        start = [max(0, s - k) for s, k in zip(self.start_zyx, m, strict=True)]
        stop = [min(n, s + k) for s, k, n in zip(self.stop_zyx, m, shape_zyx, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def within(self, outer: Box) -> Box:
        """Return the same block counted from the corner of ``outer``."""
        start = [s - o for s, o in zip(self.start_zyx, outer.start_zyx, strict=True)]
        stop = [s - o for s, o in zip(self.stop_zyx, outer.start_zyx, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def tiles(self, max_voxels: int) -> Iterator[Box]:
        """Cut into blocks of at most ``max_voxels`` voxels, along z first, then y, then x.

        The blocks do not overlap and cover the box; each is as thick as the limit allows.
        """
        if max_voxels < 1:
            raise DataError(f"A tile needs room for at least one voxel, got {max_voxels}.")
        if self.n_voxels <= max_voxels:
            yield self
            return
        axis = next(a for a in range(3) if self.shape_zyx[a] > 1)
        per_layer = self.n_voxels // self.shape_zyx[axis]
        thickness = max(1, max_voxels // per_layer)
        for first in range(self.start_zyx[axis], self.stop_zyx[axis], thickness):
            start, stop = list(self.start_zyx), list(self.stop_zyx)
            start[axis], stop[axis] = first, min(first + thickness, self.stop_zyx[axis])
            yield from Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])).tiles(max_voxels)

    def geometry(self, whole: Geometry) -> Geometry:
        """Return the grid of the block when the grid of the whole is ``whole``."""
        origin = whole.lps_from_index(self.start_zyx)
        return replace(
            whole, shape_zyx=self.shape_zyx, origin_lps=(float(origin[0]), float(origin[1]), float(origin[2]))
        )
