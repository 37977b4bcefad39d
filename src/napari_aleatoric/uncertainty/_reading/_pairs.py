"""Every reader against every other, structure by structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.uncertainty._overlap_and_outline import Outline, compare_outlines, dice

__all__ = ["PairFigures", "compare_pairs"]


@dataclass(frozen=True)
class PairFigures:
    """Two readers' masks of one structure.

    Parameters
    ----------
    first, second : int
        Rows of the readers.
    dice, surface_dice : float
        1 where neither drew the structure, 0 where one did.
    hd95 : float or None
        In the unit of the spacing; None where one reader or both drew nothing: there is no outline to measure to.
    presence_differs : bool
        Whether one drew the structure and the other did not.
    """

    first: int
    second: int
    dice: float
    surface_dice: float
    hd95: float | None
    presence_differs: bool


def compare_pairs(
    masks: Sequence[NDArray[np.bool_]], spacing_zyx: tuple[float, float, float], tolerance: float
) -> tuple[PairFigures, ...]:
    """Compare all pairs of readers.

    Parameters
    ----------
    masks : sequence of numpy.ndarray of bool, shape (Z, Y, X)
        One per reader, on one grid.
    spacing_zyx : tuple of float
        In millimetres; (1, 1, 1) where it is not known, and everything is then in voxels.
    tolerance : float
        Distance between outlines that does not count in the surface Dice, in the same unit.

    Returns
    -------
    tuple of PairFigures
        In the order (0, 1), (0, 2), ..., (1, 2), ...; none with fewer than two readers. Dice, surface Dice and HD95
        are those of `dice` and `compare_outlines`.
    """
    outlines = [Outline(mask, spacing_zyx) for mask in masks]
    found = []
    for a, b in combinations(range(len(masks)), 2):
        n_drawn = int(bool(len(outlines[a].points))) + int(bool(len(outlines[b].points)))
        compared = compare_outlines(outlines[a], outlines[b], tolerance)
        found.append(
            PairFigures(
                first=a,
                second=b,
                dice=dice(masks[a], masks[b]),
                surface_dice=float(n_drawn == 0) if compared is None else compared.surface_dice,
                hd95=None if compared is None else compared.hd95_mm,
                presence_differs=n_drawn == 1,
            )
        )
    return tuple(found)
