"""Hot places of a map: few, far apart, the hottest first. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HotPlace", "far_apart", "peaks"]

_BLOCK = 8  # voxels: places closer than this are one place


@dataclass(frozen=True)
class HotPlace:
    """One place worth a look.

    Parameters
    ----------
    index_zyx : tuple of int
        Upright frame.
    class_index : int
        The class whose map is hot there.
    value : float
        The map's value, 0..1.
    heat : float
        Sum of the squared map values of the block around it. It orders the places, so that a slab of wrong label
        comes before a lone voxel.
    """

    index_zyx: tuple[int, int, int]
    class_index: int
    value: float
    heat: float


def peaks(values: NDArray[np.uint8], class_index: int, limit: int = 12) -> list[HotPlace]:
    """Find the hottest blocks of a map, and in each its hottest voxel.

    Parameters
    ----------
    values : numpy.ndarray of uint8, shape (Z, Y, X)
        0..255 stands for 0..1.
    class_index : int
        Goes into the places.
    limit : int
        How many blocks.

    Returns
    -------
    list of HotPlace
        Hottest block first; blocks that are all zero are left out.
    """
    squares = np.square(np.arange(256, dtype=np.float32) / 255.0)
    heat: NDArray[Any] = squares[values]
    for axis, size in enumerate(values.shape):
        heat = np.add.reduceat(heat, np.arange(0, size, _BLOCK), axis=axis)
    found = []
    for flat in np.argsort(-heat.ravel(), kind="stable")[:limit].tolist():
        z0, y0, x0 = (int(c) * _BLOCK for c in np.unravel_index(flat, heat.shape))
        block = values[z0 : z0 + _BLOCK, y0 : y0 + _BLOCK, x0 : x0 + _BLOCK]
        top = int(block.max())
        if top == 0:
            break
        hot = np.argwhere(block == top)
        z, y, x = hot[np.argmin(((hot - hot.mean(axis=0)) ** 2).sum(axis=1))].tolist()
        found.append(HotPlace((z0 + z, y0 + y, x0 + x), class_index, top / 255.0, float(heat.flat[flat])))
    return found


def far_apart(places: Iterable[HotPlace], limit: int = 20) -> tuple[HotPlace, ...]:
    """Sort places, the hottest first, and drop those within a block's edge of a hotter one."""
    kept: list[HotPlace] = []
    for place in sorted(places, key=lambda p: -p.heat):
        near = any(
            max(abs(a - b) for a, b in zip(place.index_zyx, other.index_zyx, strict=True)) < _BLOCK
            for other in kept
        )
        if not near:
            kept.append(place)
    return tuple(kept[:limit])
