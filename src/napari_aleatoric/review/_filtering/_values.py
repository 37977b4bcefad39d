"""The values of any measure over a data set, stored or worked out for the present cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import WHOLE_CASE
from napari_aleatoric.uncertainty import MEASURES, STRATEGIES, ScoreTable, adjusted_auv_of, auv_of, label_risk, rank

__all__ = ["available_measures", "measure_values"]

FloatArray = NDArray[np.float64]


def _label_risk(table: ScoreTable, class_index: int) -> FloatArray:
    """Of the whole case, what the queue is ordered by."""
    return rank(table, "label_risk").score if class_index == WHOLE_CASE else label_risk(table, class_index)


_DERIVED: Mapping[str, Callable[[ScoreTable, int], FloatArray]] = {
    "label_risk": _label_risk,
    "auv": auv_of,
    "auv_size_adjusted": adjusted_auv_of,
}


def measure_values(table: ScoreTable, measure: str, class_index: int = WHOLE_CASE) -> FloatArray:
    """Return the values of a measure, shape (n,); NaN = not measured.

    Parameters
    ----------
    table : ScoreTable
        Raw scores of the data set.
    measure : str
        A key of `uncertainty.MEASURES`. One that is not stored is worked out for the present cohort; where it is
        known only as an order of the queue, its place in that order (0..1) is taken.
    class_index : int
        The class, or `WHOLE_CASE`.

    Raises
    ------
    NotFoundError
        If there is no such measure.
    """
    if measure not in MEASURES:
        raise NotFoundError(f"There is no measure '{measure}'. Known: {', '.join(MEASURES)}.")
    if measure in _DERIVED:
        return _DERIVED[measure](table, class_index)
    if MEASURES[measure].stored:
        return table.column(measure, class_index)
    if measure in STRATEGIES:
        ranking = rank(table, measure, class_filter=None if class_index == WHOLE_CASE else [class_index])
        return MEASURES[measure].sign * ranking.score
    return np.full(len(table), np.nan)


def available_measures(table: ScoreTable, *, detail: bool = False) -> list[str]:
    """Names of the measures that any case of a data set has a value of, in the order of their declaration.

    Parameters
    ----------
    table : ScoreTable
        Raw scores.
    detail : bool
        Whether those that are options for researchers are named as well.
    """
    found = []
    for name, measure in MEASURES.items():
        if measure.detail and not detail:
            continue
        if not np.isnan(measure_values(table, name)).all():
            found.append(name)
    return found
