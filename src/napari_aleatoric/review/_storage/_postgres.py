"""What is particular to PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

__all__ = ["CONNECT_TIMEOUT_S", "OPTIONS", "READING", "TAKE_TURN", "advice", "is_away", "set_up"]

CONNECT_TIMEOUT_S = 4
"""How long a server may take to answer before it counts as away, per address of its name."""

LOCK_TIMEOUT_S = 30
"""How long a writer waits for another before it gives up."""

IDLE_LIMIT_S = 120
"""The server ends a transaction whose client has been silent for so long; others may wait for it."""

OPTIONS: dict[str, Any] = {
    "pool_pre_ping": True,  # the server may have been started anew since
    "connect_args": {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "napari-aleatoric",
        # a server that was unplugged is noticed after about 15 s, not after two hours
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    },
}

READING: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""All statements of a reading transaction see the store as it was at the first."""

# Held until the commit is visible, so that nobody sees an entry before one with a smaller ``seq``. Not a lock on a
# table: that would need the right to change entries, and would stand in the way of the server's own housekeeping.
TAKE_TURN = text("SELECT pg_advisory_xact_lock(1634493793, 1869440355)")  # our two numbers; any would do

_AWAY_STATES = ("08", "57P", "53300")  # connection lost or refused; shut down; no connection free


def set_up(engine: Engine) -> None:
    """Let no connection wait for ever, whatever the server's own settings are."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        settings = {
            "lock_timeout": f"{LOCK_TIMEOUT_S}s",
            "idle_in_transaction_session_timeout": f"{IDLE_LIMIT_S}s",
            "synchronous_commit": "on",  # what is confirmed is on the disk
            "client_encoding": "UTF8",
        }
        with connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.commit()


def is_away(error: DBAPIError) -> bool:
    """Whether an error says that the server did not answer, rather than that it refused."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_AWAY_STATES)
    words = str(error.orig)
    refused = ("authentication failed", "does not exist", "no password supplied", "pg_hba.conf")
    return type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout", "InterfaceError") and not any(
        w in words for w in refused
    )


def advice(text: str) -> str:
    """Say what to do about an error of the server; starts with a space, or is empty."""
    if "NUL" in text:
        return " It holds a character that the server cannot keep (a NUL); take it out."
    if "permission denied" in text:
        return (
            " Let the owner of the database open this review once, or grant its role the rights (docs/team-store)."
        )
    if "authentication failed" in text or "no password supplied" in text or "pg_hba.conf" in text:
        return " Check the user's name and password: in PGPASSWORD, in ~/.pgpass, or in the address."
    if "does not exist" in text:
        return " Check the names of database and user in workspace.json, or let the server's owner create them."
    if "lock timeout" in text:
        return f" Another program has held it for more than {LOCK_TIMEOUT_S} s; try again."
    if "No space" in text:
        return " Free some space on the server's disk and try again."
    return ""
