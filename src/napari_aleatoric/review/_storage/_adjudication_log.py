"""What was chosen where readers differ, in the database: appended, never changed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, Row, insert, select

from ._engine import from_us, reading, to_us, writing
from ._fold import effective
from ._schema import adjudication_choices, adjudications

__all__ = ["AdjudicationEntry", "AdjudicationLog", "AdjudicationOutcome"]

EntryKind = Literal["begin", "region", "correction", "undo"]


@dataclass(frozen=True)
class AdjudicationEntry:
    """One entry of the log of an adjudication.

    Parameters
    ----------
    case_id : str
        Which case.
    name : str
        The reader whose label comes of it, such as "adjudicated".
    kind : str
        ``begin`` (from which label), ``region`` (a choice for one region), ``correction`` (painted outside of all
        regions) or ``undo``.
    reader : str
        Who says so.
    region_id : str
        Of a choice: `DisputedRegion.digest`.
    source : str
        Of a choice: reader, consensus, machine or repainted; of a beginning: reader or a method of consensus.
    source_name : str
        Which reader or which model.
    painted : bytes or None
        What was painted.
    undoes : str or None
        Which entry this one takes back.
    decision_id : str
        Unique.
    created : datetime
        UTC.
    """

    case_id: str
    name: str
    kind: EntryKind
    reader: str
    region_id: str = ""
    source: str = ""
    source_name: str = ""
    painted: bytes | None = None
    undoes: str | None = None
    decision_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class AdjudicationOutcome:
    """A label that came of an adjudication: what was saved, and the record of it as JSON text."""

    case_id: str
    name: str
    reader: str
    label_hash: str
    record: str
    adjudication_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class AdjudicationLog:
    """The tables of choices and of outcomes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, *entries: AdjudicationEntry) -> None:
        """Append entries in one transaction; on return all of them are on the disk."""
        if entries:
            with writing(self._engine) as connection:
                connection.execute(insert(adjudication_choices), [_values(entry) for entry in entries])

    def undo(self, case_id: str, name: str, reader: str) -> AdjudicationEntry | None:
        """Take back that person's last choice or correction that still holds; None if there is none."""
        with writing(self._engine) as connection:
            rows = connection.execute(_of(case_id, name)).all()
            mine = [e for e in effective([_entry(row) for row in rows]) if e.reader == reader and e.kind != "begin"]
            if not mine:
                return None
            entry = AdjudicationEntry(case_id, name, "undo", reader, undoes=mine[-1].decision_id)
            connection.execute(insert(adjudication_choices).values(**_values(entry)))
        return entry

    def of(self, case_id: str, name: str) -> list[AdjudicationEntry]:
        """All entries of one adjudication, oldest first."""
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(_of(case_id, name))]

    def everything(self) -> list[AdjudicationEntry]:
        """All entries of all adjudications, in the order in which they were appended, without what was painted."""
        c = adjudication_choices.c
        columns = [column for column in c if column.name not in ("seq", "painted")]
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(select(*columns).order_by(c.seq))]

    def add_outcome(self, outcome: AdjudicationOutcome) -> None:
        """Append what came of an adjudication."""
        values = dict(vars(outcome))
        values["created_us"] = to_us(values.pop("created"))
        with writing(self._engine) as connection:
            connection.execute(insert(adjudications).values(**values))

    def outcomes(self, case_id: str | None = None, name: str | None = None) -> list[AdjudicationOutcome]:
        """Return what came of adjudications, oldest first; of one case or under one name only, if given."""
        query = select(adjudications).order_by(adjudications.c.seq)
        if case_id is not None:
            query = query.where(adjudications.c.case_id == case_id)
        if name is not None:
            query = query.where(adjudications.c.name == name)
        with reading(self._engine) as connection:
            return [_outcome(row) for row in connection.execute(query)]

    def names(self) -> Mapping[str, frozenset[str]]:
        """By case, the readers under whose names adjudications were finished: their labels are no reader's own."""
        found: dict[str, set[str]] = {}
        query = select(adjudications.c.case_id, adjudications.c.name).distinct()
        with reading(self._engine) as connection:
            for case_id, name in connection.execute(query):
                found.setdefault(case_id, set()).add(name)
        return {case_id: frozenset(names) for case_id, names in found.items()}


def _of(case_id: str, name: str) -> Any:
    c = adjudication_choices.c
    columns = [column for column in c if column.name != "seq"]
    return select(*columns).where(c.case_id == case_id, c.name == name).order_by(c.seq)


def _values(entry: AdjudicationEntry) -> dict[str, Any]:
    values = dict(vars(entry))
    values["created_us"] = to_us(values.pop("created"))
    return values


def _entry(row: Row[Any]) -> AdjudicationEntry:
    values = dict(row._mapping)
    values["created"] = from_us(values.pop("created_us"))
    return AdjudicationEntry(**values)


def _outcome(row: Row[Any]) -> AdjudicationOutcome:
    values = dict(row._mapping)
    del values["seq"]
    values["created"] = from_us(values.pop("created_us"))
    return AdjudicationOutcome(**values)
