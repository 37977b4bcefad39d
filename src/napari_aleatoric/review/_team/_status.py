"""Where the review of a workspace is kept, and how it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.engine import make_url

from napari_aleatoric.errors import StoreUnreachableError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._storage._conflicts import Conflict, list_conflicts
from napari_aleatoric.review._storage._engine import MOVED, open_engine, reading
from napari_aleatoric.review._storage._schema import corrections, decisions, items, meta
from napari_aleatoric.review._storage._store import ReviewStore

from ._local_file import local_path, waiting

__all__ = ["StoreStatus", "store_status"]


@dataclass(frozen=True)
class StoreStatus:
    """How the store of a workspace stands.

    Parameters
    ----------
    kind : str
        "file" or "server".
    address : str
        Without a password.
    away : str
        Why it cannot be reached; "" = it answers. Counts are then those of this computer's copy.
    n_items, n_decisions, n_versions : int
        What it holds.
    claims : mapping of ItemKey to str
        Who has what before them.
    conflicts : tuple of Conflict
        Those that nobody has settled.
    n_waiting : int
        Entries on this computer that have not reached the server.
    refused : tuple of str
        Why some of them never will.
    moved : bool
        Whether the review goes on in another store.
    """

    kind: str
    address: str
    away: str = ""
    n_items: int = 0
    n_decisions: int = 0
    n_versions: int = 0
    claims: Mapping[ItemKey, str] | None = None
    conflicts: tuple[Conflict, ...] = ()
    n_waiting: int = 0
    refused: tuple[str, ...] = ()
    moved: bool = False


def store_status(ws: Workspace) -> StoreStatus:
    """Look at the store of a workspace; where its server is away, at this computer's copy."""
    url = ws.store_url
    kind = "file" if url.startswith("sqlite") else "server"
    address = make_url(url).render_as_string(hide_password=True)
    n_waiting, refused = 0, list[str]()
    local = local_path(url)
    if kind == "server" and local.exists():
        copy = open_engine(f"sqlite:///{local.as_posix()}")
        n_waiting, refused = waiting(copy)
        copy.dispose()
    away = ""
    try:
        store = ReviewStore.open(url)
    except StoreUnreachableError as error:
        if not local.exists():
            return StoreStatus(kind, address, str(error))
        away, store = str(error), ReviewStore.open(f"sqlite:///{local.as_posix()}")
    with store:
        n_items, n_decisions, n_versions, moved = _counts(store._engine)
        claims = {} if away else store.claimed()
        conflicts = tuple(list_conflicts(store._engine))
    return StoreStatus(
        kind, address, away, n_items, n_decisions, n_versions, claims, conflicts, n_waiting, tuple(refused), moved
    )


def _counts(engine: Engine) -> tuple[int, int, int, bool]:
    with reading(engine) as connection:
        present = select(func.count()).select_from(items).where(items.c.gone.is_(False))
        moved = connection.execute(select(meta.c.value).where(meta.c.name == MOVED)).first() is not None
        return (
            int(connection.execute(present).scalar_one()),
            _number(connection, decisions),
            _number(connection, corrections),
            moved,
        )


def _number(connection: Connection, table: object) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]
