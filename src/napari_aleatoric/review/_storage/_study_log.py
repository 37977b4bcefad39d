"""Who is to read what, in the database: appended, never changed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, insert, select

from napari_aleatoric.model import ItemKey

from ._engine import from_us, once_more, reading, to_us, writing
from ._schema import items, study

__all__ = ["Event", "StudyEntry", "StudyLog"]

Event = Literal["assigned", "begun", "answered", "revealed", "handed_over", "withdrawn", "undone"]


@dataclass(frozen=True)
class StudyEntry:
    """One step of one assignment.

    Parameters
    ----------
    assignment_id : str
        Which assignment; 32 hexadecimal digits.
    place : int
        How many entries of that assignment came before.
    event : str
        What happened.
    case_id, reader : str
        Who is to read what.
    by : str
        Who said so.
    about : mapping
        Plain values; which ones hangs on the event.
    undoes : str or None
        For "undone": the entry that is taken back.
    entry_id : str
        Unique; 32 hexadecimal digits.
    created : datetime
        UTC.
    """

    assignment_id: str
    place: int
    event: Event
    case_id: str
    reader: str
    by: str
    about: Mapping[str, Any] = field(default_factory=dict)
    undoes: str | None = None
    entry_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def decision_id(self) -> str:
        """What an undo names; so that every log is folded alike."""
        return self.entry_id


class StudyLog:
    """The table of assignments."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def entries(self) -> list[StudyEntry]:
        """All entries, in the order in which they were appended."""
        with reading(self._engine) as connection:
            return _entries(connection)

    def last_seq(self) -> int:
        """Return a number that grows with every entry, by whichever process."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.max(study.c.seq), 0))).scalar_one())

    def append(self, decide: Callable[[list[StudyEntry]], Sequence[StudyEntry]]) -> list[StudyEntry]:
        """Append what is decided upon the log as it stands, in one transaction; on return it is on the disk.

        Parameters
        ----------
        decide : callable
            From all entries, oldest first, to the new ones. It is called again if another process has gone on with
            one of the same assignments meanwhile.

        Raises
        ------
        AleatoricError
            What ``decide`` raises; nothing is then written.
        """

        def write() -> list[StudyEntry]:
            with writing(self._engine) as connection:
                new = list(decide(_entries(connection)))
                if new:
                    connection.execute(insert(study), [_values(entry) for entry in new])
            return new

        return once_more(write)

    def shelve(self, key: ItemKey) -> None:
        """Make room for label versions of a reading that is not a label of the data set yet."""
        of_item = (items.c.case_id == key.case_id, items.c.label_reader == key.label_reader)

        def write() -> None:
            with writing(self._engine) as connection:
                if connection.execute(select(items.c.gone).where(*of_item)).first() is None:
                    values = {**key._asdict(), "position": 0, "fingerprint": "", "gone": True}
                    connection.execute(insert(items).values(**values))

        once_more(write)


def _entries(connection: Connection) -> list[StudyEntry]:
    columns = [column for column in study.c if column.name != "seq"]
    rows = connection.execute(select(*columns).order_by(study.c.seq)).mappings()
    return [_entry(dict(row)) for row in rows]


def _entry(row: dict[str, Any]) -> StudyEntry:
    created, about = from_us(row.pop("created_us")), json.loads(row.pop("about"))
    return StudyEntry(**row, about=about, created=created)


def _values(entry: StudyEntry) -> dict[str, Any]:
    values = {**vars(entry), "about": json.dumps(dict(entry.about)), "created_us": to_us(entry.created)}
    del values["created"]
    return values
