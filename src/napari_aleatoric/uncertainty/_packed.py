"""Bytes of a voxel map, kept packed while the slices come in, and how many maps there is room for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE

__all__ = ["PackedRows", "map_rows"]

_MAP_BYTES = 1 << 29  # of one voxel map of a case; classes that say least have none of their own beyond


class PackedRows:
    """A block of bytes that comes a few slices at a time and is mostly zeros.

    Parameters
    ----------
    shape_zyx : tuple of int
        Of the whole block; slices that never come are zero.
    """

    def __init__(self, shape_zyx: tuple[int, int, int]) -> None:
        self._shape = shape_zyx
        self._parts: list[tuple[int, int, NDArray[np.uint8] | bytes]] = []

    def put(self, first: int, values: NDArray[np.uint8]) -> None:
        """Keep some slices, shape (n, Y, X), from slice ``first`` on."""
        whole = len(values) == self._shape[0]
        self._parts.append((first, len(values), values if whole else zlib.compress(values.tobytes(), 1)))

    @property
    def values(self) -> NDArray[np.uint8]:
        """The whole block, shape (Z, Y, X)."""
        result = np.zeros(self._shape, dtype=np.uint8)
        for first, n, part in self._parts:
            rows = result[first : first + n]
            if isinstance(part, bytes):
                rows[...] = np.frombuffer(zlib.decompress(part), dtype=np.uint8).reshape(rows.shape)
            else:
                rows[...] = part
        return result


def map_rows(scores: Mapping[int, float], shape_zyx: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the classes that get a row in the voxel map, the whole case first: all that there is room for.

    Parameters
    ----------
    scores : mapping of int to float
        By class; the highest stay where there is no room for all.
    shape_zyx : tuple of int
        The whole grid.
    """
    room = max(1, _MAP_BYTES // int(np.prod(shape_zyx))) - 1
    kept = sorted(sorted(scores, key=lambda c: (-scores[c], c))[:room])
    return (WHOLE_CASE, *kept)
