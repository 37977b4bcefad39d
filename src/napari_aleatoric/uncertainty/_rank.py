"""The order of the queue: a pure function of the table of scores."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import WHOLE_CASE, ClassTable, Question

from ._measures import MEASURES
from ._reader_words import ReaderFigures, reader_figures
from ._spread_out import spread_out
from ._strategies import strategy_of
from ._strategy import Scored
from ._table import ScoreTable

__all__ = ["Ranking", "rank"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SIZES = ("volume_voxels", "volume_ml")


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
    blind : bool
        Whether readers are not to be told scores and places; see `with_honeypots`.
    readers : mapping of str to numpy.ndarray of float64, shape (n,)
        What the reasons say of several readers; see `reader_figures`.
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
    blind: bool = False
    readers: ReaderFigures = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def position(self) -> IntArray:
        """By table row: place in the order, 0 = worst; shape (n,)."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = np.arange(len(self.order))
        return place


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
        A key of `STRATEGIES`, or what else `strategy_of` understands.
    classes : ClassTable, optional
        Only to check ``class_filter``.
    class_filter : collection of int, optional
        Class indices to look at; a case then counts as its worst class among them. None = the whole case.

    Returns
    -------
    Ranking
        A pure function of the table: the same scores give the same order, whatever the order of the rows.
    """
    rule = strategy_of(strategy)
    if class_filter is not None:
        known = set(range(1, classes.n_rows)) if classes is not None else set(table.class_indices)
        unknown = sorted(set(class_filter) - known)
        if unknown:
            raise NotFoundError(f"There are no classes {unknown}; known class indices: {sorted(known)}.")
    found = rule._scored(table, class_filter)
    order = np.lexsort((table.key_order, _last(found.second), _last(found.score)))
    place = np.full(len(table), np.nan) if found.reference_place is None else found.reference_place
    name = "" if table.reference is None else table.reference.name
    rest = _beyond_size(table, found)
    told = reader_figures(table.keys, table.columns, found.part, found.class_index)
    ranking = Ranking(
        strategy, order, found.score, found.class_index, found.part, place, rest, name, table.judge, readers=told
    )
    return spread_out(table, ranking, rule.question) if rule.diverse else ranking


def _beyond_size(table: ScoreTable, found: Scored) -> FloatArray:
    """Place of every row without what size explains, in what drives it.

    NaN for label risk: measured with planted errors, taking size out of it makes it worse.
    """
    result = np.full(len(table), np.nan)
    for part in np.unique(found.part).tolist():
        measure = MEASURES.get(part)
        if measure is None or measure.question is Question.LABEL_RISK or table.reference is not None:
            continue
        stored = {"auv": "perception_scale"}.get(part, part)
        if part == "auv_size_adjusted" or stored in _SIZES:
            continue
        here = found.part == part
        for c in [WHOLE_CASE] if found.whole else np.unique(found.class_index[here]).tolist():
            of_class = here if found.whole else here & (found.class_index == c)
            result[of_class] = table.size_removed(stored, c)[of_class]
    return result


def _last(values: FloatArray) -> FloatArray:
    """Sort key for the worst first with NaN at the end."""
    return np.where(np.isnan(values), np.inf, -values)
