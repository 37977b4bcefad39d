"""The door to the database: the one place that knows which database it is."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from napari_aleatoric.errors import StoreError

from ._schema import SCHEMA_VERSION, meta, metadata

__all__ = [
    "fetch_all",
    "from_us",
    "once_more",
    "open_engine",
    "quiet_collector",
    "reading",
    "to_us",
    "writing",
]

BUSY_TIMEOUT_S = 30
"""How long a writer waits for another process before it gives up."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970, UTC; a moment without a time zone is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    """Return the moment that `to_us` was given, exactly."""
    return _EPOCH + timedelta(microseconds=value)


def open_engine(url: str) -> Engine:
    """Open the database of a store, creating its tables in an empty one.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:///path/review.db``, ``postgresql+psycopg://host/name``.

    Raises
    ------
    StoreError
        If it cannot be opened, or was written by a newer version of this program.
    """
    try:
        engine = create_engine(url)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"The review store's database needs the Python package '{error.name}', and it is not installed. "
            f"Install it with: pip install {error.name}"
        ) from error
    except (ArgumentError, SQLAlchemyError) as error:
        raise StoreError(
            "The address of the review store is not a database URL such as 'sqlite:///folder/review.db' or "
            "'postgresql+psycopg://user@host/name'. Correct it in workspace.json."
        ) from error
    if engine.dialect.name == "sqlite":
        _set_up_sqlite(engine)
    try:
        _prepare_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _set_up_sqlite(engine: Engine) -> None:
    """Make SQLite keep what it confirmed, through a kill and a power cut, for several processes at once.

    WAL with ``synchronous=FULL`` writes the log through to the disk before a commit returns. Writers start with
    BEGIN IMMEDIATE: they queue for the write lock instead of failing when they first write.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_schema(engine: Engine) -> None:
    """Create the tables where there are none, and refuse a newer schema."""
    version = _known_version(engine)
    if version is None:
        try:
            with writing(engine) as connection:
                metadata.create_all(connection)
                if connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).first() is None:
                    connection.execute(insert(meta).values(name="schema_version", value=str(SCHEMA_VERSION)))
        except StoreError:
            version = _known_version(engine)  # another process may have been faster
            if version is None:
                raise
        else:
            version = SCHEMA_VERSION
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"This review store has format {version}; this program knows formats up to {SCHEMA_VERSION}. "
            "Update napari-aleatoric to open it. Nothing was changed."
        )
    _add_missing_tables(engine)


def _add_missing_tables(engine: Engine) -> None:
    """Bring a store of an earlier version of this program up to date; what is in it stays as it is."""
    missing = _missing_tables(engine)
    if not missing:
        return
    try:
        with writing(engine) as connection:
            metadata.create_all(connection, tables=missing)
    except StoreError:
        if _missing_tables(engine):  # else another process was faster
            raise


def _missing_tables(engine: Engine) -> list[Table]:
    from sqlalchemy import inspect

    with reading(engine) as connection:
        there = set(inspect(connection).get_table_names())
    return [table for table in metadata.sorted_tables if table.name not in there]


def _known_version(engine: Engine) -> int | None:
    from sqlalchemy import inspect

    with reading(engine) as connection:
        if not inspect(connection).has_table(meta.name):
            return None
        row = connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).first()
    return None if row is None else int(row[0])


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep Python's cycle collector from running while hundreds of thousands of small objects are made.

    It would run again and again, for nothing: none of them refers to another.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def fetch_all(connection: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """Fetch a large result as plain tuples, values as the driver gives them.

    SQLAlchemy's own rows would cost several times as much.
    """
    text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
    cursor = connection.connection.cursor()
    try:
        with quiet_collector():
            cursor.execute(text)
            return list(cursor.fetchall())
    finally:
        cursor.close()


_T = TypeVar("_T")


def once_more(write: Callable[[], _T]) -> _T:
    """Try a write again if another process added the same row at the same moment."""
    try:
        return write()
    except StoreError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        return write()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent look at the store."""
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StoreError(f"The review store could not be read: {_plain(error)}.{_advice(engine, error)}") from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: on leaving it is on the disk, on an error nothing of it happened."""
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
    except IntegrityError as error:
        raise StoreError(f"The review store refused an entry, and nothing was changed: {_plain(error)}.") from error
    except DBAPIError as error:
        raise StoreError(
            f"The review store could not be written, and nothing was changed: {_plain(error)}."
            f"{_advice(engine, error)}"
        ) from error


def _plain(error: DBAPIError) -> str:
    """Return the database's own first line, without the statement and its values (which may hold comments)."""
    first: list[Any] = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return str(first[0]).rstrip(".")


def _advice(engine: Engine, error: DBAPIError) -> str:
    text = str(error.orig)
    if "locked" in text or "busy" in text:
        return f" Another program has held it for more than {BUSY_TIMEOUT_S} s; close that program and try again."
    if "not a database" in text or "malformed" in text:
        return " The file is damaged or is no review store; put a backup copy in its place."
    if "unable to open" in text or "readonly" in text:
        return " Check that its folder exists and that you may write there."
    if "full" in text:
        return " Free some space on the disk and try again."
    if make_url(engine.url).get_backend_name() != "sqlite":
        return " Check that the database server can be reached."
    return ""
