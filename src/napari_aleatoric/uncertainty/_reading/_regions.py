"""Where readers differ, piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._parts import parts_to_decide
from ._readings import checked_readings

__all__ = ["DisputedRegion", "disputed_regions"]

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DisputedRegion:
    """Connected voxels on which readers differ, to be decided as one.

    Parameters
    ----------
    start_zyx : tuple of int
        First voxel of the smallest box round it.
    inside : numpy.ndarray of bool, shape (z, y, x)
        Which voxels of that box belong to it.
    answers : numpy.ndarray of integer, shape (R, n)
        The class that each reader gave each of its n voxels, in the order of ``inside``.
    centre_zyx : tuple of int
        The voxel of the region that is nearest to the mean of its voxels.
    from_centre : float
        Distance of that voxel from the centre of mass of what any reader drew of the structures in question, in the
        unit of the spacing.
    """

    start_zyx: tuple[int, int, int]
    inside: BoolArray
    answers: NDArray[Any]
    centre_zyx: tuple[int, int, int]
    from_centre: float

    @property
    def n_voxels(self) -> int:
        """Its size."""
        return int(self.answers.shape[1])

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The smallest box round it, on the grid of the labels."""
        z, y, x = (slice(a, a + n) for a, n in zip(self.start_zyx, self.inside.shape, strict=True))
        return z, y, x

    def moved(self, by_zyx: tuple[int, int, int]) -> DisputedRegion:
        """Return it on a grid whose first voxel lies so many voxels before that of its own."""
        z, y, x = by_zyx
        (a, b, c), (d, e, f) = self.start_zyx, self.centre_zyx
        return replace(self, start_zyx=(a + z, b + y, c + x), centre_zyx=(d + z, e + y, f + x))

    @property
    def classes(self) -> tuple[int, ...]:
        """Structures in question: what any reader gave any voxel of it, background apart."""
        return tuple(int(c) for c in np.unique(self.answers) if c)

    @property
    def is_uniform(self) -> bool:
        """Whether every reader gave all of it to one class."""
        return bool((self.answers == self.answers[:, :1]).all())

    @property
    def chosen(self) -> tuple[int, ...]:
        """For each reader, the class that most of the region was given; of equal ones the smallest."""
        return tuple(int(np.bincount(answer).argmax()) for answer in self.answers)

    def shares(self, class_index: int) -> tuple[float, ...]:
        """For each reader, the part of the region that they gave to a class, 0..1."""
        return tuple(float(share) for share in (self.answers == class_index).mean(axis=1))

    def digest(self, readers: Sequence[str]) -> str:
        """Return 16 hexadecimal digits of its place, its voxels and every reader's answers.

        They are the same whatever the order of the readers, and change where any reader's answer in the region, or
        the region itself, is another.

        Parameters
        ----------
        readers : sequence of str
            Names of the R readers.
        """
        made = hashlib.blake2b(str((self.start_zyx, self.inside.shape)).encode(), digest_size=8)
        made.update(np.packbits(self.inside).tobytes())
        for name, answer in sorted(zip(readers, self.answers, strict=True), key=lambda one: one[0]):
            made.update(f"\0{name}\0".encode())
            made.update(answer.astype("<u2").tobytes())
        return made.hexdigest()


def disputed_regions(
    labels: NDArray[Any] | Sequence[BoolArray],
    spacing_zyx: tuple[float, float, float],
    *,
    at_least: int = 1,
    sliver: int = 10,
) -> tuple[DisputedRegion, ...]:
    """Find the connected regions in which readers differ, as pieces that can be decided as one.

    A voxel is disputed where not all readers gave it the same class. Connected disputed voxels (a corner is enough)
    that all readers answered alike are a piece, as every answer to one of them suits the others. Pieces that nobody
    would decide by themselves join a neighbour; see `parts_to_decide`, which is our proposal.

    Parameters
    ----------
    labels : numpy.ndarray of integer, shape (R, Z, Y, X), or R masks
        Class indices on one grid; a missing reader has no row.
    spacing_zyx : tuple of float
        Its unit is that of ``from_centre``.
    at_least : int
        Fewest voxels of a region.
    sliver : int
        Pieces with fewer voxels join a neighbour if they have one.

    Returns
    -------
    tuple of DisputedRegion
        Largest first; of equal size, the one nearer to the middle of its structures first. No two have a voxel in
        common, and with ``at_least`` 1 every disputed voxel is in one.
    """
    labels = checked_readings(np.asarray(labels))
    if len(labels) < 2:
        return ()
    where = np.asarray((labels != labels[:1]).any(axis=0))
    box = _box_of(where)
    if box is None:
        return ()
    numbers = parts_to_decide(labels[:, box[0], box[1], box[2]], where[box], sliver)
    middles: dict[tuple[int, ...], NDArray[np.float64]] = {}
    found = []
    for start, inside in _each(numbers, [s.start for s in box]):
        if int(inside.sum()) < at_least:
            continue
        around = tuple(slice(a, a + n) for a, n in zip(start, inside.shape, strict=True))
        answers = np.stack([label[around][inside] for label in labels])
        voxels = np.argwhere(inside) + start
        centre = voxels[_distance(voxels, voxels.mean(axis=0), spacing_zyx).argmin()]
        classes = tuple(int(c) for c in np.unique(answers) if c)
        if classes not in middles:
            middles[classes] = _middle(labels, classes)
        place = (int(centre[0]), int(centre[1]), int(centre[2]))
        far = float(_distance(centre[np.newaxis], middles[classes], spacing_zyx)[0])
        found.append(DisputedRegion(start, inside, answers, place, far))
    return tuple(sorted(found, key=lambda r: (-r.n_voxels, r.from_centre, r.centre_zyx)))


def _each(numbers: NDArray[np.int32], start: Sequence[int]) -> Iterator[tuple[tuple[int, int, int], BoolArray]]:
    from scipy import ndimage

    for number, around in enumerate(ndimage.find_objects(numbers), start=1):
        z, y, x = (int(a) + s.start for a, s in zip(start, around, strict=True))
        yield (z, y, x), np.ascontiguousarray(numbers[around] == number)


def _box_of(mask: BoolArray) -> tuple[slice, slice, slice] | None:
    where = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    if not len(where[0]):
        return None
    z, y, x = (slice(int(w[0]), int(w[-1]) + 1) for w in where)
    return z, y, x


def _middle(labels: NDArray[Any], classes: tuple[int, ...]) -> NDArray[np.float64]:
    """Centre of mass, in voxels, of what any reader gave to any of these classes."""
    drawn = np.zeros(labels.shape[1:], dtype=bool)
    for label in labels:
        for c in classes:
            drawn |= label == c
    along = [np.asarray(drawn.sum(axis=tuple(a for a in range(3) if a != axis)), float) for axis in range(3)]
    return np.array([float((np.arange(len(n)) * n).sum() / n.sum()) for n in along])


def _distance(
    index_zyx: NDArray[np.intp], to: NDArray[np.float64], spacing_zyx: tuple[float, float, float]
) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm((index_zyx - to) * np.asarray(spacing_zyx), axis=1))
