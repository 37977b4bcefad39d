"""What a rule works out for every row of the table of scores."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import WHOLE_CASE, Question

from ._auv_of import reference_place
from ._table import ScoreTable

__all__ = [
    "Scored",
    "Scorer",
    "Strategy",
    "at_random",
    "by_difficulty",
    "by_label_risk",
    "by_maximum",
    "by_measure",
    "by_worst_class",
    "by_worst_class_of",
    "label_risk",
]

_FEW_CLASSES = 2
"""Up to here the label risk of a case is that of all classes together; beyond, a wrong class drowns in the others.
Measured with planted errors: see ``docs/benchmarks.md``."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """What a strategy works out for every row; see `Ranking`. ``second`` orders equal scores."""

    score: FloatArray
    second: FloatArray
    class_index: IntArray
    part: NDArray[np.str_]
    reference_place: FloatArray | None = None
    whole: bool = False  # whether the score is that of the whole case, not of the driving class


Scorer = Callable[[ScoreTable, "Collection[int] | None"], Scored]
"""Works out what a strategy says of every row; of some classes only, where these are given."""


@dataclass(frozen=True)
class Strategy:
    """A rule that orders the queue.

    Parameters
    ----------
    name, title : str
        Identifier, and a few words for a menu.
    sentence : str
        What comes first under this rule.
    question : Question or None
        The one question the order answers; None for an order that answers none.
    detail : bool
        An option for researchers, left out of the window's short list.
    diverse : bool
        Whether the first batch is spread over different problems; see `spread_out`.
    check_rate : float
        Part of the places that known-good cases take, to check readers; see `with_honeypots`. 0 = none.
    """

    name: str
    title: str
    sentence: str
    question: Question | None
    _scored: Scorer
    detail: bool = False
    diverse: bool = False
    check_rate: float = 0.0


def label_risk(table: ScoreTable, class_index: int = WHOLE_CASE) -> FloatArray:
    """Largest percentile rank of the three parts, shape (n,), in [0, 1], 1 = worst; NaN = not measured."""
    return _fold_max(_parts(table, class_index))[0]


def _parts(table: ScoreTable, class_index: int) -> FloatArray:
    """Percentile ranks of the three parts, shape (3, n)."""
    return np.stack([table.percentile(measure, class_index) for measure in table.risk_parts])


def _fold_max(stack: FloatArray) -> tuple[FloatArray, IntArray]:
    """Largest along the first axis and its row; NaN and −1 where all are NaN."""
    if stack.shape[0] == 0:
        n = stack.shape[1]
        return np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
    filled = np.where(np.isnan(stack), -np.inf, stack)
    row = filled.argmax(axis=0)
    best = np.take_along_axis(filled, row[np.newaxis], axis=0)[0]
    none = np.isneginf(best)
    return np.where(none, np.nan, best), np.where(none, -1, row)


def _names(row: IntArray, names: tuple[str, ...]) -> NDArray[np.str_]:
    return np.array([*names, ""])[row]


def _worst_of(columns: list[FloatArray], class_indices: list[int], n: int) -> tuple[FloatArray, IntArray]:
    """Largest of the classes' columns and the class it belongs to (0 where none has a value)."""
    score, row = _fold_max(np.stack(columns) if columns else np.empty((0, n)))
    return score, np.array([*class_indices, WHOLE_CASE], dtype=np.int64)[row]


def by_label_risk(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
    chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
    worst, class_index = _worst_of([label_risk(table, c) for c in chosen], chosen, len(table))
    if class_filter is None and len(chosen) <= _FEW_CLASSES:
        score, row = _fold_max(_parts(table, WHOLE_CASE))
        return Scored(score, _mean_part(table, WHOLE_CASE), class_index, _names(row, table.risk_parts))
    return _by_class(table, worst, class_index)


def by_worst_class(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
    chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
    worst, class_index = _worst_of([label_risk(table, c) for c in chosen], chosen, len(table))
    return _by_class(table, worst, class_index)


def _by_class(table: ScoreTable, score: FloatArray, class_index: IntArray) -> Scored:
    """Fill in what the driving class says: its mean part as tie-break and its largest part."""
    second = np.full(len(table), np.nan)
    row = np.full(len(table), -1, dtype=np.int64)
    for c in np.unique(class_index).tolist():
        if c != WHOLE_CASE:
            here = class_index == c
            second[here] = _mean_part(table, c)[here]
            row[here] = _fold_max(_parts(table, c))[1][here]
    return Scored(score, second, class_index, _names(row, table.risk_parts))


def _mean_part(table: ScoreTable, class_index: int) -> FloatArray:
    return _mean_of(list(_parts(table, class_index)), len(table))


def _mean_of(columns: Sequence[FloatArray], n: int) -> FloatArray:
    """Mean of what is known, shape (n,); 0 where nothing is."""
    stack = np.stack(columns) if columns else np.empty((0, n))
    known = ~np.isnan(stack)
    return np.asarray(np.where(known, stack, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def by_measure(measure: str) -> Scorer:
    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
        score, class_index = _worst_of([table.percentile(measure, c) for c in chosen], chosen, len(table))
        if class_filter is None:
            score = table.percentile(measure)
        part = np.where(np.isnan(score), "", measure)
        return Scored(score, score, class_index, part, whole=class_filter is None)

    return scored


def by_worst_class_of(measure: str) -> Scorer:
    """Order by the class whose percentile rank among the same class elsewhere is largest."""

    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        return by_measure(measure)(table, table.class_indices if class_filter is None else class_filter)

    return scored


def by_maximum(measures: Sequence[str]) -> Scorer:
    """Order by the largest percentile rank of several measures; their mean orders equal ones.

    Every kind of trouble shows in one measure only, so the maximum finds more than the mean.
    """

    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        chosen = [WHOLE_CASE] if class_filter is None else sorted(class_filter)
        names = [(measure, c) for c in chosen for measure in measures]
        columns = [table.percentile(measure, c) for measure, c in names]
        score, row = _fold_max(np.stack(columns) if columns else np.empty((0, len(table))))
        part = np.array([*(measure for measure, _ in names), ""])[row]
        class_index = np.array([*(c for _, c in names), WHOLE_CASE], dtype=np.int64)[row]
        if class_filter is None:  # the whole case counts; the class that stands out most in it is named
            every = list(table.class_indices)
            for measure in measures:
                _, worst = _worst_of([table.percentile(measure, c) for c in every], every, len(table))
                class_index = np.where(part == measure, worst, class_index)
        return Scored(score, _mean_of(columns, len(table)), class_index, part, whole=class_filter is None)

    return scored


def by_difficulty(measure: str, of: Callable[[ScoreTable, int], FloatArray]) -> Scorer:
    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
        score, class_index = _worst_of([of(table, c) for c in chosen], chosen, len(table))
        place = np.full(len(table), np.nan)
        for c in chosen:
            place = np.where(class_index == c, reference_place(table, measure, c), place)
        whole = of(table, WHOLE_CASE)
        together = class_filter is None and not (table.reference is not None and np.isnan(whole).all())
        if together:
            # else the reference has other classes: a case counts as the hardest that both have
            score, place = whole, reference_place(table, measure, WHOLE_CASE)
        second = np.where(np.isnan(place), score, place)  # beyond the reference's range AUV are equal
        part = np.where(np.isnan(score), "", measure)
        return Scored(score, second, class_index, part, place, whole=together)

    return scored


def at_random(seed: int) -> Scorer:
    """Spread by a checksum of the key: no order at all, yet the same one tomorrow and with more cases."""
    salt = f"\0{seed}" if seed else ""

    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        draws = np.fromiter(
            (zlib.crc32(f"{key.case_id}\0{key.label_reader}{salt}".encode()) for key in table.keys),
            dtype=np.uint64,
            count=len(table.keys),
        )
        score = (draws * np.uint64(2654435761) % np.uint64(2**32)).astype(np.float64) / 2**32
        n = len(table)
        return Scored(score, score, np.zeros(n, dtype=np.int64), np.full(n, ""))

    return scored
