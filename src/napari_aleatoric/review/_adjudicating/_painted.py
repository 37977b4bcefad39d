"""What was painted, as bytes: compressed, and the same on every machine."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError

__all__ = ["correction_bytes", "read_correction", "read_region", "region_bytes"]

IntArray = NDArray[np.int64]
ClassArray = NDArray[np.uint16]


def region_bytes(answer: ClassArray) -> bytes:
    """Pack the class indices of the n voxels of a region, in the order of `DisputedRegion.inside`."""
    return zlib.compress(answer.astype("<u2").tobytes())


def read_region(packed: bytes | None, n_voxels: int) -> ClassArray:
    """Return what `region_bytes` was given, shape (n,).

    Raises
    ------
    DataError
        If it is damaged, or of another region.
    """
    answer = np.frombuffer(_unpacked(packed), dtype="<u2").astype(np.uint16)
    if len(answer) != n_voxels:
        raise DataError(f"What was painted has {len(answer)} voxels, and its region {n_voxels}. Paint it again.")
    return answer


def correction_bytes(where: IntArray, classes: ClassArray) -> bytes:
    """Pack voxels outside of all regions, by their flat index on the upright grid, and their class indices."""
    return zlib.compress(where.astype("<i8").tobytes() + classes.astype("<u2").tobytes())


def read_correction(packed: bytes | None) -> tuple[IntArray, ClassArray]:
    """Return what `correction_bytes` was given."""
    data = _unpacked(packed)
    n = len(data) // 10
    if len(data) != 10 * n:
        raise DataError("What was painted beside the regions is damaged in the review store. Paint it again.")
    where = np.frombuffer(data[: 8 * n], dtype="<i8").astype(np.int64)
    return where, np.frombuffer(data[8 * n :], dtype="<u2").astype(np.uint16)


def _unpacked(packed: bytes | None) -> bytes:
    try:
        return zlib.decompress(packed or b"")
    except zlib.error as error:
        raise DataError("What was painted is damaged in the review store. Paint it again.") from error
