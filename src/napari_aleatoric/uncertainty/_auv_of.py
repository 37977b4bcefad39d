"""The AUV of the rows of a table: of the present cohort, or against its reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE

from ._reference import ADJUSTED, BoundReference
from ._scale import auv, size_adjusted
from ._table import ScoreTable

__all__ = ["adjusted_auv_of", "auv_of", "reference_place"]

FloatArray = NDArray[np.float64]


def auv_of(
    table: ScoreTable, class_index: int = WHOLE_CASE, *, reference: BoundReference | None = None
) -> FloatArray:
    """AUV of every row, shape (n,); the whole case takes the mean scale of its classes.

    Parameters
    ----------
    table : ScoreTable
        Raw scores of the present cohort.
    class_index : int
        The class, or `WHOLE_CASE`.
    reference : BoundReference, optional
        Whose range is taken instead of the cohort's; by default the table's, if it has one. All NaN for a class
        that is not in it.
    """
    scales = table.column("perception_scale", class_index)
    known = reference or table.reference
    if known is None:
        return auv(scales, percentiles=table.auv_percentiles)
    values = known.values("perception_scale", class_index)
    return auv(scales, percentiles=table.auv_percentiles, reference=[] if values is None else values)


def adjusted_auv_of(
    table: ScoreTable, class_index: int = WHOLE_CASE, *, reference: BoundReference | None = None
) -> FloatArray:
    """AUV of the size-adjusted scales of every row, shape (n,); see `auv_of`."""
    known = reference or table.reference
    scales = _adjusted(table, class_index, known)
    if known is None:
        return auv(scales, percentiles=table.auv_percentiles)
    values = known.values(ADJUSTED, class_index)
    return auv(scales, percentiles=table.auv_percentiles, reference=[] if values is None else values)


def reference_place(table: ScoreTable, measure: str, class_index: int = WHOLE_CASE) -> FloatArray:
    """Part of the cases of the table's reference that are easier than each row, shape (n,); NaN without one.

    Parameters
    ----------
    table : ScoreTable
        Raw scores.
    measure : str
        "auv", "auv_size_adjusted" or a stored measure of difficulty.
    class_index : int
        The class, or `WHOLE_CASE`.
    """
    known = table.reference
    if known is None:
        return np.full(len(table), np.nan)
    if measure == ADJUSTED:
        return known.place(ADJUSTED, class_index, _adjusted(table, class_index, known))
    stored = "perception_scale" if measure == "auv" else measure
    return known.place(stored, class_index, table.column(stored, class_index))


def _adjusted(table: ScoreTable, class_index: int, reference: BoundReference | None) -> FloatArray:
    line = None if reference is None else reference.line(class_index)
    scales, voxels = table.column("perception_scale", class_index), table.column("volume_voxels", class_index)
    return size_adjusted(scales, voxels, line=line)
