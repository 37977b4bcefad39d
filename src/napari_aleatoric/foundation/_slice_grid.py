"""Boxes and maps of slices: from the mask grid of a segmenter to the voxels of the image, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._box import Box
from ._segmenter import bilinear

__all__ = ["BoxXYXY", "box_of", "extent", "put_bytes", "to_grid"]

BoxXYXY = tuple[float, float, float, float]


def to_grid(
    values: NDArray[np.float32], axis: int, box: Box, shape_zyx: tuple[int, int, int], outside: float
) -> NDArray[np.float32]:
    """Bring a map from the mask grid (D, h, w) to the voxels of the upright image, bilinear within slices."""
    moved = (shape_zyx[axis], *(n for a, n in enumerate(shape_zyx) if a != axis))
    found = np.full(moved, outside, dtype=np.float32)
    inner = box.shape_zyx[1:]
    found[box.slices] = np.stack([bilinear(plane, inner) for plane in values])
    return np.ascontiguousarray(np.moveaxis(found, 0, axis))


def put_bytes(values: NDArray[np.float32], axis: int, box: Box, into: NDArray[np.uint8]) -> None:
    """Write a map (D, h, w) of 0 … 1 as bytes to its voxels of the upright image (Z, Y, X), slice by slice."""
    moved = np.moveaxis(into, axis, 0)
    _, ys, xs = box.slices
    inner = box.shape_zyx[1:]
    for z, plane in enumerate(values, start=box.start_zyx[0]):
        moved[z, ys, xs] = np.rint(np.clip(bilinear(plane, inner), 0, 1) * 255)


def box_of(mask: NDArray[np.bool_]) -> BoxXYXY | None:
    """Return the first and the last column and row of a mask (Y, X), None if it is empty."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])) if len(xs) else None


def extent(box: BoxXYXY) -> tuple[float, float]:
    """Return width and height in pixels."""
    return (box[2] - box[0] + 1, box[3] - box[1] + 1)
