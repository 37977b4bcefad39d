"""Who has which item before them: exclusive, and only for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    cast,
    delete,
    extract,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from napari_aleatoric.errors import StoreError
from napari_aleatoric.model import ItemKey

from ._engine import reading, writing
from ._items import unknown_item
from ._schema import claims, items

__all__ = ["CLAIM_SECONDS", "RENEW_SECONDS", "ClaimTable"]

CLAIM_SECONDS = 300.0
"""How long a claim holds that is not renewed: a workstation that died gives its item back after this time."""

RENEW_SECONDS = 60.0
"""How often a claim is renewed while its item is on a screen."""

_BLOCK = 500  # keys of a queue that are looked at in one query
_ITEM = ("case_id", "label_reader")

# The first free item of a block. One that another workstation is taking at this moment is passed over.
_FIRST_FREE = text(
    """
    SELECT i.case_id, i.label_reader
    FROM unnest(CAST(:cases AS text[]), CAST(:readers AS text[])) WITH ORDINALITY AS wanted(c, r, place)
    JOIN items i ON i.case_id = wanted.c AND i.label_reader = wanted.r
    LEFT JOIN claims held ON held.case_id = wanted.c AND held.label_reader = wanted.r AND held.reader <> :reader
        AND held.until_us > CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)
    WHERE held.case_id IS NULL AND NOT i.gone
    ORDER BY wanted.place LIMIT 1
    FOR NO KEY UPDATE OF i SKIP LOCKED
    """
)


class ClaimTable:
    """The table of claims. Times are those of the server where there is one, not of the workstations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._on_server = engine.dialect.name == "postgresql"

    def claim(self, key: ItemKey, reader: str, seconds: float) -> str:
        """Take an item for a while; see `ReviewStore.claim`."""
        try:
            with writing(self._engine, in_turn=False) as connection:
                while True:
                    if self._take(connection, key, reader, seconds):
                        return reader
                    other = connection.execute(select(claims.c.reader).where(*_is(key))).scalar()
                    if other is not None:  # else given back between the two
                        return str(other)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise unknown_item(key) from error
            raise

    def claim_next(self, keys: Sequence[ItemKey], reader: str, seconds: float) -> ItemKey | None:
        """Take the first of these that nobody else has; see `ReviewStore.claim_next`."""
        first_free = self._free_on_server if self._on_server else self._free_in_file
        for begin in range(0, len(keys), _BLOCK):
            left = list(keys[begin : begin + _BLOCK])
            while left:
                with writing(self._engine, in_turn=False) as connection:
                    key = first_free(connection, left, reader)
                    if key is not None and self._take(connection, key, reader, seconds):
                        return key
                if key is None:
                    break
                left = left[left.index(key) + 1 :]  # somebody else was faster
        return None

    def release(self, key: ItemKey, reader: str) -> None:
        """Give a claim back; nothing happens if it is somebody else's."""
        with writing(self._engine, in_turn=False) as connection:
            connection.execute(delete(claims).where(*_is(key), claims.c.reader == reader))

    def claimed(self) -> dict[ItemKey, str]:
        """Claims that hold now: item to reader."""
        query = select(claims.c.case_id, claims.c.label_reader, claims.c.reader)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(claims.c.until_us > self._now()))
            return {ItemKey(r[0], r[1]): str(r[2]) for r in rows}

    def _now(self) -> ColumnElement[int]:
        if self._on_server:
            return cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
        return literal(time.time_ns() // 1000, BigInteger)

    def _take(self, connection: Connection, key: ItemKey, reader: str, seconds: float) -> bool:
        """Take or renew, in one statement; False if somebody else has it."""
        insert: Any = postgresql.insert if self._on_server else sqlite.insert
        new = insert(claims).values(**key._asdict(), reader=reader, until_us=self._now() + int(seconds * 1e6))
        taken = new.on_conflict_do_update(
            index_elements=_ITEM,
            set_={"reader": new.excluded.reader, "until_us": new.excluded.until_us},
            where=(claims.c.reader == new.excluded.reader) | (claims.c.until_us <= self._now()),
        )
        return connection.execute(taken.execution_options(preserve_rowcount=True)).rowcount == 1

    def _free_on_server(self, connection: Connection, keys: Sequence[ItemKey], reader: str) -> ItemKey | None:
        values = {"cases": [k.case_id for k in keys], "readers": [k.label_reader for k in keys], "reader": reader}
        row = connection.execute(_FIRST_FREE, values).first()
        return None if row is None else ItemKey(*row)

    def _free_in_file(self, connection: Connection, keys: Sequence[ItemKey], reader: str) -> ItemKey | None:
        held = select(claims.c.case_id, claims.c.label_reader).where(
            claims.c.reader != reader, claims.c.until_us > self._now()
        )
        others = {ItemKey(*row) for row in connection.execute(held)}
        for key in keys:
            if key not in others:
                there = (items.c.case_id == key.case_id, items.c.label_reader == key.label_reader)
                if connection.execute(select(items.c.gone).where(*there)).scalar() in (False, 0):
                    return key
        return None


def _is(key: ItemKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return claims.c.case_id == key.case_id, claims.c.label_reader == key.label_reader
