"""Decisions in the database: appended, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Row, case, func, insert, select

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import Decision, ItemKey, Verdict

from ._engine import fetch_all, from_us, patiently, quiet_collector, reading, to_us, writing
from ._fold import PENDING, ItemState, effective, fold, undone_ids
from ._items import unknown_item
from ._schema import decisions, items

__all__ = ["STATUSES", "DecisionLog", "HistoryEntry", "StateColumns", "States"]

_COLUMNS = [c for c in decisions.c if c.name != "seq"]
STATUSES: tuple[str, ...] = ("pending", *(v.value for v in Verdict))
"""What the status of an item may be."""
_STATUS_CODES = {status: code for code, status in enumerate(STATUSES) if code}
_VERDICTS: dict[str | None, Verdict | None] = {None: None, **{v.value: v for v in Verdict}}


class HistoryEntry(Decision):
    """A decision as it stands in the log: ``undone`` is True where a later entry took it back."""

    undone: bool = False


class States(dict[ItemKey, ItemState]):
    """The state of every item; one without a decision is pending."""

    def __missing__(self, key: ItemKey) -> ItemState:
        return PENDING


class LogRow(NamedTuple):
    """What the fold needs, straight from the database."""

    decision_id: str
    verdict: Verdict | None
    quality: int | None
    comment: str
    reader: str
    correction_id: str | None
    undoes: str | None
    created: datetime


class StateColumns(NamedTuple):
    """States of n items in columns, each of shape (n,)."""

    status: NDArray[np.int8]
    """Place in `STATUSES`."""
    quality: NDArray[np.int8]
    """1..5; 0 = none."""
    comment: NDArray[np.object_]
    reader: NDArray[np.object_]
    when_us: NDArray[np.int64]
    """Microseconds since 1970; 0 = never."""
    n_decisions: NDArray[np.int32]

    @classmethod
    def pending(cls, n: int) -> StateColumns:
        """Columns of n items that nobody has looked at."""
        return cls(
            np.zeros(n, dtype=np.int8),
            np.zeros(n, dtype=np.int8),
            np.full(n, "", dtype=object),
            np.full(n, "", dtype=object),
            np.zeros(n, dtype=np.int64),
            np.zeros(n, dtype=np.int32),
        )

    def copy(self) -> StateColumns:
        """Return columns that may be written to."""
        return StateColumns._make(column.copy() for column in self)


class DecisionLog:
    """The table of decisions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, decision: Decision) -> Decision:
        """Append one entry; on return it is on the disk."""
        return patiently(lambda again: self._append(decision, again))

    def _append(self, decision: Decision, again: bool) -> Decision:
        with writing(self._engine) as connection:
            its_id = select(decisions.c.seq).where(decisions.c.decision_id == decision.decision_id)
            if again and connection.execute(its_id).first() is not None:
                return decision
            known = select(items.c.gone).where(
                items.c.case_id == decision.case_id, items.c.label_reader == decision.label_reader
            )
            if connection.execute(known).first() is None:
                raise unknown_item(decision.key)
            if decision.undoes is not None:
                target = select(decisions.c.decision_id).where(
                    decisions.c.decision_id == decision.undoes,
                    decisions.c.case_id == decision.case_id,
                    decisions.c.label_reader == decision.label_reader,
                )
                if connection.execute(target).first() is None:
                    raise NotFoundError(f"There is no decision on item '{decision.key}' with the id to be undone.")
            connection.execute(insert(decisions).values(**_values(decision)))
        return decision

    def undo(self, key: ItemKey, reader: str) -> Decision | None:
        """Take back that reader's last entry that still holds; None if there is none."""
        query = select(*_COLUMNS).where(*_of(key)).order_by(decisions.c.seq)
        with writing(self._engine) as connection:
            log = [_decision(row) for row in connection.execute(query)]
            mine = [d for d in effective(log) if d.reader == reader]
            if not mine:
                return None
            entry = Decision(
                case_id=key.case_id, label_reader=key.label_reader, reader=reader, undoes=mine[-1].decision_id
            )
            connection.execute(insert(decisions).values(**_values(entry)))
        return entry

    def history(self, key: ItemKey) -> list[HistoryEntry]:
        """All entries of one item, oldest first."""
        query = select(*_COLUMNS).where(*_of(key)).order_by(decisions.c.seq)
        with reading(self._engine) as connection:
            log = [_decision(row) for row in connection.execute(query)]
        undone = undone_ids(log)
        return [HistoryEntry(**dict(d), undone=d.decision_id in undone) for d in log]

    def everything(self) -> Iterator[Decision]:
        """All entries of all items, in the order in which they were appended."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(*_COLUMNS).order_by(decisions.c.seq)).all()
        yield from map(_decision, rows)  # no transaction is left open while somebody works through them

    def find(self, decision_id: str) -> Decision:
        """One entry by its id."""
        query = select(*_COLUMNS).where(decisions.c.decision_id == decision_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"There is no decision with the id '{decision_id}'.")
        return _decision(row)

    def states(self, reader: str | None = None) -> States:
        """Fold the logs of all items at once; see `ReviewStore.states`."""
        d = decisions.c
        query = select(
            d.case_id,
            d.label_reader,
            d.decision_id,
            d.verdict,
            d.quality,
            d.comment,
            d.reader,
            d.correction_id,
            d.undoes,
            d.created_us,
        ).order_by(d.seq)
        if reader is not None:
            query = query.where(d.reader == reader)
        with reading(self._engine) as connection:
            rows = fetch_all(connection, query)
        with quiet_collector():
            return _fold_logs(rows)

    def state_columns(self, row_of: Mapping[ItemKey, int], reader: str | None = None) -> StateColumns:
        """Fold the logs of many items at once, without an object for each; the same states as `states`.

        Parameters
        ----------
        row_of : mapping of ItemKey to int
            The rows 0..n−1 that the n items shall have.
        reader : str, optional
            Only what that reader said.
        """
        d, target = decisions.c, decisions.alias("target")
        undos = (
            select(d.decision_id, d.undoes, target.c.seq)
            .join_from(decisions, target, d.undoes == target.c.decision_id, isouter=True)
            .where(d.undoes.is_not(None))
            .order_by(d.seq)
        )
        status = case(_STATUS_CODES, value=d.verdict, else_=0)
        query = (
            select(d.case_id, d.label_reader, status, d.quality, d.comment, d.reader, d.created_us)
            .where(d.undoes.is_(None))
            .order_by(d.seq)
        )
        if reader is not None:
            query, undos = query.where(d.reader == reader), undos.where(d.reader == reader)
        with reading(self._engine) as connection, quiet_collector():
            undone = _undone_seqs(fetch_all(connection, undos))
            rows = fetch_all(connection, query.add_columns(d.seq) if undone else query)
            if undone:
                rows = [row[:-1] for row in rows if row[-1] not in undone]
            return _fold_rows(rows, row_of)

    def last_seq(self) -> int:
        """Return a number that grows with every entry."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.max(decisions.c.seq), 0))).scalar_one())


def _fold_logs(rows: list[tuple[Any, ...]]) -> States:
    """Fold the logs of all items, entries oldest first."""
    logs: dict[ItemKey, list[LogRow]] = {}
    for case_id, label_reader, decision_id, verdict, quality, comment, who, correction_id, undoes, us in rows:
        row = LogRow(decision_id, _VERDICTS[verdict], quality, comment, who, correction_id, undoes, from_us(us))
        logs.setdefault(ItemKey(case_id, label_reader), []).append(row)
    return States((key, fold(log)) for key, log in logs.items())


def _undone_seqs(undos: list[tuple[Any, ...]]) -> set[int]:
    """From all undo entries (id, undoes, number of that entry), oldest first: numbers of the undone entries."""
    ids: set[str] = set()
    seqs: set[int] = set()
    for decision_id, undoes, seq in reversed(undos):
        if decision_id not in ids:
            ids.add(undoes)
            seqs.add(seq)
    return seqs


def _fold_rows(rows: list[tuple[Any, ...]], row_of: Mapping[Any, int]) -> StateColumns:
    """Fold the entries that hold, oldest first: of several assignments to one item, numpy keeps the last."""
    columns = StateColumns.pending(len(row_of))
    if not rows:
        return columns
    cases, readers, codes, qualities, comments, who, when = zip(*rows, strict=True)
    item = np.fromiter(map(row_of.get, zip(cases, readers, strict=True), repeat(-1)), np.int64, len(rows))
    known = item >= 0
    status = np.array(codes, dtype=np.int8)
    quality = np.array([q or 0 for q in qualities], dtype=np.int8)
    comment, author = np.array(comments, dtype=object), np.array(who, dtype=object)
    when_us = np.array(when, dtype=np.int64)
    for some in (known, known & (status > 0)):  # a verdict's author and time count before those of a remark
        columns.reader[item[some]] = author[some]
        columns.when_us[item[some]] = when_us[some]
    some = known & (status > 0)
    columns.status[item[some]] = status[some]
    some = known & (quality > 0)
    columns.quality[item[some]] = quality[some]
    some = known & (comment != "")
    columns.comment[item[some]] = comment[some]
    columns.n_decisions[:] = np.bincount(item[known], minlength=len(row_of))
    return columns


def _of(key: ItemKey) -> tuple[Any, Any]:
    return decisions.c.case_id == key.case_id, decisions.c.label_reader == key.label_reader


def _values(decision: Decision) -> Mapping[str, Any]:
    values = decision.model_dump(mode="python", exclude={"created", "seen", "verdict"})
    values["verdict"] = None if decision.verdict is None else decision.verdict.value
    values["seen"] = json.dumps(decision.model_dump(mode="json", include={"seen"})["seen"])
    values["created_us"] = to_us(decision.created)
    return values


def _decision(row: Row[Any]) -> Decision:
    values = dict(row._mapping)
    values["seen"] = json.loads(values["seen"])
    values["created"] = from_us(values.pop("created_us"))
    return Decision(**values)
