"""The door to the database: transactions on SQLite and PostgreSQL alike, and sentences for what goes wrong."""

from __future__ import annotations

import gc
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine, Select, Table, create_engine, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from napari_aleatoric.errors import MissingExtraError, StoreError, StoreUnreachableError

from . import _postgres, _sqlite
from ._schema import SCHEMA_VERSION, meta, metadata

__all__ = [
    "MOVED",
    "fetch_all",
    "from_us",
    "once_more",
    "open_engine",
    "patiently",
    "quiet_collector",
    "reading",
    "to_us",
    "writing",
]

_OPEN: weakref.WeakSet[Engine] = weakref.WeakSet()
MOVED = "moved"
"""Name in the table of odds and ends that says that the review goes on in another store."""

_MOVED = select(meta.c.value).where(meta.c.name == MOVED)
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
        SQLAlchemy URL: ``sqlite:///path/review.db``, ``postgresql+psycopg://user@host/name``.

    Raises
    ------
    StoreError
        If it cannot be opened, or was written by a newer version of this program; a `StoreUnreachableError` if its
        server does not answer.
    MissingExtraError
        If the package that speaks to the database is not installed.
    """
    engine = _make_engine(url)
    if engine.dialect.name == "sqlite":
        _sqlite.set_up(engine)
    else:
        _postgres.set_up(engine)
    _OPEN.add(engine)
    try:
        _prepare_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make_engine(url: str) -> Engine:
    """Build the engine. What the address holds is in no error: a password may be in it."""
    missing = False
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return create_engine(parsed)
        if parsed.drivername == "postgresql+psycopg":
            return create_engine(parsed, **_postgres.OPTIONS)
    except ImportError:
        missing = True
    except (ArgumentError, SQLAlchemyError, ValueError, TypeError):
        pass
    if missing:
        raise MissingExtraError.for_extra("team", "keep the review on a PostgreSQL server")
    raise StoreError(
        "The address of the review store is not a database URL such as 'sqlite:///folder/review.db' or "
        "'postgresql+psycopg://user@host/name' (signs like @ : / % in a password are written as %40 %3A %2F %25). "
        "Correct it in workspace.json."
    )


def _forget_connections() -> None:
    """After a fork: the child makes connections of its own and leaves the parent's alone."""
    for engine in list(_OPEN):
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)


def _prepare_schema(engine: Engine) -> None:
    """Create the tables where there are none, and refuse a newer schema."""
    version = _known_version(engine)
    if version is None:
        try:
            with writing(engine, prepares=True) as connection:
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
        with writing(engine, prepares=True) as connection:
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
    result = connection.execute(query)
    cursor: Any = result.cursor
    try:
        with quiet_collector():
            return list(cursor.fetchall())
    finally:
        result.close()


_T = TypeVar("_T")


def once_more(write: Callable[[], _T]) -> _T:
    """Try a write again if another process added the same row at the same moment."""
    try:
        return write()
    except StoreError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        return write()


PAUSES_S: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Between tries of a write whose server went away."""


def patiently(write: Callable[[bool], _T]) -> _T:
    """Try a write again for a quarter of a minute while the server is away.

    Parameters
    ----------
    write : callable
        Told whether it was tried before: the answer alone may have been lost, so it has to look first.
    """
    for number, pause in enumerate(PAUSES_S):
        try:
            return write(number > 0)
        except StoreUnreachableError:
            time.sleep(pause)
    return write(bool(PAUSES_S))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent look at the store."""
    options = _postgres.READING if engine.dialect.name == "postgresql" else {}
    try:
        with engine.connect().execution_options(**options) as connection:
            yield connection
    except DBAPIError as error:
        _explain(engine, error, "The review store could not be read")


@contextmanager
def writing(engine: Engine, *, in_turn: bool = True, prepares: bool = False) -> Iterator[Connection]:
    """One transaction: on leaving it is on the disk, on an error nothing of it happened.

    Parameters
    ----------
    engine : Engine
        Of the store.
    in_turn : bool
        One writer after the other, as SQLite has it anyway: what one of them reads holds until it has written,
        and entries become visible in the order of their ``seq``. False = side by side; a single statement decides.
    prepares : bool
        Whether the tables may not be there yet.

    Raises
    ------
    StoreError
        If it could not be written, or the review was moved to another store meanwhile.
    """
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if in_turn and engine.dialect.name == "postgresql":
                connection.execute(_postgres.TAKE_TURN)
            if in_turn and not prepares and connection.execute(_MOVED).first() is not None:
                raise StoreError(
                    "This review was moved to another store, and nothing was changed here. Close the workspace and "
                    "open it again; what was typed goes into the new store then."
                )
            yield connection
    except IntegrityError as error:
        raise StoreError(f"The review store refused an entry, and nothing was changed: {_plain(error)}.") from error
    except DBAPIError as error:
        _explain(engine, error, "The review store could not be written, and nothing was changed")


def _explain(engine: Engine, error: DBAPIError, what: str) -> NoReturn:
    """Raise the error as a sentence, without the statement and its values, which may hold comments."""
    if engine.dialect.name == "postgresql" and _postgres.is_away(error):
        raise StoreUnreachableError(
            f"The server of the review store cannot be reached ({_plain(error)}). Check that it runs and that this "
            "computer is on its network."
        ) from error
    advice = (_sqlite if engine.dialect.name == "sqlite" else _postgres).advice(str(error.orig))
    raise StoreError(f"{what}: {_plain(error)}.{advice}") from error


def _plain(error: DBAPIError) -> str:
    """Return the database's own first line."""
    first: list[Any] = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return str(first[0]).rstrip(".")
