"""What is new on the server comes into this computer's copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects import sqlite

from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._storage._engine import reading, writing
from napari_aleatoric.review._storage._items import ITEMS_REVISION
from napari_aleatoric.review._storage._schema import (
    conflicts,
    correction_prompts,
    corrections,
    findings,
    items,
    meta,
    score_layouts,
)

from ._local_file import LOGS, OWN, Marks, forget_note, read_marks, write_marks

__all__ = ["Pulled", "pull"]

_BLOCK = 500
_WORDS = ("comparison", "judge")  # rows of the table of odds and ends that belong to the scores
_LIGHT = [c for c in items.c if c.name != "packed"]

Row = dict[str, Any]


class Pulled(NamedTuple):
    """What came.

    Parameters
    ----------
    everything : bool
        Whether items, scores or many entries changed, so that a queue has to be read anew.
    keys : frozenset of ItemKey
        Items of which somebody else has spoken.
    """

    everything: bool = False
    keys: frozenset[ItemKey] = frozenset()


def pull(server: Engine, local: Engine) -> Pulled:
    """Bring the copy up to date. One transaction on either side.

    Raises
    ------
    StoreUnreachableError
        If the server does not answer; the copy is then as it was.
    """
    with reading(local) as connection:
        marks = read_marks(connection)
    with reading(server) as there:
        last = Marks({table.name: _last(there, table) for table in LOGS}, _items_state(there))
        if any(last.of(table) < marks.of(table) for table in LOGS):
            marks = Marks()  # the server was put back to an earlier state
        new = {table: _newer(there, table, marks.of(table)) for table in LOGS}
        ids = [row["correction_id"] for row in new[corrections]]
        prompts = _where_in(there, correction_prompts, correction_prompts.c.correction_id, ids)
        open_conflicts = _rows(there.execute(select(conflicts)))
        fresh = _NewItems(there, local) if last.items != marks.items else None
    if last == marks:
        _replace_conflicts(local, open_conflicts)
        return Pulled()
    with writing(local) as here:
        if marks == Marks():
            _forget(here)
        if fresh is not None:
            fresh.write(here)
        keys: set[ItemKey] = set()
        for table, identity in LOGS.items():
            fresh_rows = _take_entries(here, table, identity, new[table])
            keys |= {ItemKey(r["case_id"], r.get("label_reader", "")) for r in fresh_rows}
        if prompts:
            here.execute(sqlite.insert(correction_prompts).on_conflict_do_nothing(), prompts)
        write_marks(here, last)
    _replace_conflicts(local, open_conflicts)
    return Pulled(marks == Marks() or (fresh is not None and fresh.differ), frozenset(keys))


def _last(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.c.seq), 0))).scalar_one())


def _items_state(connection: Connection) -> str:
    """Return a word that changes with items and scores, also where an older program wrote them."""
    word = connection.execute(select(meta.c.value).where(meta.c.name == ITEMS_REVISION)).scalar()
    counts = connection.execute(select(func.count(), func.max(items.c.scored_us)).select_from(items)).one()
    return f"{word}/{counts[0]}/{counts[1]}"


def _newer(connection: Connection, table: Table, seq: int) -> list[Row]:
    return _rows(connection.execute(select(table).where(table.c.seq > seq).order_by(table.c.seq)))


def _rows(result: Any) -> list[Row]:
    return [dict(row) for row in result.mappings()]


def _where_in(connection: Connection, table: Table, column: Any, values: Sequence[Any]) -> list[Row]:
    found: list[Row] = []
    for begin in range(0, len(values), _BLOCK):
        found += _rows(connection.execute(select(table).where(column.in_(list(values[begin : begin + _BLOCK])))))
    return found


def _forget(connection: Connection) -> None:
    """Empty the copy of all that came from the server; entries made here that it has not sent back stay."""
    connection.execute(
        delete(correction_prompts).where(
            correction_prompts.c.correction_id.in_(
                select(corrections.c.correction_id).where(corrections.c.seq <= OWN)
            )
        )
    )
    for table in LOGS:
        connection.execute(delete(table).where(table.c.seq <= OWN))


def _take_entries(connection: Connection, table: Table, identity: str, rows: list[Row]) -> list[Row]:
    """Append the server's entries under its numbers, and return them; one that was made here gets its number."""
    taken: list[Row] = []
    for begin in range(0, len(rows), _BLOCK):
        block = rows[begin : begin + _BLOCK]
        column = table.c[identity]
        own = set(connection.execute(select(column).where(column.in_([r[identity] for r in block]))).scalars())
        for row in block:
            if row[identity] in own:
                connection.execute(update(table).where(column == row[identity]).values(seq=row["seq"]))
        fresh = [row for row in block if row[identity] not in own]
        if fresh:
            connection.execute(insert(table), fresh)
            taken += fresh
        forget_note(connection, list(own))
    return taken


def _replace_conflicts(local: Engine, rows: list[Row]) -> None:
    with reading(local) as connection:
        if {r["entry_id"] for r in rows} == set(connection.execute(select(conflicts.c.entry_id)).scalars()):
            return
    with writing(local) as connection:
        connection.execute(delete(conflicts))
        if rows:
            connection.execute(insert(conflicts), rows)


class _NewItems:
    """Items and scores of the server that differ from those of the copy.

    Parameters
    ----------
    there : Connection
        The server, read at one moment.
    local : Engine
        The copy.
    """

    def __init__(self, there: Connection, local: Engine) -> None:
        with reading(local) as here:
            known = {(r.case_id, r.label_reader): tuple(r) for r in here.execute(select(*_LIGHT))}
        changed = [
            (r.case_id, r.label_reader)
            for r in there.execute(select(*_LIGHT))
            if known.get((r.case_id, r.label_reader)) != tuple(r)
        ]
        self.differ = bool(changed)
        self._layouts = _rows(there.execute(select(score_layouts)))
        self._words = _rows(there.execute(select(meta).where(meta.c.name.in_(_WORDS))))
        if len(changed) > max(len(known) // 2, _BLOCK):  # nearly all: at once
            self._items, self._findings = (
                _rows(there.execute(select(items))),
                _rows(there.execute(select(findings))),
            )
        else:
            self._items = _where_in(there, items, tuple_(items.c.case_id, items.c.label_reader), changed)
            where = tuple_(findings.c.case_id, findings.c.label_reader)
            self._findings = _where_in(there, findings, where, changed)

    def write(self, here: Connection) -> None:
        """Put them into the copy."""
        _put(here, score_layouts, self._layouts)
        _put(here, items, self._items)
        _put(here, findings, self._findings)
        here.execute(delete(meta).where(meta.c.name.in_(_WORDS)))
        _put(here, meta, self._words)


def _put(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows, or replace those of the same key."""
    rows = list(rows)
    if not rows:
        return
    new = sqlite.insert(table)
    keys = [c.name for c in table.primary_key]
    values = {c.name: new.excluded[c.name] for c in table.c if c.name not in keys}
    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=values), rows)
