"""The ranked queue: which label to look at next, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import ClassTable, ItemKey, Verdict
from napari_aleatoric.review._scoring._comparison import Comparison
from napari_aleatoric.review._storage._decision_log import STATUSES
from napari_aleatoric.review._storage._engine import from_us, quiet_collector
from napari_aleatoric.review._storage._fold import ItemState
from napari_aleatoric.review._storage._snapshot import Snapshot
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import ScoreTable, rank, reason, strategy_of, with_honeypots

from ._known_good import known_good
from ._queue_columns import QueueColumns
from ._stale import with_other_readers

__all__ = ["Progress", "Queue", "QueueRow", "build_queue"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class QueueRow:
    """One item as the table shows it.

    Parameters
    ----------
    key : ItemKey
        Which label.
    place : int
        1 = worst of all items, whatever is filtered or sorted.
    score : float
        In [0, 1], 1 = worst; NaN = not scored.
    class_index, class_name : int, str
        The class that drives the score; 0 and "" where none does.
    part : str
        The measure that drives the score; "" where none does.
    status : str
        "pending" or a verdict.
    quality : int or None
        1 unusable ... 5 perfect.
    comment, reader : str
        Of the review.
    when : datetime or None
        Of the verdict, UTC.
    stale : bool
        The score no longer belongs to the present files, label version or settings.
    n_flags, n_corrections, n_decisions : int
        Findings of the geometry checks, saved label versions, decisions that hold.
    reference_place : float or None
        Part of the cases of the reference that are easier, 0..1; None where nothing is compared with one.
    size_removed : float or None
        Place among the cases, 0..1, once object size is taken out; None where that is not to be told.
    """

    key: ItemKey
    place: int
    score: float
    class_index: int
    class_name: str
    part: str
    status: str
    quality: int | None
    comment: str
    reader: str
    when: datetime | None
    stale: bool
    n_flags: int
    n_corrections: int
    n_decisions: int
    reference_place: float | None
    size_removed: float | None
    _reason: Callable[[], str] = field(repr=False, compare=False)

    @property
    def reason(self) -> str:
        """Why it stands where it stands, in words; read from the store on first use."""
        return self._reason()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None while pending."""
        return None if self.status == STATUSES[0] else Verdict(self.status)

    def to_json(self) -> dict[str, Any]:
        """Plain values, the reason among them."""
        names = ("place", "class_name", "part", "status", "quality", "comment", "reader", "stale", "n_flags")
        return {
            "case": self.key.case_id,
            "label_reader": self.key.label_reader,
            "score": None if np.isnan(self.score) else round(self.score, 6),
            "reference_place": None if self.reference_place is None else round(self.reference_place, 6),
            "size_removed": None if self.size_removed is None else round(self.size_removed, 6),
            "reason": self.reason,
            **{name: getattr(self, name) for name in names},
            "n_corrections": self.n_corrections,
            "when": None if self.when is None else self.when.isoformat(),
        }


@dataclass(frozen=True)
class Progress:
    """How far the whole review is.

    Parameters
    ----------
    done : int
        Items with a verdict other than skipped.
    total : int
        All items of the data set.
    by_status : dict of str to int
        Number of items of every status.
    n_scored, n_stale : int
        Items with scores, and those of them whose scores are out of date.
    """

    done: int
    total: int
    by_status: dict[str, int]
    n_scored: int
    n_stale: int

    @property
    def fraction(self) -> float:
        """``done / total``; 1 for an empty data set."""
        return self.done / self.total if self.total else 1.0


class Queue:
    """An ordered view of all items at one moment; it never changes.

    Filtering and sorting give new queues that share the columns. Build it with `build_queue`.
    """

    def __init__(self, snapshot: Snapshot, rows: IntArray, explain: Callable[[Snapshot, int], str]) -> None:
        self._snapshot = snapshot
        self._rows = rows
        self._explain = explain

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[QueueRow]:
        return map(self.row, range(len(self)))

    @property
    def strategy(self) -> str:
        """The rule that ordered it."""
        return self._snapshot.ranking.strategy

    @property
    def blind(self) -> bool:
        """Whether scores and places are not to be told, as known-good cases are mixed in."""
        return self._snapshot.ranking.blind

    @property
    def classes(self) -> ClassTable:
        """The classes of the data set."""
        return self._snapshot.classes

    @property
    def table(self) -> ScoreTable:
        """The raw scores behind it."""
        return self._snapshot.table

    @property
    def rows(self) -> IntArray:
        """Rows of `columns` in this view, in its order, shape (len,)."""
        return self._rows

    @property
    def columns(self) -> QueueColumns:
        """All items of the data set side by side, whatever is filtered."""
        return QueueColumns.of(self._snapshot)

    def key(self, i: int) -> ItemKey:
        """Which label stands at place ``i`` of this view."""
        return self._snapshot.keys[int(self._rows[i])]

    def row(self, i: int) -> QueueRow:
        """Return one item, ``0 <= i < len(queue)``; `IndexError` beyond."""
        data, row = self._snapshot, int(self._rows[i])
        states = data.states
        class_index = int(data.class_index[row])
        return QueueRow(
            key=data.keys[row],
            place=int(data.place[row]) + 1,
            score=float("nan") if self.blind else float(data.score[row]),
            class_index=class_index,
            class_name=data.classes.name_of(class_index) if class_index else "",
            part=str(data.part[row]),
            status=STATUSES[states.status[row]],
            quality=int(states.quality[row]) or None,
            comment=str(states.comment[row]),
            reader=str(states.reader[row]),
            when=from_us(int(states.when_us[row])) if states.when_us[row] else None,
            stale=bool(data.stale[row]),
            n_flags=int(data.n_flags[row]),
            n_corrections=int(data.n_corrections[row]),
            n_decisions=int(states.n_decisions[row]),
            reference_place=self._of_ranking(data.ranking.reference_place, row),
            size_removed=self._of_ranking(data.ranking.size_removed, row),
            _reason=lambda: self._explain(data, row),
        )

    def _of_ranking(self, values: NDArray[np.float64], row: int) -> float | None:
        at = int(self._snapshot.table_row[row])
        value = float(values[at]) if at >= 0 and not self.blind else float("nan")
        return None if np.isnan(value) else value

    def find(self, key: ItemKey) -> int | None:
        """Return the place of an item in this view; None if it is filtered out or unknown."""
        row = self._snapshot.row_of.get(key)
        if row is None:
            return None
        here = np.flatnonzero(self._rows == row)
        return int(here[0]) if len(here) else None

    def next_of(self, status: str = "pending", after: int = -1) -> int | None:
        """Return the first place behind ``after``, going round, with that status; None if there is none."""
        places = self.places_of(status, after)
        return places[0] if places else None

    def places_of(self, status: str = "pending", after: int = -1) -> list[int]:
        """Return all places with that status, first those behind ``after``, then those from the beginning."""
        hits = np.flatnonzero(self._snapshot.states.status[self._rows] == _status_code(status))
        return [int(place) for place in (*hits[hits > after], *hits[hits <= after])]

    def filtered(
        self,
        text: str = "",
        statuses: Collection[str] | None = None,
        class_index: int | None = None,
        *,
        stale: bool | None = None,
        flagged: bool | None = None,
        keys: Collection[tuple[str, str]] | None = None,
    ) -> Queue:
        """Return the items that fulfil everything asked for, in the present order.

        Parameters
        ----------
        text : str
            Words that must all occur in the case, label reader, class, status, reader or comment; case is ignored.
        statuses : collection of str, optional
            "pending" and verdicts; None = any.
        class_index : int, optional
            Items whose score this class drives.
        stale, flagged : bool, optional
            Items whose scores are (not) out of date; with (without) findings of the geometry checks.
        keys : collection of tuple of str, optional
            Case and label reader of the only items that are wanted; what is not in the queue is passed over.
        """
        data = self._snapshot
        keep = np.ones(len(data), dtype=bool)
        if keys is not None:
            keep[:] = False
            keep[[row for key in keys if (row := data.row_of.get(ItemKey(*key))) is not None]] = True
        for word in text.split():
            keep &= data.contains(word)
        if statuses is not None:
            keep &= np.isin(data.states.status, [_status_code(s) for s in statuses])
        if class_index is not None:
            keep &= data.class_index == class_index
        if stale is not None:
            keep &= data.stale == stale
        if flagged is not None:
            keep &= (data.n_flags > 0) == flagged
        return Queue(data, self._rows[keep[self._rows]], self._explain)

    def sorted_by(self, column: str | tuple[str, int] = "place", descending: bool = False) -> Queue:
        """Return the same items in another order.

        Parameters
        ----------
        column : str or tuple of (str, int)
            A name of `COLUMNS`, a measure, or (measure, class_index).
        descending : bool
            Largest first. Items without a value come last either way; equal ones stand worst first.
        """
        values = self._snapshot.sort_key(column)[self._rows]
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
        ordered = -values.astype(np.float64) if descending else values
        order = np.lexsort((self._snapshot.place[self._rows], np.where(missing, 0, ordered), missing))
        return Queue(self._snapshot, self._rows[order], self._explain)

    def with_state(self, key: ItemKey, state: ItemState) -> Queue:
        """Return this view after a decision, without reading the store again; the order stays."""
        row = self._snapshot.row_of.get(key)
        if row is None:
            raise NotFoundError(f"There is no item '{key}' in this queue.")
        return Queue(self._snapshot.with_state(row, state), self._rows, self._explain)

    def progress(self) -> Progress:
        """How far the review of the whole data set is, whatever is filtered."""
        data = self._snapshot
        counts = np.bincount(data.states.status, minlength=len(STATUSES)).tolist()
        by_status = dict(zip(STATUSES, counts, strict=True))
        done = len(data) - by_status["pending"] - by_status[Verdict.SKIPPED]
        return Progress(done, len(data), by_status, int((data.table_row >= 0).sum()), int(data.stale.sum()))


def build_queue(
    store: ReviewStore,
    classes: ClassTable,
    strategy: str = "label_risk",
    *,
    class_filter: Collection[int] | None = None,
    reader: str | None = None,
    flat: bool = False,
) -> Queue:
    """Rank all items of a store, the worst first.

    Parameters
    ----------
    store : ReviewStore
        Read once; only the reasons of rows that are looked at are read later.
    classes : ClassTable
        Of the data set.
    strategy : str
        A key of `uncertainty.STRATEGIES`, or what else `uncertainty.strategy_of` understands.
    class_filter : collection of int, optional
        Rank by these classes only.
    reader : str, optional
        Count only this reader's decisions (blinded review); None = everybody's.
    flat : bool
        Whether the images are 2-D; reasons then name a place instead of slices.

    Returns
    -------
    Queue
        Items without scores stand at its end. A score is stale if the item's files, its label version or the
        settings are not those that were scored, or if this holds for another reader's label of the case.
    """
    with quiet_collector():
        found = store.overview()
        row_of = dict(zip(found.keys, range(len(found.keys)), strict=True))
        states = store.state_columns(row_of, reader)
        table_row = np.where(found.scored, np.cumsum(found.scored) - 1, -1)
        comparison = Comparison.from_text(found.comparison)
        table = ScoreTable(*found.of_scored(), comparison.bound(classes), comparison.auv_percentiles, found.judge)
        ranking = rank(table, strategy, classes, class_filter)
        rate = strategy_of(strategy).check_rate
        if rate:
            ranking = with_honeypots(table, ranking, known_good(store, reader or ""), rate)
        stale = found.scored & found.changed
        n_corrections = np.zeros(len(found.keys), dtype=np.int64)
        snapshot = Snapshot(
            found.keys, row_of, classes, table, ranking, table_row, states, found.n_flags, n_corrections, stale
        )
        for key, (correction_id, count) in store.correction_counts().items():
            row = row_of.get(key)
            if row is not None:
                n_corrections[row] = count
                stale[row] |= found.scored[row] and correction_id != found.correction_ids.get(row)
        stale[:] = with_other_readers(stale, found.scored, found.keys, found.columns, store.adjudications.names())
    return Queue(snapshot, np.argsort(snapshot.place), _Reasons(store, flat))


class _Reasons:
    """Words for the rows that are looked at, each worked out once."""

    def __init__(self, store: ReviewStore, flat: bool) -> None:
        self._store = store
        self._flat = flat
        self._known: dict[int, str] = {}

    def __call__(self, snapshot: Snapshot, row: int) -> str:
        if row not in self._known:
            table_row = int(snapshot.table_row[row])
            if table_row < 0:
                self._known[row] = "not scored yet"
            else:
                spots = self._store.hot_spots(snapshot.keys[row])
                self._known[row] = reason(snapshot.ranking, table_row, snapshot.classes, spots, flat=self._flat)
        return self._known[row]


def _status_code(status: str) -> int:
    if status not in STATUSES:
        raise NotFoundError(f"There is no status '{status}'. Known: {', '.join(STATUSES)}.")
    return STATUSES.index(status)
