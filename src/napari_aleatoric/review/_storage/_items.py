"""Which items there are."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import ItemKey

from ._engine import fetch_all, once_more, reading, writing
from ._schema import items, meta

__all__ = ["ITEMS_REVISION", "ItemTable", "touch_items", "unknown_item"]

ITEMS_REVISION = "items_revision"
"""Name in the table of odds and ends; its value changes with every change of items and scores."""

_THIS = (items.c.case_id == bindparam("b_case"), items.c.label_reader == bindparam("b_reader"))


class ItemTable:
    """The table of items."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sync(self, keys: Sequence[ItemKey], fingerprints: Mapping[ItemKey, str]) -> None:
        """Make the table hold exactly these items as present; see `ReviewStore.sync_items`."""
        once_more(lambda: self._sync(keys, fingerprints))

    def _sync(self, keys: Sequence[ItemKey], fingerprints: Mapping[ItemKey, str]) -> None:
        added: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        with writing(self._engine) as connection:
            query = select(
                items.c.case_id, items.c.label_reader, items.c.position, items.c.fingerprint, items.c.gone
            )
            rows = fetch_all(connection, query)
            known = {ItemKey(r[0], r[1]): (int(r[2]), str(r[3]), bool(r[4])) for r in rows}
            for position, key in enumerate(dict.fromkeys(keys)):
                fingerprint = fingerprints.get(key, "")
                before = known.pop(key, None)
                values = {"position": position, "fingerprint": fingerprint, "gone": False}
                if before is None:
                    added.append({"case_id": key.case_id, "label_reader": key.label_reader, **values})
                elif before != (position, fingerprint, False):
                    changed.append({"b_case": key.case_id, "b_reader": key.label_reader, **values})
            gone = [
                {"b_case": key.case_id, "b_reader": key.label_reader, "gone": True}
                for key, (_, _, was_gone) in known.items()
                if not was_gone
            ]
            if added:
                connection.execute(insert(items), added)
            if changed:
                names = ("position", "fingerprint", "gone")
                connection.execute(update(items).where(*_THIS).values({n: bindparam(n) for n in names}), changed)
            if gone:
                connection.execute(update(items).where(*_THIS).values(gone=bindparam("gone")), gone)
            if added or changed or gone:
                touch_items(connection)

    def present(self) -> list[ItemKey]:
        """Items of the data set as it is now, in its order."""
        query = (
            select(items.c.case_id, items.c.label_reader).where(items.c.gone.is_(False)).order_by(items.c.position)
        )
        with reading(self._engine) as connection:
            return [ItemKey(*row) for row in fetch_all(connection, query)]

    def fingerprints(self) -> dict[ItemKey, str]:
        """Fingerprint of every present item, as last synchronised, in the order of the data set."""
        query = (
            select(items.c.case_id, items.c.label_reader, items.c.fingerprint)
            .where(items.c.gone.is_(False))
            .order_by(items.c.position)
        )
        with reading(self._engine) as connection:
            return {ItemKey(r[0], r[1]): str(r[2]) for r in fetch_all(connection, query)}


def touch_items(connection: Connection) -> None:
    """Let those who keep a copy see that items or scores are no longer what they were."""
    connection.execute(delete(meta).where(meta.c.name == ITEMS_REVISION))
    connection.execute(insert(meta).values(name=ITEMS_REVISION, value=uuid.uuid4().hex))


def unknown_item(key: ItemKey) -> NotFoundError:
    """Build the error for an item that was never synchronised."""
    return NotFoundError(
        f"There is no item '{key}' in the review store. Read the data set again, so that new cases are added."
    )
