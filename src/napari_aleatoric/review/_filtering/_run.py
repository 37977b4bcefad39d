"""The filter: which labels of a data set are kept, and why each of the others is not."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.model import WHOLE_CASE, ItemKey
from napari_aleatoric.review._ranking._queue import Queue
from napari_aleatoric.review._ranking._queue_columns import QueueColumns
from napari_aleatoric.uncertainty import MEASURES

from ._cut import Cut, cut_at_percentiles, cut_at_values, sides
from ._preview import ClassCount, FilterPreview
from ._reason import FilterReason
from ._spec import FilterSpec
from ._values import measure_values

__all__ = ["preview_filter"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def preview_filter(queue: Queue, spec: FilterSpec, *, among: Collection[ItemKey] | None = None) -> FilterPreview:
    """Work out what a filter keeps. Pure: nothing is read or written.

    Parameters
    ----------
    queue : Queue
        Of the data set; it may be filtered and sorted, all items count all the same. Build it with
        ``build_queue(store, classes, reader=spec.reader)``.
    spec : FilterSpec
        What is kept.
    among : collection of ItemKey, optional
        Only these are asked about, and only these count in the distribution; none = all.

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
    if among is not None:
        asked &= np.array([key in among for key in columns.keys], dtype=bool)
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
        known = ", ".join(sorted({reader for _, reader in columns.keys} - {""}))
        raise NotFoundError(
            f"There are no labels by the reader '{label_reader}'. "
            + (f"Label readers: {known}." if known else "The labels of this data set name no reader.")
        )
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
