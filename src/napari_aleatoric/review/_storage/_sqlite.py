"""What is particular to SQLite."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection, Engine, event

__all__ = ["BUSY_TIMEOUT_S", "advice", "set_up"]

BUSY_TIMEOUT_S = 30
"""How long a writer waits for another process before it gives up."""


def set_up(engine: Engine) -> None:
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


def advice(text: str) -> str:
    """Say what to do about an error of the database; starts with a space, or is empty."""
    if "locked" in text or "busy" in text:
        return f" Another program has held it for more than {BUSY_TIMEOUT_S} s; close that program and try again."
    if "not a database" in text or "malformed" in text:
        return " The file is damaged or is no review store; put a backup copy in its place."
    if "unable to open" in text or "readonly" in text:
        return " Check that its folder exists and that you may write there."
    if "full" in text:
        return " Free some space on the disk and try again."
    return ""
