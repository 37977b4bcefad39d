"""Which places of a label are worth a picture: the largest change, the hottest places, else its middle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE, ClassTable, HotSpot

__all__ = ["Place", "places_of"]

_APART = 8  # voxels: places nearer than this are one place


@dataclass(frozen=True)
class Place:
    """One place of an upright volume.

    Parameters
    ----------
    index_zyx : tuple of int
        The voxel.
    words : str
        Why it is shown.
    """

    index_zyx: tuple[int, int, int]
    words: str


def places_of(
    before: NDArray[Any],
    after: NDArray[Any],
    spots: Iterable[HotSpot],
    heat: NDArray[np.uint8] | None,
    classes: ClassTable,
    limit: int,
) -> list[Place]:
    """Choose places, the largest change first, then the hottest of each class, the hottest first.

    Parameters
    ----------
    before, after : numpy.ndarray of integer, shape (Z, Y, X)
        Label values of the original and of the present version, upright.
    spots : iterable of HotSpot
        Of the map that ``heat`` is.
    heat : numpy.ndarray of uint8 or None, shape (Z, Y, X)
        The map, 0..255; None where there is none.
    classes : ClassTable
        For their names.
    limit : int
        How many.
    """
    found = [_largest_change(before, after, classes)]
    if heat is not None:
        hottest = sorted(spots, key=lambda spot: -int(heat[spot.index_zyx]))
        found += [Place(s.index_zyx, f"hottest place{_of(s.class_index, classes)}") for s in hottest]
    kept: list[Place] = []
    for place in found:
        if place is not None and all(_distance(place, other) >= _APART for other in kept):
            kept.append(place)
    return (kept or [_middle(after)])[:limit]


def _largest_change(before: NDArray[Any], after: NDArray[Any], classes: ClassTable) -> Place | None:
    import cc3d

    changed = before != after
    if not changed.any():
        return None
    parts, n = cc3d.connected_components(changed, return_N=True)
    sizes = np.bincount(parts.ravel(), minlength=n + 1)[1:]
    largest = int(sizes.argmax()) + 1
    at = np.argwhere(parts == largest)
    size = len(at)
    place = _nearest(at)
    index = int(classes.index_map(after[place][None])[0]) or int(classes.index_map(before[place][None])[0])
    words = "voxel" if size == 1 else "voxels"
    return Place(place, f"largest change{_of(index, classes)}, {size} {words}")


def _middle(label: NDArray[Any]) -> Place:
    drawn = np.argwhere(label)
    if not len(drawn):
        z, y, x = (n // 2 for n in label.shape)
        return Place((z, y, x), "middle of the image; nothing is drawn")
    return Place(_nearest(drawn), "middle of the label")


def _nearest(voxels: NDArray[np.intp]) -> tuple[int, int, int]:
    """Of some voxels, shape (n, 3), the one nearest to their mean."""
    z, y, x = voxels[((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1).argmin()].tolist()
    return (int(z), int(y), int(x))


def _distance(one: Place, other: Place) -> int:
    return max(abs(a - b) for a, b in zip(one.index_zyx, other.index_zyx, strict=True))


def _of(class_index: int, classes: ClassTable) -> str:
    return "" if class_index == WHOLE_CASE else f" of {classes.name_of(class_index)}"
