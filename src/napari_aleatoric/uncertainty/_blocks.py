"""Large volumes in pieces: blocks to read features of, and what is counted without a copy of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.foundation import Box

__all__ = ["blocks", "classes_in", "nth_true"]


def blocks(box: Box, max_voxels: int) -> Iterator[Box]:
    """Cut a box into blocks of at most ``max_voxels`` voxels, as compact as can be.

    The longest side is halved until a block is small enough: features need a margin round what is read, and a
    compact block has the least of it. The blocks do not overlap and cover the box.
    """
    longest = max(range(3), key=lambda axis: box.shape_zyx[axis])
    n = box.shape_zyx[longest]
    if box.n_voxels <= max_voxels or n < 2:
        yield box
        return
    middle = box.start_zyx[longest] + n // 2
    first, second = list(box.stop_zyx), list(box.start_zyx)
    first[longest] = second[longest] = middle
    yield from blocks(Box(box.start_zyx, (first[0], first[1], first[2])), max_voxels)
    yield from blocks(Box((second[0], second[1], second[2]), box.stop_zyx), max_voxels)


def classes_in(label_index: NDArray[Any]) -> list[int]:
    """Return the different values of class indices, shape (..., Y, X), ascending; slice by slice."""
    found: set[int] = set()
    for plane in label_index.reshape(-1, *label_index.shape[-2:]):
        found.update(np.flatnonzero(np.bincount(plane.ravel())).tolist())
    return sorted(found)


def nth_true(mask: NDArray[np.bool_], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the flat index of the n-th voxel of a mask (Z, Y, X), counted from 0, for every n asked for."""
    ends = np.cumsum(mask.sum(axis=(1, 2), dtype=np.int64))
    slices = np.searchsorted(ends, numbers, side="right")
    result = np.empty(len(numbers), dtype=np.int64)
    for z in np.unique(slices).tolist():
        here = slices == z
        inside = np.flatnonzero(mask[z])
        result[here] = inside[numbers[here] - (ends[z] - len(inside))] + z * mask[z].size
    return result
