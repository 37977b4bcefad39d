"""Where readers differ, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DisputedRegion", "disputed_regions"]

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class DisputedRegion:
    """Connected voxels that some readers gave to a structure and others did not.

    Parameters
    ----------
    n_voxels : int
        Its size.
    centre_zyx : tuple of int
        The voxel of the region that is nearest to the mean of its voxels.
    from_centre : float
        Distance of that voxel from the centre of mass of what any reader drew, in the unit of the spacing.
    shares : tuple of float
        For each reader, the part of the region that they gave to the structure, 0..1.
    """

    n_voxels: int
    centre_zyx: tuple[int, int, int]
    from_centre: float
    shares: tuple[float, ...]

    @property
    def for_it(self) -> tuple[int, ...]:
        """Rows of the readers who gave more than half of it to the structure."""
        return tuple(r for r, share in enumerate(self.shares) if share > 0.5)

    @property
    def against_it(self) -> tuple[int, ...]:
        """Rows of the readers who left at least half of it out."""
        return tuple(r for r, share in enumerate(self.shares) if share <= 0.5)


def disputed_regions(
    masks: Sequence[BoolArray], spacing_zyx: tuple[float, float, float], *, at_least: int = 1
) -> tuple[DisputedRegion, ...]:
    """Find the connected regions in which readers differ about one structure.

    Parameters
    ----------
    masks : sequence of numpy.ndarray of bool, shape (Z, Y, X)
        One per reader, on one grid.
    spacing_zyx : tuple of float
        Its unit is that of ``from_centre``.
    at_least : int
        Fewest voxels of a region.

    Returns
    -------
    tuple of DisputedRegion
        Largest first; of equal size, the one nearer to the middle of the structure first. Voxels that touch at a
        corner are connected.
    """
    from scipy import ndimage

    if len(masks) < 2:
        return ()
    votes = np.asarray(np.sum(list(masks), axis=0, dtype=np.int32))
    where = np.argwhere(votes > 0)
    if not len(where):
        return ()
    low, high = where.min(axis=0), where.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    middle = where.mean(axis=0)
    disputed = (votes[box] > 0) & (votes[box] < len(masks))
    numbered, _ = ndimage.label(disputed, structure=np.ones((3, 3, 3)))
    found = []
    for number, around in enumerate(ndimage.find_objects(numbered), start=1):
        inside = numbered[around] == number
        n_voxels = int(inside.sum())
        if n_voxels < at_least:
            continue
        start = low + [s.start for s in around]
        voxels = np.argwhere(inside) + start
        nearest = _distance(voxels, voxels.mean(axis=0), spacing_zyx).argmin()
        centre = voxels[nearest]
        shares = tuple(float(mask[box][around][inside].mean()) for mask in masks)
        found.append(
            DisputedRegion(
                n_voxels=n_voxels,
                centre_zyx=(int(centre[0]), int(centre[1]), int(centre[2])),
                from_centre=float(_distance(centre[np.newaxis], middle, spacing_zyx)[0]),
                shares=shares,
            )
        )
    return tuple(sorted(found, key=lambda r: (-r.n_voxels, r.from_centre, r.centre_zyx)))


def _distance(
    index_zyx: NDArray[np.intp], to: NDArray[np.float64], spacing_zyx: tuple[float, float, float]
) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm((index_zyx - to) * np.asarray(spacing_zyx), axis=1))
