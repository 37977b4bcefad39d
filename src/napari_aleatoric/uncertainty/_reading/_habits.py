"""What a reader is in the habit of: more or less, higher or lower, further out or in than the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty._overlap_and_outline import surface_points

__all__ = ["ReaderHabit", "boundary_offset", "reader_habits"]

BoolArray = NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class ReaderHabit:
    """One reader's mask of one structure and the consensus of the others; None where there is nothing to compare.

    Parameters
    ----------
    reader : int
        Row of the reader.
    drew, others_drew : bool
        Whether the reader drew the structure, and whether more than half of the others did.
    relative_volume : float or None
        (V − V₀) / V₀ with V₀ the volume of the consensus: above 0 the reader draws more.
    slices_top, slices_bottom : float or None
        Slices that the reader goes on beyond the consensus at the end of largest and of smallest z, below 0 where
        the reader stops before. In the upright frame the top is towards the head. None in an image of one slice.
    offset : float or None
        How far the reader's outline lies outside that of the consensus, in the unit of the spacing; see
        `boundary_offset`.
    """

    reader: int
    drew: bool
    others_drew: bool
    relative_volume: float | None = None
    slices_top: float | None = None
    slices_bottom: float | None = None
    offset: float | None = None


def reader_habits(masks: Sequence[BoolArray], spacing_zyx: Spacing) -> tuple[ReaderHabit, ...]:
    """Compare every reader with the consensus of the others, of one structure (our proposal).

    The consensus is the majority of the others, the reader left out. Where the others are even in number, a tie
    neither belongs to the structure nor not: every figure is then the mean of that against the voxels that more
    than half of them drew and that against those that at least half did, or of the one that is not empty. Taking
    one side would make every reader look generous, or sparing.

    Parameters
    ----------
    masks : sequence of numpy.ndarray of bool, shape (Z, Y, X)
        One per reader, on one grid.
    spacing_zyx : tuple of float
        In millimetres; (1, 1, 1) where it is not known, and offsets are then in voxels.

    Returns
    -------
    tuple of ReaderHabit
        One per reader; none with fewer than two readers.
    """
    if len(masks) < 2:
        return ()
    votes = np.zeros(masks[0].shape, dtype=np.int32)
    for mask in masks:
        votes += mask
    n_others, n_drew = len(masks) - 1, sum(bool(mask.any()) for mask in masks)
    found = []
    for r, mask in enumerate(masks):
        others = votes - mask
        drew = bool(mask.any())
        others_drew = 2 * (n_drew - drew) > n_others
        tight, wide = 2 * others > n_others, 2 * others >= n_others
        against = [c for c in ((tight,) if n_others % 2 else (tight, wide)) if c.any()]
        if not drew or not against:
            less = -1.0 if against and others_drew else None
            found.append(ReaderHabit(r, drew, others_drew, relative_volume=less))
            continue
        ends = [] if len(mask) == 1 else [_beyond(mask, reference) for reference in against]
        found.append(
            ReaderHabit(
                reader=r,
                drew=drew,
                others_drew=others_drew,
                relative_volume=_mean([float(mask.sum()) / float(c.sum()) - 1.0 for c in against]),
                slices_top=_mean([top for top, _ in ends]),
                slices_bottom=_mean([bottom for _, bottom in ends]),
                offset=_mean([boundary_offset(mask, c, spacing_zyx) for c in against]),
            )
        )
    return tuple(found)


def boundary_offset(mask: BoolArray, reference: BoolArray, spacing_zyx: Spacing) -> float:
    """Return how far a mask's outline lies outside a reference's; below 0 is inside (our proposal).

    The mean of two directed distances: that of the mask's border from the reference's, and that of the reference's
    border from the mask's with its sign turned. One of them alone leans: what sticks out has more border than what
    is cut off, so that of two readers who are each other's mirror image both would seem to draw too much.

    Parameters
    ----------
    mask, reference : numpy.ndarray of bool, shape (Z, Y, X)
        On one grid, neither of them empty.
    spacing_zyx : tuple of float
        Of the grid; its unit is that of the result.

    Returns
    -------
    float
        For every border voxel of a mask (`surface_points`) the distance to the nearest border voxel of the other,
        negative inside the other. ``boundary_offset(a, b) == -boundary_offset(b, a)``.
    """
    mine, its = surface_points(mask, spacing_zyx), surface_points(reference, spacing_zyx)
    outside = _directed(mine, its, reference, spacing_zyx)
    return 0.5 * (outside - _directed(its, mine, mask, spacing_zyx))


def _directed(
    border: NDArray[np.float64], other: NDArray[np.float64], other_mask: BoolArray, spacing_zyx: Spacing
) -> float:
    """Mean distance of border voxels to another mask's border, negative inside that mask."""
    from scipy.spatial import KDTree

    distance = KDTree(other).query(border)[0]
    index = np.rint(border / np.asarray(spacing_zyx)).astype(np.intp)
    inside = other_mask[index[:, 0], index[:, 1], index[:, 2]]
    return float(np.where(inside, -distance, distance).mean())


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _beyond(mask: BoolArray, reference: BoolArray) -> tuple[float, float]:
    """How many slices the mask goes on beyond the reference at the end of largest and of smallest z."""
    mine, its = (np.flatnonzero(m.any(axis=(1, 2))) for m in (mask, reference))
    return float(mine[-1] - its[-1]), float(its[0] - mine[0])
