"""What a filter keeps, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.model import ItemKey, Measure
from napari_aleatoric.review._ranking._queue_columns import QueueColumns
from napari_aleatoric.uncertainty import MEASURES

from ._cut import Cut
from ._reason import FilterReason
from ._spec import FilterSpec
from ._words import dropped_sentence, dropped_words, preview_json, preview_sentence

__all__ = ["ClassCount", "DroppedLabel", "FilterPreview"]

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
    sentence, words : str
        The same in full, and in a few words.
    value : float
        What it measures, of the class that decided; NaN where nothing was measured.
    class_name : str
        That class; "" for the whole case.
    """

    key: ItemKey
    why: FilterReason
    sentence: str
    words: str
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

    @cached_property
    def dropped_rows(self) -> NDArray[np.int64]:
        """Rows of the labels that are not kept, those furthest from the cut first, shape (m,)."""
        rows = np.flatnonzero(self.asked & ~self.keep)
        why, oriented = self.why[rows], self.measure.sign * self.value[rows]
        nearness = np.where(why == FilterReason.BETTER, oriented, -oriented)
        return rows[np.lexsort((rows, nearness, why))]

    def dropped_label(self, row: int) -> DroppedLabel:
        """Say why the label in one row is not kept."""
        c = int(self.value_class[row])
        name = self.columns.classes.name_of(c) if c else ""
        why, value = FilterReason(int(self.why[row])), float(self.value[row])
        told = dropped_sentence(self, row), dropped_words(self, row)
        return DroppedLabel(self.columns.keys[row], why, *told, value, name)

    def dropped(self) -> Iterator[DroppedLabel]:
        """Give the labels that are not kept, with the reason for each; those furthest from the cut first."""
        return map(self.dropped_label, self.dropped_rows.tolist())

    @property
    def sentence(self) -> str:
        """In one or two sentences: how many are kept, and what becomes of the others."""
        return preview_sentence(self)

    def to_json(self) -> dict[str, Any]:
        """Plain values: the spec, counts, cuts, and every dropped label with its reason."""
        return preview_json(self)
