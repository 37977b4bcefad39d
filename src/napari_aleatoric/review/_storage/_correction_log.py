"""Saved label versions in the database: appended, never changed. The files are `_corrections`' business."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, insert, select

from napari_aleatoric.errors import NotFoundError, StoreError
from napari_aleatoric.model import Geometry, ItemKey

from ._engine import from_us, patiently, reading, to_us, writing
from ._prompt_use import PromptUse
from ._schema import correction_prompts, corrections, decisions, items

__all__ = ["Correction", "CorrectionLog"]

_COLUMNS = [c for c in corrections.c if c.name != "seq"]


@dataclass(frozen=True)
class Correction:
    """One saved version of a label.

    Parameters
    ----------
    key : ItemKey
        Which label.
    reader : str
        Who saved it.
    file : str
        Path below the workspace's corrections folder, with "/"; "" where the original label was brought back.
    sha256 : str
        Of the file, 64 hexadecimal digits; "" for the original.
    label_hash : str
        Of the voxels, see `label_hash`.
    geometry : Geometry
        The stored grid, exact.
    machine : str
        Name of the model that drew it; "" for a person.
    comment : str
        The saver's words.
    follows : str or None
        The version that was current before; None = the original.
    restores : str or None
        For a restored version, the older one that it brings back.
    correction_id : str
        Unique; 32 hexadecimal digits.
    created : datetime
        UTC.
    prompts : tuple of PromptUse
        Promptable segmenters whose masks are in it, as far as is known; empty where all was drawn by hand.
    """

    key: ItemKey
    reader: str
    file: str
    sha256: str
    label_hash: str
    geometry: Geometry
    machine: str = ""
    comment: str = ""
    follows: str | None = None
    restores: str | None = None
    correction_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    prompts: tuple[PromptUse, ...] = ()

    @property
    def is_original(self) -> bool:
        """Whether this version says "back to the original"."""
        return self.file == ""


class CorrectionLog:
    """The table of saved label versions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, correction: Correction, *, allowed_by: str | None = None) -> Correction:
        """Append one version; on return it is on the disk.

        Raises
        ------
        StoreError
            If a machine's version would take the place of a person's, and no decision made since allows it.
        """
        return patiently(lambda again: self._append(correction, allowed_by, again))

    def _append(self, correction: Correction, allowed_by: str | None, again: bool) -> Correction:
        key = correction.key
        with writing(self._engine) as connection:
            its_id = select(corrections.c.seq).where(corrections.c.correction_id == correction.correction_id)
            if again and connection.execute(its_id).first() is not None:
                return correction
            if connection.execute(select(items.c.gone).where(*_is(items, key))).first() is None:
                raise NotFoundError(f"There is no item '{key}' in the review store.")
            latest = _latest(connection, key)
            if correction.machine and latest is not None and not latest.machine:
                _check_allowed(connection, latest, allowed_by)
            connection.execute(insert(corrections).values(**_values(correction)))
            if correction.prompts:
                rows = [{"correction_id": correction.correction_id, **vars(use)} for use in correction.prompts]
                connection.execute(insert(correction_prompts), rows)
        return correction

    def of(self, key: ItemKey) -> list[Correction]:
        """All versions of one label, oldest first."""
        with reading(self._engine) as connection:
            return _read(connection, *_is(corrections, key))

    def everything(self) -> list[Correction]:
        """All versions of all labels, in the order in which they were saved."""
        with reading(self._engine) as connection:
            return _read(connection)

    def files(self) -> set[str]:
        """Files that any version refers to, as `Correction.file` has them."""
        with reading(self._engine) as connection:
            return set(connection.execute(select(corrections.c.file)).scalars()) - {""}

    def latest(self, key: ItemKey) -> Correction | None:
        """Return the version that counts now; None = the original."""
        with reading(self._engine) as connection:
            return _latest(connection, key)

    def current_ids(self) -> dict[ItemKey, tuple[str | None, int]]:
        """For every item with versions: id of the present one (None = the original) and their number."""
        c = corrections.c
        last = select(func.max(c.seq), func.count()).group_by(c.case_id, c.label_reader)
        with reading(self._engine) as connection:
            numbers = {int(seq): int(n) for seq, n in connection.execute(last)}
            query = select(c.seq, c.case_id, c.label_reader, c.correction_id, c.file).order_by(c.seq)
            return {
                ItemKey(r[1], r[2]): (r[3] if r[4] else None, numbers[r[0]])
                for r in connection.execute(query)
                if r[0] in numbers
            }

    def last_seq(self) -> int:
        """Return a number that grows with every entry."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.max(corrections.c.seq), 0))).scalar_one())


def _read(connection: Connection, *which: ColumnElement[bool]) -> list[Correction]:
    """Read some versions, oldest first."""
    rows = connection.execute(select(*_COLUMNS).where(*which).order_by(corrections.c.seq)).all()
    same = correction_prompts.c.correction_id == corrections.c.correction_id
    prompts: dict[str, list[PromptUse]] = {}
    uses = connection.execute(select(correction_prompts).join(corrections, same).where(*which)).all()
    for use in sorted(uses, key=lambda use: str(use.segmenter)):  # databases differ in how they order words
        prompts.setdefault(use.correction_id, []).append(PromptUse(use.segmenter, use.n_boxes, use.n_clicks))
    return [_correction(row, prompts.get(row.correction_id, [])) for row in rows]


def _latest(connection: Connection, key: ItemKey) -> Correction | None:
    last = select(func.max(corrections.c.seq)).where(*_is(corrections, key)).scalar_subquery()
    found = _read(connection, corrections.c.seq == last)
    return found[0] if found else None


def _check_allowed(connection: Any, latest: Correction, allowed_by: str | None) -> None:
    """Refuse a machine's label over a person's, unless a decision made after it says so."""
    if allowed_by is not None:
        query = select(decisions.c.created_us).where(
            decisions.c.decision_id == allowed_by, *_is(decisions, latest.key)
        )
        row = connection.execute(query).first()
        if row is not None and row[0] >= to_us(latest.created):
            return
    raise StoreError(
        f"The label of item '{latest.key}' was drawn by a person ({latest.reader}), so no machine may replace it. "
        "Record a decision that says so and name it, or save the machine's label elsewhere. Nothing was changed."
    )


def _is(table: Any, key: ItemKey) -> tuple[Any, Any]:
    return table.c.case_id == key.case_id, table.c.label_reader == key.label_reader


def _values(correction: Correction) -> dict[str, Any]:
    values = dict(vars(correction))
    del values["prompts"]  # a table of their own
    values.update(values.pop("key")._asdict())
    values["geometry"] = json.dumps(correction.geometry.to_json())
    values["created_us"] = to_us(values.pop("created"))
    return values


def _correction(row: Row[Any], prompts: list[PromptUse]) -> Correction:
    values = dict(row._mapping)
    values["key"] = ItemKey(values.pop("case_id"), values.pop("label_reader"))
    values["geometry"] = Geometry.from_json(json.loads(values["geometry"]))
    values["created"] = from_us(values.pop("created_us"))
    return Correction(**values, prompts=tuple(prompts))
