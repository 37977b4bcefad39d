"""The columns behind a queue: every item once, in the order of the data set, as numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import WHOLE_CASE, ClassTable, ItemKey
from napari_aleatoric.uncertainty import Ranking, ScoreTable

from ._decision_log import STATUSES, StateColumns
from ._engine import to_us
from ._fold import ItemState

__all__ = ["COLUMNS", "Snapshot"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything a queue knows of its n items; never changed after it was made.

    Parameters
    ----------
    keys : list of ItemKey, length n
        In the order of the data set.
    row_of : mapping of ItemKey to int
        Their rows.
    classes : ClassTable
        For names.
    table : ScoreTable
        Raw scores of the m items that have any.
    ranking : Ranking
        The order of those m.
    table_row : numpy.ndarray of int64, shape (n,)
        Row in ``table``; −1 = not scored.
    states : StateColumns
        Where the review of each stands.
    n_flags, n_corrections : numpy.ndarray of int64, shape (n,)
    stale : numpy.ndarray of bool, shape (n,)
        The score no longer belongs to the present files, label version or settings.
    """

    keys: Sequence[ItemKey]
    row_of: Mapping[ItemKey, int]
    classes: ClassTable
    table: ScoreTable
    ranking: Ranking
    table_row: IntArray
    states: StateColumns
    n_flags: IntArray
    n_corrections: IntArray
    stale: BoolArray
    _cache: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def place(self) -> IntArray:
        """Place in the queue, 0 = worst, shape (n,); items without a score come last, in their order."""
        scored = self.table_row >= 0
        place = np.empty(len(self), dtype=np.int64)
        place[scored] = self.ranking.position[self.table_row[scored]]
        place[~scored] = np.arange(len(self.ranking), len(self))
        return place

    def spread(self, values: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Take a column of the table to all items, with ``missing`` where there is no score."""
        if len(values) == len(self):
            return values[self.table_row]
        result = np.full(len(self), missing, dtype=values.dtype)
        scored = self.table_row >= 0
        result[scored] = values[self.table_row[scored]]
        return result

    @cached_property
    def score(self) -> NDArray[np.float64]:
        """In [0, 1], 1 = worst, shape (n,); NaN = not scored."""
        return self.spread(self.ranking.score, np.nan)

    @cached_property
    def class_index(self) -> IntArray:
        """The class that drives the score, shape (n,); 0 = none does."""
        return self.spread(self.ranking.class_index, WHOLE_CASE)

    @cached_property
    def part(self) -> NDArray[np.str_]:
        """The measure that drives the score, shape (n,)."""
        return self.spread(self.ranking.part, "")

    @cached_property
    def names(self) -> _Lines:
        """Case and label reader of every item, to be searched."""
        return _Lines(list(map(" ".join, self.keys)))

    def sort_key(self, column: str | tuple[str, int]) -> NDArray[Any]:
        """Return numbers that order the items by a column of `COLUMNS` or a measure, shape (n,); NaN = no value."""
        name = column if isinstance(column, str) else f"{column[0]}/{column[1]}"
        if name not in self._cache:
            self._cache[name] = self._sort_key(column)
        found: NDArray[Any] = self._cache[name]
        return found

    def _sort_key(self, column: str | tuple[str, int]) -> NDArray[Any]:
        if isinstance(column, str) and column in _SORT_KEYS:
            return _SORT_KEYS[column](self)
        measure = (column, WHOLE_CASE) if isinstance(column, str) else column
        if measure not in self.table.columns:
            known = sorted({name for name, _ in self.table.columns})
            raise NotFoundError(f"There is no column '{column}'. Known: {', '.join([*COLUMNS, *known])}.")
        return self.spread(self.table.columns[measure], np.nan)

    def contains(self, word: str) -> BoolArray:
        """Whether the name, class, status, readers or comment of each item contain a word, shape (n,)."""
        word = word.casefold()
        found = self.names.contain(word)
        class_names = ["", *(c.class_name.casefold() for c in self.classes)]
        found |= np.array([word in name for name in class_names])[self.class_index]
        found |= np.array([word in status for status in STATUSES])[self.states.status]
        for name, texts in (("comments", self.states.comment), ("readers", self.states.reader)):
            if name not in self._cache:
                listed = texts.tolist()
                self._cache[name] = listed, {text: text.casefold() for text in set(listed)}
            listed, folded = self._cache[name]  # few different texts, or mostly none
            hits = {text for text, fold in folded.items() if word in fold}
            if hits:
                found |= np.fromiter(map(hits.__contains__, listed), bool, len(listed))
        return found

    def with_state(self, row: int, state: ItemState) -> Snapshot:
        """Return a copy in which one item has another state."""
        states = self.states.copy()
        states.status[row] = STATUSES.index(state.status)
        states.quality[row] = state.quality or 0
        states.comment[row] = state.comment
        states.reader[row] = state.reader
        states.when_us[row] = 0 if state.when is None else to_us(state.when)
        states.n_decisions[row] = state.n_decisions
        fresh = replace(self, states=states)
        for name in ("place", "score", "class_index", "part", "names"):
            if name in self.__dict__:  # what does not depend on states is not worked out twice
                fresh.__dict__[name] = self.__dict__[name]
        return fresh


class _Lines:
    """Many short texts that are searched at once, case folded."""

    def __init__(self, texts: list[str]) -> None:
        self._n = len(texts)
        self._text, self._starts = _fold_lines(texts)
        if len(self._starts) != self._n:  # some text has lines of its own
            self._text, self._starts = _fold_lines([text.replace("\n", " ") for text in texts])

    def contain(self, word: str) -> BoolArray:
        """Whether each text contains a word, shape (n,)."""
        found = np.zeros(self._n, dtype=bool)
        if self._n:
            between = np.fromiter(map(len, self._text.split(word)), np.int64)[:-1]
            hits = np.cumsum(between + len(word)) - len(word)
            found[np.searchsorted(self._starts, hits, side="right") - 1] = True
        return found


def _fold_lines(texts: list[str]) -> tuple[str, IntArray]:
    """Join texts to lines, case folded; also where each line starts."""
    folded = "\n".join(texts).casefold()
    characters = np.frombuffer(folded.encode("utf-32-le"), dtype="<u4")
    ends = np.flatnonzero(characters == ord("\n"))
    return folded, np.concatenate(([0], ends + 1))


def _or_nan(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(values > 0, values.astype(np.float64), np.nan)


_SORT_KEYS: dict[str, Callable[[Snapshot], NDArray[Any]]] = {
    "place": lambda s: s.place,
    "case": lambda s: np.arange(len(s)),
    "label_reader": lambda s: _codes([reader for _, reader in s.keys]),
    "score": lambda s: s.place if s.ranking.blind else s.score,
    "class": lambda s: s.class_index,
    "part": lambda s: _codes(s.part.tolist()),
    "status": lambda s: s.states.status,
    "quality": lambda s: _or_nan(s.states.quality),
    "comment": lambda s: _codes(s.states.comment.tolist()),
    "reader": lambda s: _codes(s.states.reader.tolist()),
    "when": lambda s: _or_nan(s.states.when_us),
    "stale": lambda s: s.stale.astype(np.int8),
    "flags": lambda s: s.n_flags,
    "corrections": lambda s: s.n_corrections,
}


COLUMNS: tuple[str, ...] = tuple(_SORT_KEYS)
"""Names that a queue can be sorted by, besides those of the measures."""


def _codes(texts: list[str]) -> IntArray:
    """Numbers that are in the order of the texts, case folded."""
    code = {text: number for number, text in enumerate(sorted(set(texts), key=str.casefold))}
    return np.fromiter(map(code.__getitem__, texts), np.int64, len(texts))
