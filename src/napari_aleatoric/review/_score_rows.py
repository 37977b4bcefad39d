"""Scores in the database: one packed row of values per item, findings beside it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, delete, insert, select

from napari_aleatoric.errors import NotFoundError
from napari_aleatoric.model import Flag, HotSpot, ItemKey, ItemScores, ScoreValue

from ._engine import reading, writing
from ._items import unknown_item
from ._schema import findings, items, score_layouts, scores

__all__ = ["ScoreInfo", "ScoreRows"]

FloatArray = NDArray[np.float64]
Columns = dict[tuple[str, int], FloatArray]


class ScoreInfo(NamedTuple):
    """What the scores of an item were made from."""

    fingerprint: str
    spec_digest: str
    correction_id: str | None
    n_flags: int
    worst_flag: float
    scored_us: int


def _layout_of(values: tuple[ScoreValue, ...]) -> tuple[str, str]:
    columns = json.dumps([[v.measure, v.class_index] for v in values])
    return hashlib.blake2b(columns.encode(), digest_size=16).hexdigest(), columns


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
        of_item = key._asdict()
        layout_id, columns = _layout_of(item_scores.values)
        packed = np.array([v.value for v in item_scores.values], dtype="<f8").tobytes()
        flags = json.dumps([vars(f) for f in item_scores.flags], default=_plain)
        hot_spots = json.dumps([vars(h) for h in item_scores.hot_spots], default=_plain)
        row = {
            "layout_id": layout_id,
            "packed": packed,
            "fingerprint": fingerprint,
            "spec_digest": spec_digest,
            "correction_id": correction_id,
            "scored_us": time.time_ns() // 1000,
            "n_flags": len(item_scores.flags),
            "worst_flag": max((float(f.severity) for f in item_scores.flags), default=0.0),
        }
        with writing(self._engine) as connection:
            if connection.execute(select(items.c.gone).where(*_is(items, key))).first() is None:
                raise unknown_item(key)
            known = select(score_layouts.c.layout_id).where(score_layouts.c.layout_id == layout_id)
            if connection.execute(known).first() is None:
                connection.execute(insert(score_layouts).values(layout_id=layout_id, columns=columns))
            connection.execute(delete(scores).where(*_is(scores, key)))
            connection.execute(insert(scores).values(**of_item, **row))
            connection.execute(delete(findings).where(*_is(findings, key)))
            connection.execute(insert(findings).values(**of_item, flags=flags, hot_spots=hot_spots))

    def get(self, key: ItemKey) -> ItemScores:
        """Everything measured on one item."""
        query = (
            select(score_layouts.c.columns, scores.c.packed, findings.c.flags, findings.c.hot_spots)
            .join_from(scores, score_layouts)
            .join(
                findings,
                (findings.c.case_id == scores.c.case_id) & (findings.c.label_reader == scores.c.label_reader),
            )
            .where(*_is(scores, key))
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
        query = select(scores.c.case_id, scores.c.label_reader, scores.c.fingerprint)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(scores.c.spec_digest == spec_digest))
            return {ItemKey(r[0], r[1]): str(r[2]) for r in rows}

    def info(self) -> dict[ItemKey, ScoreInfo]:
        """Say what the scores of every scored item were made from."""
        query = select(
            scores.c.case_id,
            scores.c.label_reader,
            scores.c.fingerprint,
            scores.c.spec_digest,
            scores.c.correction_id,
            scores.c.n_flags,
            scores.c.worst_flag,
            scores.c.scored_us,
        )
        with reading(self._engine) as connection:
            return {ItemKey(r[0], r[1]): ScoreInfo(*r[2:]) for r in connection.execute(query)}

    def table(self) -> tuple[list[ItemKey], Columns]:
        """All values of all scored items that are present, in the order of the data set.

        Returns
        -------
        keys : list of ItemKey, length n
        columns : dict of (measure, class_index) to numpy.ndarray of float64, shape (n,)
            NaN where an item has no such value.
        """
        query = (
            select(scores.c.case_id, scores.c.label_reader, scores.c.layout_id, scores.c.packed)
            .join_from(
                scores,
                items,
                (items.c.case_id == scores.c.case_id) & (items.c.label_reader == scores.c.label_reader),
            )
            .where(items.c.gone.is_(False))
            .order_by(items.c.position)
        )
        with reading(self._engine) as connection:
            layouts = {r[0]: json.loads(r[1]) for r in connection.execute(select(score_layouts))}
            rows = connection.execute(query).fetchall()
        if not rows:
            return [], {}
        cases, readers, layout_ids, packed = zip(*rows, strict=True)
        keys = list(map(ItemKey._make, zip(cases, readers, strict=True)))
        return keys, _unpack(layout_ids, packed, layouts)


def _unpack(layout_ids: tuple[str, ...], packed: tuple[bytes, ...], layouts: Mapping[str, Any]) -> Columns:
    """Spread packed rows over columns, one layout at a time."""
    n = len(packed)
    columns: Columns = {}
    used = set(layout_ids)
    which = np.array(layout_ids) if len(used) > 1 else None
    for layout_id in sorted(used):
        names = [(str(measure), int(class_index)) for measure, class_index in layouts[layout_id]]
        where: Any = slice(None) if which is None else np.flatnonzero(which == layout_id)
        mine = packed if which is None else [packed[i] for i in where]
        block = np.frombuffer(b"".join(mine), dtype="<f8").reshape(len(mine), len(names))
        for j, name in enumerate(names):
            columns.setdefault(name, np.full(n, np.nan))[where] = block[:, j]
    return columns


def _is(table: Any, key: ItemKey) -> tuple[Any, Any]:
    return table.c.case_id == key.case_id, table.c.label_reader == key.label_reader
