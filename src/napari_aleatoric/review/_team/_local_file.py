"""The copy of the team's store on this computer: a file in the user's data folder, which is worked on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import platformdirs
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.engine import make_url

from napari_aleatoric.errors import StoreError
from napari_aleatoric.review._storage._engine import open_engine, reading, writing
from napari_aleatoric.review._storage._schema import corrections, decisions, meta, metadata

__all__ = [
    "LOGS",
    "OWN",
    "Marks",
    "forget_note",
    "local_path",
    "note",
    "note_refusal",
    "notes",
    "open_local",
    "read_marks",
    "waiting",
    "write_marks",
]

_MARKS = "pulled"  # their row in the table of odds and ends
FOLDER_VARIABLE = "ALEATORIC_TEAM_FOLDER"

OWN = 2**62
"""Entries made on this computer and not yet back from the server have a ``seq`` above this."""


def _logs() -> dict[Table, str]:
    """Tables with a ``seq``; the column of each that names an entry is the one that is unique."""
    found = {}
    for table in (corrections, decisions, *metadata.sorted_tables):
        if "seq" in table.c:
            found[table] = next(c.name for c in table.c if c.unique)
    return found


LOGS = _logs()
"""What is appended and sent, with the column that names an entry; labels before the verdicts on them."""

_metadata = MetaData()

# One row for each entry made here: what was known of the server's log then, and why the server refused it, if so.
outbox = Table(
    "outbox",
    _metadata,
    Column("entry_id", String(32), primary_key=True),
    Column("known_decision", BigInteger, nullable=False),
    Column("known_correction", BigInteger, nullable=False),
    Column("refused", Text, nullable=False, default=""),
)


class Marks(NamedTuple):
    """How far the server is known here: the largest ``seq`` of each log, and the state of items and scores."""

    logs: Mapping[str, int] = {}
    items: str = ""

    def of(self, table: Table) -> int:
        """Return the largest ``seq`` of a log that is known."""
        return self.logs.get(table.name, 0)


def local_path(url: str) -> Path:
    """Where the copy of a store is kept on this computer; the same whatever password is in the address."""
    named = os.environ.get(FOLDER_VARIABLE, "")
    folder = Path(named).expanduser() if named else platformdirs.user_data_path("napari-aleatoric") / "team"
    parsed = make_url(url)
    query = sorted((name, value) for name, value in parsed.query.items() if name != "password")
    plain = f"{parsed.host}:{parsed.port}/{parsed.database}?{query}"
    return folder / f"{hashlib.blake2b(plain.encode(), digest_size=12).hexdigest()}.db"


def open_local(path: Path) -> Engine:
    """Open the copy, making an empty one where there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder for this computer's copy of the team's review cannot be made "
            f"({error.strerror or type(error).__name__}). Name another one in {FOLDER_VARIABLE}."
        ) from error
    engine = open_engine(f"sqlite:///{path.as_posix()}")
    with suppress(OSError):
        path.chmod(0o600)  # nobody else's business
    with writing(engine) as connection:
        _metadata.create_all(connection)
        for table in (log.name for log in LOGS):
            counts = connection.execute(text("SELECT 1 FROM sqlite_sequence WHERE name = :t"), {"t": table}).first()
            if counts is None:
                connection.execute(
                    text("INSERT INTO sqlite_sequence (name, seq) VALUES (:t, :n)"), {"t": table, "n": OWN}
                )
    return engine


def read_marks(connection: Connection) -> Marks:
    """Read how far the server's log is known."""
    found = connection.execute(select(meta.c.value).where(meta.c.name == _MARKS)).scalar()
    return Marks() if found is None else Marks(**json.loads(found))


def write_marks(connection: Connection, marks: Marks) -> None:
    """Keep how far the server's log is known."""
    connection.execute(delete(meta).where(meta.c.name == _MARKS))
    connection.execute(insert(meta).values(name=_MARKS, value=json.dumps(marks._asdict())))


def note(engine: Engine, entry_id: str) -> None:
    """Write down what is known of the server's log, before or right after an entry is made."""
    with writing(engine) as connection:
        marks = read_marks(connection)
        known = {"known_decision": marks.of(decisions), "known_correction": marks.of(corrections)}
        connection.execute(insert(outbox).values(entry_id=entry_id, refused="", **known))


def forget_note(connection: Connection, entry_ids: list[str]) -> None:
    """Strike out entries that have arrived."""
    connection.execute(delete(outbox).where(outbox.c.entry_id.in_(entry_ids)))


def note_refusal(connection: Connection, entry_id: str, why: str) -> None:
    """Write down why the server will never take an entry."""
    forget_note(connection, [entry_id])
    known = {"known_decision": 0, "known_correction": 0}
    connection.execute(insert(outbox).values(entry_id=entry_id, refused=why, **known))


def notes(connection: Connection) -> dict[str, tuple[int, int, str]]:
    """Read what was known when each entry was made (decisions, label versions), and why it was refused, if so."""
    query = select(outbox.c.entry_id, outbox.c.known_decision, outbox.c.known_correction, outbox.c.refused)
    return {r[0]: (int(r[1]), int(r[2]), str(r[3])) for r in connection.execute(query)}


def waiting(engine: Engine) -> tuple[int, list[str]]:
    """Count the entries that wait to be sent, and say why some never will be."""
    with reading(engine) as connection:
        refused = {key: words for key, (_, _, words) in notes(connection).items() if words}
        n = 0
        for table, name in LOGS.items():
            query = select(func.count()).where(table.c.seq > OWN, table.c[name].not_in(list(refused)))
            n += int(connection.execute(query).scalar_one())
    return n, sorted(refused.values())
