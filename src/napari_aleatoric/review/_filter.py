"""The filter: which labels of a data set are kept, and why each of the others is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import WHOLE_CASE, ItemKey, Measure
from napari_aleatoric.uncertainty import MEASURES

from ._filter_cut import Cut, cut_at_percentiles, cut_at_values, sides
from ._filter_reason import FilterReason
from ._filter_spec import FilterSpec
from ._filter_values import measure_values
from ._filter_words import dropped_sentence, preview_json, preview_sentence
from ._queue import Queue
from ._queue_columns import QueueColumns

__all__ = ["ClassCount", "DroppedLabel", "FilterPreview", "preview_filter"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ClassCount:
    """What a filter does to one class.

    Parameters
    ----------
    class_index : int
        The class.
    class_name : str
        Its name.
    n : int
        Labels, of those that were asked for, that hold the class.
    n_kept : int
        Of those, the ones that are kept, whatever cut decides.
    smallest, largest : float
        Raw values of the class that its own cut keeps, with a class-wise filter; −inf and inf where nothing is
        cut, NaN with a global filter.
    """

    class_index: int
    class_name: str
    n: int
    n_kept: int
    smallest: float = float("nan")
    largest: float = float("nan")


@dataclass(frozen=True)
class DroppedLabel:
    """A label that is not kept.

    Parameters
    ----------
    key : ItemKey
        Which.
    why : FilterReason
        For which reason.
    sentence : str
        The same in words.
    value : float
        What it measures, of the class that decided; NaN where nothing was measured.
    class_name : str
        That class; "" for the whole case.
    """

    key: ItemKey
    why: FilterReason
    sentence: str
    value: float
    class_name: str = ""


@dataclass(frozen=True, eq=False)
class FilterPreview:
    """What a filter keeps, before anything is written.

    Parameters
    ----------
    spec : FilterSpec
        What was asked for.
    columns : QueueColumns
        The n items of the data set.
    why : numpy.ndarray of int8, shape (n,)
        A `FilterReason` for each.
    value : numpy.ndarray of float64, shape (n,)
        Raw value of the class that decided about each; NaN where nothing was measured.
    value_class : numpy.ndarray of int64, shape (n,)
        That class; 0 = the whole case.
    cuts : dict of int to Cut
        By class index, 0 = the whole case; of values oriented so that high is worse.
    class_counts : tuple of ClassCount
        Of every class of the data set.
    """

    spec: FilterSpec
    columns: QueueColumns
    why: NDArray[np.int8]
    value: FloatArray
    value_class: NDArray[np.int64]
    cuts: dict[int, Cut]
    class_counts: tuple[ClassCount, ...]

    @property
    def measure(self) -> Measure:
        """The declaration of what is cut by."""
        return MEASURES[self.spec.measure]

    @cached_property
    def keep(self) -> BoolArray:
        """Whether each item is kept, shape (n,)."""
        return np.asarray(self.why <= FilterReason.KEPT_UNSCORED)

    @cached_property
    def asked(self) -> BoolArray:
        """Whether each item is one of the label reader that was asked for, shape (n,)."""
        return np.asarray(self.why != FilterReason.NOT_ASKED)

    @property
    def cohort(self) -> BoolArray:
        """Whether each item is among those whose distribution is cut, shape (n,)."""
        return np.asarray(self.asked & (self.why != FilterReason.VERDICT))

    @property
    def kept(self) -> list[ItemKey]:
        """The labels that are kept, in the order of the data set."""
        return [self.columns.keys[i] for i in np.flatnonzero(self.keep).tolist()]

    @property
    def n_total(self) -> int:
        """Labels that were asked for."""
        return int(self.asked.sum())

    @property
    def n_kept(self) -> int:
        """Labels that are kept."""
        return int(self.keep.sum())

    def count(self, why: FilterReason) -> int:
        """How many labels had this fate."""
        return int((self.why == why).sum())

    @property
    def n_stale(self) -> int:
        """Labels whose score is out of date, of those that were asked for."""
        return int((self.columns.stale & self.asked).sum())

    def dropped(self) -> Iterator[DroppedLabel]:
        """Give the labels that are not kept, with the reason for each; those furthest from the cut first."""
        rows = np.flatnonzero(self.asked & ~self.keep)
        why, oriented = self.why[rows], self.measure.sign * self.value[rows]
        nearness = np.where(why == FilterReason.BETTER, oriented, -oriented)
        for row in rows[np.lexsort((rows, nearness, why))].tolist():
            c = int(self.value_class[row])
            yield DroppedLabel(
                self.columns.keys[row],
                FilterReason(int(self.why[row])),
                dropped_sentence(self, row),
                float(self.value[row]),
                self.columns.classes.name_of(c) if c else "",
            )

    @property
    def sentence(self) -> str:
        """In one or two sentences: how many are kept, and what becomes of the others."""
        return preview_sentence(self)

    def to_json(self) -> dict[str, Any]:
        """Plain values: the spec, counts, cuts, and every dropped label with its reason."""
        return preview_json(self)


def preview_filter(queue: Queue, spec: FilterSpec) -> FilterPreview:
    """Work out what a filter keeps. Pure: nothing is read or written.

    Parameters
    ----------
    queue : Queue
        Of the data set; it may be filtered and sorted, all items count all the same. Build it with
        ``build_queue(store, classes, reader=spec.reader)``.
    spec : FilterSpec
        What is kept.

    Returns
    -------
    FilterPreview
        A pure function of scores, verdicts and spec: the order of the items changes nothing.

    Raises
    ------
    NotFoundError
        If there is no such measure, class or label reader.
    DataError
        If no label that is looked at has such a score.
    """
    columns = queue.columns
    if spec.measure not in MEASURES:
        raise NotFoundError(f"There is no measure '{spec.measure}'. Known: {', '.join(MEASURES)}.")
    sign = MEASURES[spec.measure].sign
    asked = _asked(columns, spec.label_reader)
    refused = asked & columns.has_status(spec.drop_verdicts)
    cohort = asked & ~refused
    class_indices = _class_indices(columns, spec)
    oriented = {
        c: np.where(cohort, sign * columns.spread(measure_values(columns.table, spec.measure, c)), np.nan)
        for c in class_indices
    }
    if cohort.any() and all(np.isnan(values).all() for values in oriented.values()):
        raise DataError(
            f"No label has a value of '{spec.measure}' yet, so there is nothing to cut by. Score the data set "
            "first (aleatoric score), or choose another measure."
        )
    cuts = {c: _cut(values, spec, sign) for c, values in oriented.items()}
    why, value, value_class = _decide(oriented, cuts, spec)
    why[cohort & (why == FilterReason.UNSCORED)] = (
        FilterReason.KEPT_UNSCORED if spec.unscored == "keep" else FilterReason.UNSCORED
    )
    why[cohort & columns.has_status(spec.keep_verdicts) & (why != FilterReason.WITHIN)] = (
        FilterReason.KEPT_BY_VERDICT
    )
    why[refused] = FilterReason.VERDICT
    why[~asked] = FilterReason.NOT_ASKED
    keep = why <= FilterReason.KEPT_UNSCORED
    counts = _class_counts(columns, asked, keep, cuts if spec.class_wise else {}, sign)
    return FilterPreview(spec, columns, why, sign * value, value_class, cuts, counts)


def _asked(columns: QueueColumns, label_reader: str | None) -> BoolArray:
    if label_reader is None:
        return np.ones(len(columns), dtype=bool)
    asked = np.array([reader == label_reader for _, reader in columns.keys], dtype=bool)
    if not asked.any():
        known = ", ".join(repr(r) for r in sorted({reader for _, reader in columns.keys})) or "none"
        raise NotFoundError(f"There are no labels by the reader '{label_reader}'. Label readers: {known}.")
    return asked


def _class_indices(columns: QueueColumns, spec: FilterSpec) -> list[int]:
    if not spec.class_wise:
        return [WHOLE_CASE]
    if spec.class_names:
        return sorted({columns.classes.by_name(name).class_index for name in spec.class_names})
    return [c.class_index for c in columns.classes]


def _cut(oriented: FloatArray, spec: FilterSpec, sign: float) -> Cut:
    if spec.values is not None:
        return cut_at_values(spec.values, sign)
    return cut_at_percentiles(oriented, spec.percentiles)


def _decide(
    oriented: dict[int, FloatArray], cuts: dict[int, Cut], spec: FilterSpec
) -> tuple[NDArray[np.int8], FloatArray, NDArray[np.int64]]:
    """Reason, deciding value (oriented) and its class of every item; the worst class speaks where several could."""
    names = np.array(list(oriented), dtype=np.int64)
    values = np.stack(list(oriented.values()))  # (classes, n)
    known = ~np.isnan(values)
    side = np.stack([sides(oriented[c], cuts[c]) for c in oriented])
    inside = known & (side == 0)
    kept = inside.any(axis=0) if spec.class_rule == "any" else (inside | ~known).all(axis=0) & known.any(axis=0)
    # the class that decided: a kept case shows its worst value that is within, a dropped one its worst outside
    deciding = np.where(kept, inside, known & (side != 0))
    score = np.where(deciding, values, -np.inf)
    row = score.argmax(axis=0)
    at = np.arange(values.shape[1])
    none = ~deciding.any(axis=0)
    outside_worse = (known & (side > 0)).any(axis=0)
    outside_better = (known & (side < 0)).any(axis=0)
    why = np.full(values.shape[1], FilterReason.UNSCORED, dtype=np.int8)
    why[outside_worse] = FilterReason.WORSE
    why[outside_better & ~outside_worse] = FilterReason.BETTER
    why[outside_worse & outside_better] = FilterReason.BOTH_ENDS
    why[kept] = FilterReason.WITHIN
    return why, np.where(none, np.nan, values[row, at]), np.where(none, WHOLE_CASE, names[row])


def _class_counts(
    columns: QueueColumns, asked: BoolArray, keep: BoolArray, cuts: dict[int, Cut], sign: float
) -> tuple[ClassCount, ...]:
    counts = []
    for c in columns.classes:
        voxels = columns.spread(columns.table.column("volume_voxels", c.class_index))
        there = asked & (voxels > 0)
        cut = cuts.get(c.class_index)
        limits = (np.nan, np.nan) if cut is None else (cut.low, cut.high) if sign > 0 else (-cut.high, -cut.low)
        n, n_kept = int(there.sum()), int((there & keep).sum())
        counts.append(ClassCount(c.class_index, c.class_name, n, n_kept, *limits))
    return tuple(counts)
