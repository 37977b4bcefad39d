"""Scores in the database: one packed row of values per item, findings beside it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, delete, insert, select, update

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import Flag, HotSpot, ItemKey, ItemScores, ScoreValue

from ._engine import fetch_all, once_more, patiently, quiet_collector, reading, writing
from ._items import touch_items, unknown_item
from ._schema import findings, items, meta, score_layouts

__all__ = ["Overview", "ScoreInfo", "ScoreRows"]

FloatArray = NDArray[np.float64]
_COMPARISON, _JUDGE = "comparison", "judge"  # their rows in the table of odds and ends
Columns = dict[tuple[str, int], FloatArray]


_KEY: Callable[[tuple[str, str]], ItemKey] = partial(tuple.__new__, ItemKey)  # as `ItemKey._make`, far faster


class ScoreInfo(NamedTuple):
    """What the scores of an item were made from."""

    fingerprint: str
    spec_digest: str
    correction_id: str | None
    n_flags: int
    worst_flag: float


class Overview(NamedTuple):
    """Everything that a queue needs to know of all present items, in the order of the data set.

    A row without scores has ``scored`` False and NaN everywhere.
    """

    keys: list[ItemKey]
    columns: Columns
    scored: NDArray[np.bool_]
    n_flags: NDArray[np.int64]
    changed: NDArray[np.bool_]  # files or spec are no longer those of the score
    correction_ids: dict[int, str]  # row to the label version that was scored, where not the original
    comparison: str = ""  # what the difficulty is compared with; see `Comparison`
    judge: str = ""  # who judged the labels, one of `JUDGES`; "" = not known

    def of_scored(self) -> tuple[list[ItemKey], Columns]:
        """Keys and columns of the rows that have scores."""
        if self.scored.all():
            return self.keys, self.columns
        keys = list(compress(self.keys, self.scored.tolist()))
        return keys, {name: column[self.scored] for name, column in self.columns.items()}


def _layout_id(connection: Connection, values: tuple[ScoreValue, ...]) -> int:
    """Find or add the row that names the columns of these values."""
    columns = json.dumps([[v.measure, v.class_index] for v in values])
    digest = hashlib.blake2b(columns.encode(), digest_size=16).hexdigest()
    query = select(score_layouts.c.layout_id).where(score_layouts.c.digest == digest)
    if connection.execute(query).first() is None:
        connection.execute(insert(score_layouts).values(digest=digest, columns=columns))
    return int(connection.execute(query).scalar_one())


def _flags_from(text: str) -> tuple[Flag, ...]:
    return tuple(
        Flag(f["check"], f["class_index"], f["severity"], f["sentence"], _triple(f["index_zyx"]))
        for f in json.loads(text)
    )


def _hot_spots_from(text: str) -> tuple[HotSpot, ...]:
    return tuple(
        HotSpot(
            h["map_name"],
            h["class_index"],
            (int(h["index_zyx"][0]), int(h["index_zyx"][1]), int(h["index_zyx"][2])),
            (int(h["slice_range"][0]), int(h["slice_range"][1])),
        )
        for h in json.loads(text)
    )


def _triple(value: list[int] | None) -> tuple[int, int, int] | None:
    return None if value is None else (int(value[0]), int(value[1]), int(value[2]))


def _plain(value: Any) -> Any:
    """Turn numpy's numbers into JSON's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"Expected plain values, got {type(value).__name__}.")


class ScoreRows:
    """The tables of scores."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(
        self, item_scores: ItemScores, *, fingerprint: str, spec_digest: str, correction_id: str | None
    ) -> None:
        """Replace the scores of one item; see `ReviewStore.put_item_scores`."""
        key = item_scores.key
        row = {
            "packed": np.array([v.value for v in item_scores.values], dtype="<f8").tobytes(),
            "scored_fingerprint": fingerprint,
            "spec_digest": spec_digest,
            "scored_correction_id": correction_id,
            "scored_us": time.time_ns() // 1000,
            "n_flags": len(item_scores.flags),
            "worst_flag": max((float(f.severity) for f in item_scores.flags), default=0.0),
        }
        found = {
            "flags": json.dumps([vars(f) for f in item_scores.flags], default=_plain),
            "hot_spots": json.dumps([vars(h) for h in item_scores.hot_spots], default=_plain),
        }

        def write() -> None:
            with writing(self._engine) as connection:
                values = {**row, "layout_id": _layout_id(connection, item_scores.values)}
                if connection.execute(update(items).where(*_is(items, key)).values(values)).rowcount == 0:
                    raise unknown_item(key)
                connection.execute(delete(findings).where(*_is(findings, key)))
                connection.execute(insert(findings).values(**key._asdict(), **found))
                touch_items(connection)

        patiently(lambda _: once_more(write))

    def get(self, key: ItemKey) -> ItemScores:
        """Everything measured on one item."""
        query = (
            select(score_layouts.c.columns, items.c.packed, findings.c.flags, findings.c.hot_spots)
            .join_from(items, score_layouts)
            .join(
                findings,
                (findings.c.case_id == items.c.case_id) & (findings.c.label_reader == items.c.label_reader),
            )
            .where(*_is(items, key))
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(f"Item '{key}' has no scores yet. Score the workspace first.")
        values = np.frombuffer(row[1], dtype="<f8").tolist()
        columns = json.loads(row[0])
        return ItemScores(
            key,
            tuple(ScoreValue(str(m), int(c), v) for (m, c), v in zip(columns, values, strict=True)),
            _flags_from(row[2]),
            _hot_spots_from(row[3]),
        )

    def findings(self, key: ItemKey) -> tuple[tuple[Flag, ...], tuple[HotSpot, ...]]:
        """Return flags and hot spots of one item; empty where it was not scored."""
        query = select(findings.c.flags, findings.c.hot_spots).where(*_is(findings, key))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return ((), ()) if row is None else (_flags_from(row[0]), _hot_spots_from(row[1]))

    def scored_fingerprints(self, spec_digest: str) -> dict[ItemKey, str]:
        """Fingerprints at scoring of the items scored with that spec."""
        query = select(items.c.case_id, items.c.label_reader, items.c.scored_fingerprint)
        with reading(self._engine) as connection:
            rows = fetch_all(connection, query.where(items.c.spec_digest == spec_digest))
        return {ItemKey(r[0], r[1]): str(r[2]) for r in rows}

    def info(self, key: ItemKey) -> ScoreInfo | None:
        """Say what the scores of one item were made from."""
        i = items.c
        query = select(i.scored_fingerprint, i.spec_digest, i.scored_correction_id, i.n_flags, i.worst_flag)
        with reading(self._engine) as connection:
            row = connection.execute(query.where(*_is(items, key), i.layout_id.is_not(None))).first()
        return None if row is None else ScoreInfo(*row)

    def overview(self) -> Overview:
        """Read what a queue needs, in one pass over the table."""
        i = items.c
        newest = select(i.spec_digest).where(i.gone.is_(False), i.scored_us.is_not(None))
        with reading(self._engine) as connection:
            layouts = {
                r[0]: json.loads(r[1])
                for r in connection.execute(select(score_layouts.c.layout_id, score_layouts.c.columns))
            }
            digest = connection.execute(newest.order_by(i.scored_us.desc()).limit(1)).scalar()
            changed = (i.fingerprint != i.scored_fingerprint) | (i.spec_digest != (digest or ""))
            query = select(
                i.case_id,
                i.label_reader,
                i.position,
                i.layout_id,
                i.packed,
                i.n_flags,
                changed,
                i.scored_correction_id,
            ).where(i.gone.is_(False))
            rows = fetch_all(connection, query)
            words = select(meta.c.name, meta.c.value).where(meta.c.name.in_([_COMPARISON, _JUDGE]))
            told = {str(name): str(value) for name, value in connection.execute(words)}
        with quiet_collector():
            found = _overview(rows, layouts)
            return found._replace(comparison=told.get(_COMPARISON, ""), judge=told.get(_JUDGE, ""))

    def put_comparison(self, text: str) -> None:
        """Keep what the difficulty is compared with; see `Comparison`."""
        self._put_word(_COMPARISON, text)

    def put_judge(self, name: str) -> None:
        """Keep who judged the labels; one of `JUDGES`."""
        self._put_word(_JUDGE, name)

    def _put_word(self, name: str, text: str) -> None:
        def write() -> None:
            with writing(self._engine) as connection:
                connection.execute(delete(meta).where(meta.c.name == name))
                if text:
                    connection.execute(insert(meta).values(name=name, value=text))
                touch_items(connection)

        once_more(write)


def _overview(rows: list[tuple[Any, ...]], layouts: Mapping[int, Any]) -> Overview:
    """Turn rows (case, reader, position, layout, packed, n_flags, changed, correction) into columns."""
    if not rows:
        none = np.empty(0, dtype=bool)
        return Overview([], {}, none, np.empty(0, dtype=np.int64), none, {})
    order = np.argsort(np.fromiter(map(itemgetter(2), rows), np.int64, len(rows)), kind="stable")
    if np.any(order[1:] < order[:-1]):
        rows = [rows[row] for row in order.tolist()]
    cases, readers, _, layout_ids, packed, n_flags, changed, correction_ids = zip(*rows, strict=True)
    layout = np.array([0 if number is None else number for number in layout_ids])
    return Overview(
        keys=list(map(_KEY, zip(cases, readers, strict=True))),
        columns=_unpack(layout, packed, layouts),
        scored=layout > 0,
        n_flags=np.array([n or 0 for n in n_flags], dtype=np.int64),
        changed=np.array(list(map(bool, changed))),
        correction_ids={row: c for row, c in enumerate(correction_ids) if c is not None},
    )


def _unpack(layout: NDArray[np.int64], packed: Sequence[bytes | None], layouts: Mapping[int, Any]) -> Columns:
    """Spread packed rows over columns, one layout at a time; NaN where a row has no such value."""
    columns: Columns = {}
    used = np.unique(layout).tolist()
    for layout_id in used:
        if layout_id == 0:
            continue
        names = [(str(measure), int(class_index)) for measure, class_index in layouts[layout_id]]
        where = np.flatnonzero(layout == layout_id)
        mine = packed if len(used) == 1 else [packed[row] for row in where.tolist()]
        block = np.frombuffer(b"".join(m or b"" for m in mine), dtype="<f8").reshape(len(mine), len(names))
        for j, name in enumerate(names):
            columns.setdefault(name, np.full(len(packed), np.nan))[where] = block[:, j]
    return columns


def _is(table: Any, key: ItemKey) -> tuple[Any, Any]:
    return table.c.case_id == key.case_id, table.c.label_reader == key.label_reader
