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
from ._percentile import percentile_rank
from ._size_removed import size_removed

if TYPE_CHECKING:
    from ._reference import BoundReference

__all__ = ["ScoreTable"]

FloatArray = NDArray[np.float64]


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

    def size_removed(self, measure: str, class_index: int = WHOLE_CASE) -> FloatArray:
        """Return the same place without what object size explains, shape (n,), always among these cases.

        See `size_removed`; NaN where there is no value or no size. Kept after the first call.
        """
        name = ("size removed", measure, class_index)
        if name not in self._ranks:
            values = MEASURES[measure].sign * self.column(measure, class_index)
            self._ranks[name] = size_removed(values, self.column("volume_voxels", class_index))
        return self._ranks[name]
