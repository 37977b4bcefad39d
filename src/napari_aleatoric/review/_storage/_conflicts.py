"""Entries that were made without knowing of another reader's: found when they reach the server, and shown."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, exists, func, insert, select

from napari_aleatoric.model import ItemKey

from ._engine import from_us, reading
from ._schema import conflicts, corrections, decisions

__all__ = ["Conflict", "find_conflict", "list_conflicts"]


@dataclass(frozen=True)
class Conflict:
    """Two readers spoke of one item, the later without knowing of the earlier. Both entries are in the log.

    Parameters
    ----------
    key : ItemKey
        Which label.
    reader, other_reader : str
        Whose entry reached the server late, and who was there before.
    is_label, other_is_label : bool
        Whether the entry is a saved label, not a verdict.
    entry_id, other_id : str
        The two entries.
    found : datetime
        When the late one reached the server, UTC.
    """

    key: ItemKey
    reader: str
    other_reader: str
    is_label: bool
    other_is_label: bool
    entry_id: str
    other_id: str
    found: datetime

    @property
    def sentence(self) -> str:
        """For people."""
        words = {True: "saved a label", False: "decided"}
        return (
            f"{self.key}: {self.reader} {words[self.is_label]} without knowing that {self.other_reader} had "
            f"{words[self.other_is_label]}."
        )


def find_conflict(connection: Connection, entry: dict[str, Any], known: tuple[int, int]) -> bool:
    """Note a conflict of an entry that was just appended, if there is one.

    Parameters
    ----------
    connection : Connection
        The transaction that appended it, on the server.
    entry : dict
        ``entry_id``, ``case_id``, ``label_reader``, ``reader`` and ``is_label``.
    known : tuple of int
        Largest ``seq`` of decisions and of label versions that its author's computer had seen.
    """
    found = None
    for is_label, table, since in ((False, decisions, known[0]), (True, corrections, known[1])):
        c = table.c
        identity = c.correction_id if is_label else c.decision_id
        query = select(identity, c.reader).where(
            c.case_id == entry["case_id"],
            c.label_reader == entry["label_reader"],
            c.reader != entry["reader"],
            c.seq > since,
        )
        if not is_label:
            query = query.where(c.verdict.is_not(None))
        row = connection.execute(query.order_by(c.seq.desc()).limit(1)).first()
        if row is not None:
            found = (row[0], row[1], is_label)
    if found is None:
        return False
    other = dict(zip(("other_id", "other_reader", "other_is_label"), found, strict=True))
    last = connection.execute(select(func.max(decisions.c.seq))).scalar() or 0
    connection.execute(insert(conflicts).values(**entry, **other, last_seq=last, created_us=time.time_ns() // 1000))
    return True


def list_conflicts(engine: Engine) -> list[Conflict]:
    """Conflicts that nobody has settled, oldest first; a verdict on the item after both entries settles one."""
    settled = exists().where(
        decisions.c.case_id == conflicts.c.case_id,
        decisions.c.label_reader == conflicts.c.label_reader,
        decisions.c.verdict.is_not(None),
        decisions.c.seq > conflicts.c.last_seq,
    )
    query = select(conflicts).where(~settled).order_by(conflicts.c.created_us)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    found = [
        Conflict(
            ItemKey(r.case_id, r.label_reader),
            r.reader,
            r.other_reader,
            bool(r.is_label),
            bool(r.other_is_label),
            r.entry_id,
            r.other_id,
            from_us(r.created_us),
        )
        for r in rows
    ]
    return list({(c.key, c.reader): c for c in found}.values())  # a label and its verdict are one
