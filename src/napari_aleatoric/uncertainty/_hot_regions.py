"""Where a map is hot, as regions that a person settles one by one. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import Geometry

__all__ = ["HotRegion", "HotRegions", "hot_regions", "side_in_words"]

BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

_OFF_CENTRE = 0.2  # of half the image: nearer to the middle than this is no side
_DIRECTIONS = (("right", "left"), ("anterior", "posterior"), ("inferior", "superior"))  # along L, P, S of LPS


@dataclass(frozen=True, eq=False)
class HotRegion:
    """Connected voxels of one class's map that are at or above a threshold.

    Parameters
    ----------
    class_index : int
        Whose map it is.
    start_zyx : tuple of int
        First voxel of the smallest box round it, upright frame.
    inside : numpy.ndarray of bool, shape (z, y, x)
        Which voxels of that box belong to it.
    centre_zyx : tuple of int
        Its voxel that is nearest to the mean of its voxels, in voxels: never beside a bent region.
    mass : float
        Sum of the map's values (0..1) over its voxels, times the volume of a voxel. Our proposal for how much there
        is to settle: of the map of label risk it is the volume of wrong label to be expected, were the judge's
        probabilities true.
    mean, top : float
        Mean and largest value, 0..1.
    """

    class_index: int
    start_zyx: tuple[int, int, int]
    inside: BoolArray
    centre_zyx: tuple[int, int, int]
    mass: float
    mean: float
    top: float

    @property
    def n_voxels(self) -> int:
        """Its size."""
        return int(np.count_nonzero(self.inside))

    @property
    def box(self) -> Box:
        """The smallest box round it, on the grid of the map."""
        z, y, x = (slice(a, a + n) for a, n in zip(self.start_zyx, self.inside.shape, strict=True))
        return z, y, x

    @property
    def slices(self) -> tuple[int, int]:
        """Its first and last slice (z, from 0)."""
        return self.start_zyx[0], self.start_zyx[0] + self.inside.shape[0] - 1

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of its place and voxels: another where a single voxel is."""
        made = hashlib.blake2b(str((self.start_zyx, self.inside.shape)).encode(), digest_size=8)
        made.update(np.packbits(self.inside).tobytes())
        return made.hexdigest()


@dataclass(frozen=True)
class HotRegions:
    """What `hot_regions` found.

    Parameters
    ----------
    regions : tuple of HotRegion
        Those worth a look, the heaviest first.
    n_smaller : int
        How many others there are.
    smaller_mass : float
        The mass of the others together, in the unit of theirs.
    """

    regions: tuple[HotRegion, ...] = ()
    n_smaller: int = 0
    smaller_mass: float = 0.0


def hot_regions(
    values_of: Callable[[int], NDArray[np.uint8]],
    class_indices: Sequence[int],
    threshold: float,
    voxel_volume: float = 1.0,
    *,
    least_part: float = 0.01,
    at_most: int = 50,
) -> HotRegions:
    """Find the connected regions (26 neighbours) in which a map is at or above a threshold, class by class.

    Parameters
    ----------
    values_of : callable
        Gives the map of a class, shape (Z, Y, X); 0..255 stands for 0..1.
    class_indices : sequence of int
        The classes that are looked at.
    threshold : float
        0..1. A map value of 0 is never hot.
    voxel_volume : float
        In millilitres where the spacing is known; 1 counts voxels.
    least_part : float
        Regions with a smaller part of the mass of all of them are only counted; the heaviest never is.
    at_most : int
        So are those beyond this number.

    Returns
    -------
    HotRegions
        Heaviest first; of equal mass in the order of class and place. Regions of different classes may share
        voxels: where the label says one class and the judge another, both maps are hot.

    Raises
    ------
    DataError
        If the threshold is not in 0..1.
    """
    if not 0.0 <= threshold <= 1.0:
        raise DataError(f"Expected a threshold from 0 to 1, got {threshold:g}.")
    level = max(1, int(np.ceil(255.0 * threshold - 1e-6)))
    found: list[HotRegion] = []
    n_all, mass_all = 0, 0.0
    for class_index in class_indices:
        regions, n, mass = _of_class(values_of(class_index), class_index, level, voxel_volume, least_part, at_most)
        found += regions
        n_all, mass_all = n_all + n, mass_all + mass
    found.sort(key=lambda region: (-region.mass, region.class_index, region.start_zyx))
    kept = [region for region in found if region.mass >= least_part * mass_all] or found[:1]
    kept = kept[:at_most]
    rest = max(0.0, mass_all - sum(region.mass for region in kept))
    n_smaller = n_all - len(kept)
    return HotRegions(tuple(kept), n_smaller, rest if n_smaller else 0.0)


def _of_class(
    values: NDArray[np.uint8], class_index: int, level: int, voxel_volume: float, least_part: float, at_most: int
) -> tuple[list[HotRegion], int, float]:
    """Return the regions of a class that may count among all, how many there are, and the mass of all of them."""
    around = _box_of(values >= level)
    if around is None:
        return [], 0, 0.0
    import cc3d
    from scipy import ndimage

    values = values[around]
    hot = values >= level
    numbers, n = cc3d.connected_components(hot, connectivity=26, return_N=True)  # leaves the other threads running
    sums = np.bincount(numbers[hot], weights=values[hot], minlength=n + 1)[1:]
    heaviest = [int(k) for k in np.argsort(-sums, kind="stable")[:at_most]]
    boxes = ndimage.find_objects(numbers)
    unit = voxel_volume / 255.0
    found = []
    for k in [k for k in heaviest if sums[k] >= least_part * sums.sum()] or heaviest[:1]:
        start = [a.start + b.start for a, b in zip(around, boxes[k], strict=True)]
        found.append(_region(class_index, numbers[boxes[k]] == k + 1, values[boxes[k]], start, unit))
    return found, int(n), float(sums.sum()) * unit


def _region(
    class_index: int, inside: BoolArray, values: NDArray[np.uint8], start: Sequence[int], unit: float
) -> HotRegion:
    inside = np.ascontiguousarray(inside)
    heat = values[inside]
    where = np.argwhere(inside)
    centre = where[((where - where.mean(axis=0)) ** 2).sum(axis=1).argmin()] + start
    total = int(heat.sum(dtype=np.int64))
    return HotRegion(
        class_index=class_index,
        start_zyx=(int(start[0]), int(start[1]), int(start[2])),
        inside=inside,
        centre_zyx=(int(centre[0]), int(centre[1]), int(centre[2])),
        mass=total * unit,
        mean=total / len(heat) / 255.0,
        top=int(heat.max()) / 255.0,
    )


def _box_of(mask: BoolArray) -> Box | None:
    """Return the smallest box round a mask; None round nothing."""
    found: list[slice] = []
    for axis in range(3):
        where = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not len(where):
            return None
        found.append(slice(int(where[0]), int(where[-1]) + 1))
    return found[0], found[1], found[2]


def side_in_words(index_zyx: Sequence[float], geometry: Geometry) -> str:
    """Say where in the image a place lies, in words of the patient: "left, anterior, superior".

    The directions are the patient's, also in a scan that is tilted against them; the middle is that of the image.
    Our proposal: along each direction, a place is named where it is off the middle by more than a fifth of half the
    image's extent.

    Parameters
    ----------
    index_zyx : sequence of float
        On the grid of ``geometry``.
    geometry : Geometry
        Any grid of the image.

    Returns
    -------
    str
        "central" where no direction stands out; "" where the sides of the patient are not known.
    """
    if not geometry.spacing_known:
        return ""
    corners: Any = geometry.corners_lps
    low, high = corners.min(axis=0), corners.max(axis=0)
    half = np.maximum((high - low) / 2, 1e-9)
    off = (geometry.lps_from_index(np.asarray(index_zyx, dtype=float)) - (low + high) / 2) / half
    words = [names[int(d > 0)] for d, names in zip(off.tolist(), _DIRECTIONS, strict=True) if abs(d) > _OFF_CENTRE]
    return ", ".join(words) or "central"
