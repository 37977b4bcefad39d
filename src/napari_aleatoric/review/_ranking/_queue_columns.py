"""All items of a queue side by side, for whoever looks at many at once: filters and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ClassTable, ItemKey
from napari_aleatoric.review._storage._decision_log import STATUSES
from napari_aleatoric.review._storage._snapshot import Snapshot
from napari_aleatoric.uncertainty import ScoreTable

__all__ = ["QueueColumns"]


@dataclass(frozen=True, eq=False)
class QueueColumns:
    """The n items of a data set in columns, whatever a queue is filtered to; in the order of the data set.

    Parameters
    ----------
    keys : sequence of ItemKey, length n
        Which labels.
    classes : ClassTable
        Of the data set.
    table : ScoreTable
        Raw scores of the items that have any.
    table_row : numpy.ndarray of int64, shape (n,)
        Row in ``table``; −1 = not scored.
    status : numpy.ndarray of int8, shape (n,)
        Place in `STATUSES`.
    driving_class : numpy.ndarray of int64, shape (n,)
        The class that puts an item where it stands in the queue; 0 where none does.
    stale : numpy.ndarray of bool, shape (n,)
        The score no longer belongs to the present files, label version or settings.
    n_corrections : numpy.ndarray of int64, shape (n,)
        Saved label versions.
    """

    keys: Sequence[ItemKey]
    classes: ClassTable
    table: ScoreTable
    table_row: NDArray[np.int64]
    status: NDArray[np.int8]
    driving_class: NDArray[np.int64]
    stale: NDArray[np.bool_]
    n_corrections: NDArray[np.int64]

    @classmethod
    def of(cls, snapshot: Snapshot) -> QueueColumns:
        """Take the columns of what a queue was built from; shared, not copied."""
        return cls(
            snapshot.keys,
            snapshot.classes,
            snapshot.table,
            snapshot.table_row,
            snapshot.states.status,
            snapshot.class_index,
            snapshot.stale,
            snapshot.n_corrections,
        )

    def __len__(self) -> int:
        return len(self.keys)

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take a column of the table (one value for each of its rows) to all items; NaN where there is no score."""
        result = np.full(len(self), np.nan)
        scored = self.table_row >= 0
        result[scored] = values[self.table_row[scored]]
        return result

    def has_status(self, statuses: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each item has one of these statuses, shape (n,)."""
        codes: list[Any] = [STATUSES.index(str(status)) for status in statuses]
        return np.isin(self.status, codes)
