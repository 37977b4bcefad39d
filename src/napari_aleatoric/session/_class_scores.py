"""How the classes of one item compare with the same classes elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable, ItemKey, Question
from napari_aleatoric.uncertainty import MEASURES, ScoreTable, adjusted_auv_of, auv_of, label_risk

__all__ = ["ClassScore", "class_scores"]


class ClassScore(NamedTuple):
    """One class of one label under one measure.

    Parameters
    ----------
    place : float
        In the data set, 0..1, 1 = worst; of the AUV the value itself. NaN where there is none.
    value : float
        As measured; NaN where it is derived.
    size_removed : float
        The place once object size is taken out; NaN where that is not known, or should not be done (label risk).
    """

    place: float
    value: float
    size_removed: float


@lru_cache(maxsize=4)
def _rows(table: ScoreTable) -> Mapping[ItemKey, int]:
    return {key: row for row, key in enumerate(table.keys)}


@lru_cache(maxsize=256)
def _places(table: ScoreTable, measure: str, class_index: int) -> NDArray[np.float64]:
    if measure == "label_risk":
        return label_risk(table, class_index)
    if measure == "auv":
        return auv_of(table, class_index)
    if measure == "auv_size_adjusted":
        return adjusted_auv_of(table, class_index)
    return table.percentile(measure, class_index)


@lru_cache(maxsize=256)
def _beyond_size(table: ScoreTable, measure: str, class_index: int) -> NDArray[np.float64]:
    stored = {"auv": "perception_scale"}.get(measure, measure)
    about = MEASURES[stored]
    if about.question is Question.LABEL_RISK or not about.stored or stored.startswith("volume"):
        return np.full(len(table), np.nan)
    return table.size_removed(stored, class_index)


def class_scores(table: ScoreTable, key: ItemKey, measure: str, classes: ClassTable) -> dict[int, ClassScore]:
    """Return every class of an item under a measure, compared with the same class elsewhere.

    Parameters
    ----------
    table : ScoreTable
        Scores of the data set.
    key : ItemKey
        Which item.
    measure : str
        A key of `uncertainty.MEASURES`; for the AUV the place is the AUV itself.
    classes : ClassTable
        Of the data set.
    """
    row = _rows(table).get(key)
    if row is None:
        return {}
    return {
        c.class_index: ClassScore(
            float(_places(table, measure, c.class_index)[row]),
            float(table.column(measure, c.class_index)[row]),
            float(_beyond_size(table, measure, c.class_index)[row]),
        )
        for c in classes
    }
