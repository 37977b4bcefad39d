"""The order of the queue: pure functions of the table of scores."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import WHOLE_CASE, ClassTable, Direction, Question

from ._auv_of import adjusted_auv_of, auv_of, reference_place
from ._measures import LABEL_RISK_PARTS, MEASURES
from ._table import ScoreTable

__all__ = ["STRATEGIES", "Ranking", "Strategy", "label_risk", "rank"]

_FEW_CLASSES = 2
"""Up to here the label risk of a case is that of all classes together; beyond, a wrong class drowns in the others.
Measured with planted errors: see ``docs/benchmarks.md``."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The worst first.

    Parameters
    ----------
    strategy : str
        The rule.
    order : numpy.ndarray of int64, shape (n,)
        Rows of the table, worst first; a total order: ties go by the key.
    score : numpy.ndarray of float64, shape (n,)
        By table row, in [0, 1], 1 = worst; NaN = not measured (these come last).
    class_index : numpy.ndarray of int64, shape (n,)
        By table row: the class that drives the score; 0 where no class does.
    part : numpy.ndarray of str, shape (n,)
        By table row: the measure that drives it; "" where none does.
    reference_place : numpy.ndarray of float64, shape (n,)
        By table row: part of the cases of the table's reference that are easier; NaN where nothing is compared.
    size_removed : numpy.ndarray of float64, shape (n,)
        By table row: place (0..1) among the cases once object size is taken out; NaN where that is not to be told.
    reference : str
        The reference's name; "" without one.
    judge : str
        Who judged the labels: one of `JUDGES`, or "" where it is not known.
    """

    strategy: str
    order: IntArray
    score: FloatArray
    class_index: IntArray
    part: NDArray[np.str_]
    reference_place: FloatArray
    size_removed: FloatArray
    reference: str = ""
    judge: str = ""

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def position(self) -> IntArray:
        """By table row: place in the order, 0 = worst; shape (n,)."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        return place


@dataclass(frozen=True)
class Scored:
    """What a strategy works out for every row; see `Ranking`. ``second`` orders equal scores."""

    score: FloatArray
    second: FloatArray
    class_index: IntArray
    part: NDArray[np.str_]
    reference_place: FloatArray | None = None


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
    """

    name: str
    title: str
    sentence: str
    question: Question | None
    _scored: Callable[[ScoreTable, Collection[int] | None], Scored]


def label_risk(table: ScoreTable, class_index: int = WHOLE_CASE) -> FloatArray:
    """Largest percentile rank of the three parts, shape (n,), in [0, 1], 1 = worst; NaN = not measured."""
    return _fold_max(_parts(table, class_index))[0]


def rank(
    table: ScoreTable,
    strategy: str = "label_risk",
    classes: ClassTable | None = None,
    class_filter: Collection[int] | None = None,
) -> Ranking:
    """Put the worst first.

    Parameters
    ----------
    table : ScoreTable
        Raw scores.
    strategy : str
        A key of `STRATEGIES`.
    classes : ClassTable, optional
        Only to check ``class_filter``.
    class_filter : collection of int, optional
        Class indices to look at; a case then counts as its worst class among them. None = the whole case.

    Returns
    -------
    Ranking
        A pure function of the table: the same scores give the same order, whatever the order of the rows.
    """
    if strategy not in STRATEGIES:
        raise NotFoundError(f"There is no strategy '{strategy}'. Known: {', '.join(STRATEGIES)}.")
    if class_filter is not None:
        known = set(range(1, classes.n_rows)) if classes is not None else set(table.class_indices)
        unknown = sorted(set(class_filter) - known)
        if unknown:
            raise NotFoundError(f"There are no classes {unknown}; known class indices: {sorted(known)}.")
    found = STRATEGIES[strategy]._scored(table, class_filter)
    order = np.lexsort((table.key_order, _last(found.second), _last(found.score)))
    place = np.full(len(table), np.nan) if found.reference_place is None else found.reference_place
    name = "" if table.reference is None else table.reference.name
    rest = np.full(len(table), np.nan)
    return Ranking(strategy, order, found.score, found.class_index, found.part, place, rest, name, table.judge)


def _last(values: FloatArray) -> FloatArray:
    """Sort key for the worst first with NaN at the end."""
    return np.where(np.isnan(values), np.inf, -values)


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


def _by_label_risk(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
    chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
    worst, class_index = _worst_of([label_risk(table, c) for c in chosen], chosen, len(table))
    if class_filter is None and len(chosen) <= _FEW_CLASSES:
        score, row = _fold_max(_parts(table, WHOLE_CASE))
        return Scored(score, _mean_part(table, WHOLE_CASE), class_index, _names(row, table.risk_parts))
    return _by_class(table, worst, class_index)


def _by_worst_class(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
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
    parts = _parts(table, class_index)
    known = ~np.isnan(parts)
    return np.asarray(np.where(known, parts, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _by_measure(measure: str) -> Callable[[ScoreTable, Collection[int] | None], Scored]:
    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
        score, class_index = _worst_of([table.percentile(measure, c) for c in chosen], chosen, len(table))
        if class_filter is None:
            score = table.percentile(measure)
        return Scored(score, score, class_index, np.where(np.isnan(score), "", measure))

    return scored


def _by_difficulty(
    measure: str, of: Callable[[ScoreTable, int], FloatArray]
) -> Callable[[ScoreTable, Collection[int] | None], Scored]:
    def scored(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
        chosen = list(table.class_indices) if class_filter is None else sorted(class_filter)
        score, class_index = _worst_of([of(table, c) for c in chosen], chosen, len(table))
        place = np.full(len(table), np.nan)
        for c in chosen:
            place = np.where(class_index == c, reference_place(table, measure, c), place)
        whole = of(table, WHOLE_CASE)
        if class_filter is None and not (table.reference is not None and np.isnan(whole).all()):
            # else the reference has other classes: a case counts as the hardest that both have
            score, place = whole, reference_place(table, measure, WHOLE_CASE)
        second = np.where(np.isnan(place), score, place)  # beyond the reference's range AUV are equal
        return Scored(score, second, class_index, np.where(np.isnan(score), "", measure), place)

    return scored


def _at_random(table: ScoreTable, class_filter: Collection[int] | None) -> Scored:
    """Spread by a checksum of the key: no order at all, yet the same one tomorrow and with more cases."""
    draws = np.fromiter(
        (zlib.crc32(f"{key.case_id}\0{key.label_reader}".encode()) for key in table.keys),
        dtype=np.uint64,
        count=len(table.keys),
    )
    score = (draws * np.uint64(2654435761) % np.uint64(2**32)).astype(np.float64) / 2**32
    n = len(table)
    return Scored(score, score, np.zeros(n, dtype=np.int64), np.full(n, ""))


def _strategies() -> Mapping[str, Strategy]:
    listed = [
        Strategy(
            "label_risk",
            "Label risk",
            "Labels that contradict the rest of the data set come first: by mean disagreement, worst place or "
            "extent (with a network: soft minimum), whichever stands out most. With more than two classes, the "
            "worst class counts.",
            Question.LABEL_RISK,
            _by_label_risk,
        ),
        Strategy(
            "worst_class",
            "Label risk of the worst class",
            "As label risk, but every class is compared with the same class elsewhere, and the worst one counts.",
            Question.LABEL_RISK,
            _by_worst_class,
        ),
    ]
    for name in (*LABEL_RISK_PARTS, "softmin"):
        measure = MEASURES[name]
        end = "Highest" if measure.direction is Direction.HIGH_IS_WORSE else "Lowest"
        listed.append(
            Strategy(
                name, measure.title, f"{end} first. {measure.sentence}", Question.LABEL_RISK, _by_measure(name)
            )
        )
    listed += [
        Strategy(
            "difficulty",
            "Difficulty (AUV)",
            "Images that are hard for the frozen model come first. It does not say whether a label is wrong.",
            Question.DIFFICULTY,
            _by_difficulty("auv", auv_of),
        ),
        Strategy(
            "difficulty_beyond_size",
            "Difficulty beyond size",
            "As difficulty, after what the size of the object explains was taken out.",
            Question.DIFFICULTY,
            _by_difficulty("auv_size_adjusted", adjusted_auv_of),
        ),
        Strategy(
            "prompt_spread",
            MEASURES["prompt_spread"].title,
            f"Highest first. {MEASURES['prompt_spread'].sentence}",
            Question.DIFFICULTY,
            _by_difficulty("prompt_spread", lambda table, c: table.percentile("prompt_spread", c)),
        ),
        Strategy(
            "random",
            "Random",
            "A fixed random order, to estimate how many labels of the whole set are wrong.",
            None,
            _at_random,
        ),
    ]
    return MappingProxyType({strategy.name: strategy for strategy in listed})


STRATEGIES: Mapping[str, Strategy] = _strategies()
"""All rules by name; the first is the default."""
