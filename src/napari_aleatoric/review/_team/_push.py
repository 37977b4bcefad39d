"""What was said on this computer goes to the server: in its order, each entry exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from napari_aleatoric.review._storage._conflicts import find_conflict
from napari_aleatoric.review._storage._engine import reading, writing
from napari_aleatoric.review._storage._items import touch_items
from napari_aleatoric.review._storage._schema import correction_prompts, corrections, decisions, items

from ._local_file import LOGS, OWN, forget_note, note_refusal, notes, read_marks

__all__ = ["Sent", "push"]

_BLOCK = 200
_ON_LABELS = (corrections, decisions)

Row = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """What `push` did.

    Parameters
    ----------
    n : int
        Entries that are on the server now.
    n_conflicts : int
        How many of them spoke of an item of which somebody else had spoken since.
    files : tuple of str
        Label files of the versions among them, below the corrections folder.
    refused : tuple of str
        Why the server will never take some; they stay on this computer.
    """

    n: int = 0
    n_conflicts: int = 0
    files: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def push(local: Engine, server: Engine) -> Sent:
    """Send what waits. If this is cut off, doing it again sends nothing twice: entries have names of their own.

    Raises
    ------
    StoreUnreachableError
        If the server does not answer; everything still waits then, or had arrived.
    """
    entries = _waiting(local)
    n = n_conflicts = 0
    refused: list[str] = []
    files: list[str] = []
    for begin in range(0, len(entries), _BLOCK):
        block = entries[begin : begin + _BLOCK]
        with writing(server) as there:
            outcomes = [_send(there, entry) for entry in block]
        with writing(local) as here:
            for entry, outcome in zip(block, outcomes, strict=True):
                if isinstance(outcome, str):
                    _keep_refused(here, entry, outcome)
                    refused.append(outcome)
        n += sum(not isinstance(outcome, str) for outcome in outcomes)
        n_conflicts += sum(outcome is True for outcome in outcomes)
        files += [entry.row["file"] for entry in block if entry.row.get("file")]
    return Sent(n, n_conflicts, tuple(files), tuple(refused))


@dataclass(frozen=True)
class _Entry:
    """One row that waits, and what its author's computer knew."""

    table: Table
    identity: str
    row: Row
    prompts: list[Row]
    item: Row | None  # the label that it is about
    known: tuple[int, int]

    @property
    def entry_id(self) -> str:
        return str(self.row[self.identity])


def _waiting(local: Engine) -> list[_Entry]:
    """Entries that the server has not sent back: labels, then decisions, each in the order they were made."""
    with reading(local) as connection:
        marks, noted = read_marks(connection), notes(connection)
        here = (marks.of(decisions), marks.of(corrections), "")
        found: list[_Entry] = []
        for table, identity in LOGS.items():
            own = select(table).where(table.c.seq > OWN).order_by(table.c.seq)
            for row in map(dict, connection.execute(own).mappings()):
                *known, refused = noted.get(row[identity], here)
                if not refused:
                    prompts = _prompts(connection, row[identity]) if table is corrections else []
                    item = _item(connection, row) if table in _ON_LABELS else None
                    found.append(_Entry(table, identity, row, prompts, item, (known[0], known[1])))
    return found


def _prompts(connection: Connection, correction_id: str) -> list[Row]:
    query = select(correction_prompts).where(correction_prompts.c.correction_id == correction_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _item(connection: Connection, row: Row) -> Row:
    query = select(items.c.case_id, items.c.label_reader, items.c.position, items.c.fingerprint, items.c.gone)
    which = query.where(items.c.case_id == row["case_id"], items.c.label_reader == row["label_reader"])
    return dict(connection.execute(which).mappings().one())


def _put_item(there: Connection, item: Row) -> None:
    """Make room for an entry on a label that the server has not heard of: a reading that was begun here."""
    is_it = (items.c.case_id == item["case_id"], items.c.label_reader == item["label_reader"])
    if there.execute(select(items.c.gone).where(*is_it)).first() is None:
        there.execute(insert(items).values(**item))
        touch_items(there)


def _keep_refused(here: Connection, entry: _Entry, why: str) -> None:
    """Write down why an entry stays here; a step of an assignment goes, as the server has another in its place."""
    if entry.table not in _ON_LABELS:
        here.execute(delete(entry.table).where(entry.table.c[entry.identity] == entry.entry_id))
        forget_note(here, [entry.entry_id])
    note_refusal(here, entry.entry_id, why)


def _send(there: Connection, entry: _Entry) -> bool | str:
    """Append one entry; True if it is in conflict with another, a sentence if it can never be taken."""
    column = entry.table.c[entry.identity]
    if there.execute(select(column).where(column == entry.entry_id)).first() is not None:
        return False  # it had arrived; the answer was lost
    row = {name: value for name, value in entry.row.items() if name != "seq"}
    what = f"the entry of {row['reader']} on {row['case_id']}"
    if entry.item is not None:
        _put_item(there, entry.item)
    try:
        with there.begin_nested():
            there.execute(insert(entry.table).values(**row))
            if entry.prompts:
                there.execute(insert(correction_prompts), entry.prompts)
    except IntegrityError:
        return f"Somebody else was faster, so {what} was not taken over."
    except DataError:
        return f"It holds a character that the server cannot keep, so {what} stays on this computer."
    is_label = entry.table is corrections
    if not is_label and row.get("verdict") is None:
        return False  # a remark, or a step of an assignment, stands beside whatever others say
    about = {name: row[name] for name in ("case_id", "label_reader", "reader")}
    return find_conflict(there, {"entry_id": entry.entry_id, "is_label": is_label, **about}, entry.known)
