"""Move a review from one store to another: everything or nothing, counted and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, insert, select, text
from sqlalchemy.engine import make_url

from napari_aleatoric.errors import StoreError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.review._storage._engine import MOVED, open_engine, writing
from napari_aleatoric.review._storage._schema import claims, meta, metadata

from ._local_file import local_path, waiting

__all__ = ["Migrated", "migrate_store"]

_BLOCK = 2000
_OWN_WORDS = (MOVED, "schema_version")  # rows of the table of odds and ends that every store has for itself


@dataclass(frozen=True)
class Migrated:
    """What was moved.

    Parameters
    ----------
    rows : dict of str to int
        How many rows of every table; the same number is in both stores.
    address : str
        Of the new store, without its password.
    """

    rows: dict[str, int]
    address: str


def migrate_store(ws: Workspace, url: str, reporter: Reporter | None = None) -> Migrated:
    """Move the review of a workspace to another, empty store, and point the workspace at it.

    Items, scores, decisions in their order, label versions, and who is to read what are moved; claims are not. All
    of it is one transaction of the new store, and is read back and compared before it is kept. The old store is
    left as it is, but takes no more entries: a window that still has it open says so. The label files stay where
    they are.

    Parameters
    ----------
    ws : Workspace
        Whose review.
    url : str
        Of the new store; "" = a file in the workspace.
    reporter : Reporter, optional
        Told table by table.

    Raises
    ------
    StoreError
        If the new store is not empty, cannot be written, or holds something else afterwards; then nothing changed.
    """
    reporter = reporter or SilentReporter()
    target_url = url or f"sqlite:///{(ws.root / 'review.db').as_posix()}"
    target = open_engine(target_url)
    try:
        _check_other(ws.store_url, target_url)
        source = open_engine(ws.store_url)
    except BaseException:
        target.dispose()
        raise
    try:
        with writing(source) as here:  # nobody writes there until the workspace points to the new store
            with writing(target, prepares=True) as there:
                _check_empty(there)
                rows = _copy(here, there, reporter)
            ws.point_at_store(url)
            here.execute(insert(meta).values(name=MOVED, value="1"))
    finally:
        source.dispose()
        target.dispose()
    return Migrated(rows, make_url(target_url).render_as_string(hide_password=True))


def _check_other(source: str, target: str) -> None:
    if local_path(source) == local_path(target):
        raise StoreError("The review is in that store already. Nothing was changed.")
    if not source.startswith("sqlite") and local_path(source).exists():
        engine = open_engine(f"sqlite:///{local_path(source).as_posix()}")
        try:
            n, _ = waiting(engine)
        finally:
            engine.dispose()
        if n:
            raise StoreError(
                f"{n} entries on this computer have not reached the server yet. Open the workspace while the "
                "server answers, so that they are sent, and then move the review. Nothing was changed."
            )


def _tables() -> list[Table]:
    return [table for table in metadata.sorted_tables if table is not claims]


def _check_empty(there: Connection) -> None:
    for table in _tables():
        query = select(func.count()).select_from(table)
        if table is meta:
            query = query.where(meta.c.name.not_in(["schema_version"]))
        if there.execute(query).scalar_one():
            raise StoreError(
                "The new store holds a review already. Name an empty database, or put the old file elsewhere "
                "first. Nothing was changed."
            )


def _copy(here: Connection, there: Connection, reporter: Reporter) -> dict[str, int]:
    counts: dict[str, int] = {}
    tables = _tables()
    for number, table in enumerate(tables):
        reporter.step(number, len(tables), f"Moving {table.name}")
        digest, count = 0, 0
        for block in _blocks(here, table):
            there.execute(insert(table), block)
            digest, count = (digest + sum(map(_digest, block))) % 2**128, count + len(block)
        found = [(sum(map(_digest, block)), len(block)) for block in _blocks(there, table)]
        if (sum(d for d, _ in found) % 2**128, sum(n for _, n in found)) != (digest, count):
            raise StoreError(
                f"What was read back of '{table.name}' is not what was written. Nothing was changed; the review "
                "stays where it is."
            )
        counts[table.name] = count
    _count_on(there, tables)
    reporter.step(len(tables), len(tables), "Moved")
    return counts


def _blocks(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    query = select(table)
    if table is meta:
        query = query.where(meta.c.name.not_in(_OWN_WORDS))
    result = connection.execute(query)
    while rows := result.mappings().fetchmany(_BLOCK):
        yield [dict(row) for row in rows]


def _digest(row: dict[str, Any]) -> int:
    """Return a number for a row; the sum over rows does not hang on their order, which databases choose."""
    words = "\x1f".join(f"{name}={_word(value)}" for name, value in sorted(row.items()))
    return int.from_bytes(hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big")


def _word(value: Any) -> str:
    return f"{type(value).__name__}:{value!r}"


def _count_on(there: Connection, tables: list[Table]) -> None:
    """Make the server count on from the largest number that was moved; SQLite does so by itself."""
    if there.dialect.name != "postgresql":
        return
    for table in tables:
        key = list(table.primary_key)
        if len(key) == 1 and isinstance(key[0].type, Integer):
            last = there.execute(select(func.max(key[0]))).scalar()
            if last is not None:
                values = {"table": table.name, "column": key[0].name, "last": last}
                there.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)"), values)
