"""All raw scores of a data set side by side, and their percentile ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.model import WHOLE_CASE, ItemKey

from ._judges import risk_parts
from ._measures import MEASURES

if TYPE_CHECKING:
    from ._reference import BoundReference

__all__ = ["ScoreTable", "percentile_rank"]

FloatArray = NDArray[np.float64]


def percentile_rank(values: FloatArray) -> FloatArray:
    """Place of every value among all.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        NaN = not measured.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        (mean rank − ½) / m over the m values that are not NaN: strictly between 0 and 1, equal values share
        one rank, NaN stays NaN.
    """
    result = np.full(values.shape, np.nan)
    order = np.argsort(values)  # NaN last
    m = int(values.size - np.isnan(values).sum())
    if m:
        order = order[:m]
        ordered = values[order]
        first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        length = np.diff(np.append(first, m))
        # ranks first+1 .. first+length of a run of equal values, minus one half, on average
        result[order] = np.repeat((first + length / 2) / m, length)
    return result


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Raw scores in columns.

    Parameters
    ----------
    keys : sequence of ItemKey
        n different labels.
    columns : mapping
        ``(measure name, class_index)`` to n numbers (float64); NaN = not measured; class index 0 = whole case.
        The arrays are shared, not copied, and must not be changed afterwards.
    reference : BoundReference, optional
        Scores of other cases that the difficulty is compared with, instead of these cases with each other.
    auv_percentiles : tuple of float, optional
        Percentiles (0..100) that the AUV's range lies between; None = minimum and maximum.
    judge : str
        Who judged the labels: one of `JUDGES`, or "" where it is not known.
    """

    keys: Sequence[ItemKey]
    columns: Mapping[tuple[str, int], FloatArray]
    reference: BoundReference | None = None
    auv_percentiles: tuple[float, float] | None = None
    judge: str = ""
    _ranks: dict[Any, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if column.shape != (len(self.keys),):
                raise DataError(f"Expected {len(self.keys)} values in column {name}, got shape {column.shape}.")

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def class_indices(self) -> tuple[int, ...]:
        """Foreground classes that have any column, ascending."""
        return tuple(sorted({c for _, c in self.columns if c != WHOLE_CASE}))

    @cached_property
    def key_order(self) -> NDArray[np.int64]:
        """Place of every key in the alphabetical order of keys, shape (n,): what breaks ties."""
        order = sorted(range(len(self.keys)), key=self.keys.__getitem__)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return place

    @property
    def risk_parts(self) -> tuple[str, ...]:
        """The measures whose largest percentile rank is the label risk of this table."""
        return risk_parts(self.judge)

    def column(self, measure: str, class_index: int = WHOLE_CASE) -> FloatArray:
        """Return the raw values, shape (n,); all NaN where the column is absent."""
        found = self.columns.get((measure, class_index))
        return np.full(len(self.keys), np.nan) if found is None else found

    def percentile(self, measure: str, class_index: int = WHOLE_CASE) -> FloatArray:
        """Return percentile ranks in the direction of the measure, shape (n,): near 1 = worst of the data set.

        Of a measure that the table's reference has, near 1 = worse than nearly all cases of the reference; NaN for
        a class that is not in it. Kept after the first call.
        """
        name = (measure, class_index)
        if name not in self._ranks:
            column = self.column(measure, class_index)
            if self.reference is not None and self.reference.has(measure):
                self._ranks[name] = self.reference.place(measure, class_index, column)
            else:
                self._ranks[name] = percentile_rank(MEASURES[measure].sign * column)
        return self._ranks[name]
