"""How the classes of one item compare with the same classes elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable, ItemKey
from napari_aleatoric.uncertainty import ScoreTable, adjusted_auv_of, auv_of, label_risk

__all__ = ["class_scores"]


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


def class_scores(
    table: ScoreTable, key: ItemKey, measure: str, classes: ClassTable
) -> dict[int, tuple[float, float]]:
    """Return, for every class, its place (0..1, 1 = worst) and its raw value; NaN where there is none.

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
        c.class_index: (
            float(_places(table, measure, c.class_index)[row]),
            float(table.column(measure, c.class_index)[row]),
        )
        for c in classes
    }
