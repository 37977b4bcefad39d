"""From the log of a study to the assignments as they stand. Pure: no database here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from napari_aleatoric.model import ItemKey
from napari_aleatoric.review._storage._fold import effective
from napari_aleatoric.review._storage._study_log import Event, StudyEntry

__all__ = [
    "Assignment",
    "AssignmentState",
    "Kind",
    "assigned_entry",
    "assignment_id_of",
    "fold_study",
    "in_reading_order",
    "next_entry",
]

Kind = Literal["first", "second", "honeypot", "adjudicate"]
AssignmentState = Literal["assigned", "begun", "answered", "handed over", "withdrawn"]
BLIND_BY_DEFAULT: frozenset[Kind] = frozenset({"first", "second", "honeypot"})


@dataclass(frozen=True)
class Assignment:
    """One reader is to read one case.

    Parameters
    ----------
    assignment_id : str
        Unique; 32 hexadecimal digits.
    case_id, reader : str
        Who reads what.
    kind : str
        "first", "second", "honeypot" (there is a trusted label to compare with) or "adjudicate".
    by : str
        Who assigned it.
    assigned : datetime
        UTC.
    blinded : bool
        Whether the reader sees nothing of the others and the machine before the answer.
    machine : bool
        Whether models may be prompted meanwhile, by boxes, points or words.
    start : str
        Whose label is copied at the beginning; "" for an empty one, "model" for the network's in use.
    remark : str
        Words for the reader.
    order : float
        Place in the reader's list.
    trusted : str or None
        For a honeypot: whose label is trusted.
    state : str
        How far it is.
    begun, answered, revealed : datetime or None
        UTC.
    correction_id : str
        Label version that was the answer; "" where the label was answered as it was begun.
    handed_to, handed_from : str
        Assignment that goes on with it, or that it goes on with; "" for none.
    with_label : bool
        Whether what had been drawn came with it.
    n_entries : int
        Length of its chain in the log, undone entries included.
    """

    assignment_id: str
    case_id: str
    reader: str
    kind: Kind
    by: str
    assigned: datetime
    blinded: bool = True
    machine: bool = False
    start: str = ""
    remark: str = ""
    order: float = 0.0
    trusted: str | None = None
    state: AssignmentState = "assigned"
    begun: datetime | None = None
    answered: datetime | None = None
    revealed: datetime | None = None
    correction_id: str = ""
    handed_to: str = ""
    handed_from: str = ""
    with_label: bool = False
    n_entries: int = 1

    @property
    def key(self) -> ItemKey:
        """The label that is made."""
        return ItemKey(self.case_id, self.reader)

    @property
    def is_waiting(self) -> bool:
        """Whether the reader still has to answer."""
        return self.state in ("assigned", "begun")

    @property
    def hides(self) -> bool:
        """Whether the reader must not see anything of the others and the machine now."""
        return self.blinded and self.is_waiting

    @property
    def shown_kind(self) -> str:
        """What the reader is told that it is: a honeypot looks like a first reading until it is revealed."""
        return "first" if self.kind == "honeypot" and self.revealed is None else self.kind

    @property
    def minutes(self) -> float | None:
        """From the beginning to the answer; None before."""
        if self.begun is None or self.answered is None:
            return None
        return (self.answered - self.begun).total_seconds() / 60.0


def assignment_id_of(case_id: str, reader: str, turn: int) -> str:
    """Return the id of a reader's n-th assignment of a case, counted from 0: the same for whoever makes it."""
    return hashlib.blake2b(f"{case_id}\0{reader}\0{turn}".encode(), digest_size=16).hexdigest()


def fold_study(entries: Sequence[StudyEntry]) -> list[Assignment]:
    """Fold the whole log, oldest first, into the assignments as they stand, in the order in which they were made.

    An assignment that was taken back is not among them.
    """
    chains: dict[str, list[StudyEntry]] = {}
    for entry in entries:
        chains.setdefault(entry.assignment_id, []).append(entry)
    found = (_fold(chain) for chain in chains.values())
    return [assignment for assignment in found if assignment is not None]


def _fold(chain: Sequence[StudyEntry]) -> Assignment | None:
    holding = effective(chain)
    if not holding or holding[0].event != "assigned":
        return None
    result = _begin(holding[0], len(chain))
    for entry in holding[1:]:
        result = _step(result, entry)
    return result


def _begin(entry: StudyEntry, n_entries: int) -> Assignment:
    about: Mapping[str, Any] = entry.about
    kind: Kind = about["kind"]
    return Assignment(
        entry.assignment_id,
        entry.case_id,
        entry.reader,
        kind,
        entry.by,
        entry.created,
        blinded=bool(about["blinded"]),
        machine=bool(about["machine"]),
        start=str(about["start"]),
        remark=str(about["remark"]),
        order=float(about["order"]),
        trusted=about.get("trusted"),
        handed_from=str(about.get("handed_from", "")),
        with_label=bool(about.get("with_label", False)),
        n_entries=n_entries,
    )


def _step(before: Assignment, entry: StudyEntry) -> Assignment:
    when = entry.created
    if entry.event == "begun":
        return replace(before, state="begun", begun=when)
    if entry.event == "answered":
        return replace(
            before, state="answered", answered=when, correction_id=str(entry.about.get("correction_id", ""))
        )
    if entry.event == "revealed":
        return replace(before, revealed=before.revealed or when)
    if entry.event == "handed_over":
        return replace(before, state="handed over", handed_to=str(entry.about["to"]))
    if entry.event == "withdrawn":
        return replace(before, state="withdrawn")
    return before


def in_reading_order(assignments: Iterable[Assignment]) -> list[Assignment]:
    """Return assignments as their readers have them: by their places in the list."""
    return sorted(assignments, key=lambda a: (a.order, a.case_id))


def assigned_entry(
    case_id: str,
    reader: str,
    log: Sequence[StudyEntry],
    *,
    by: str,
    kind: Kind,
    blinded: bool | None = None,
    **about: Any,
) -> StudyEntry:
    """Build the entry that begins an assignment.

    Parameters
    ----------
    case_id, reader
        Who is to read what.
    log : sequence of StudyEntry
        All entries so far.
    by : str
        Who says so.
    kind : str
        What kind of reading.
    blinded : bool, optional
        By default readings are, adjudications are not.
    **about
        ``machine``, ``start``, ``remark``, ``order``, ``trusted``, ``handed_from`` and ``with_label``.
    """
    turn = sum(e.event == "assigned" and (e.case_id, e.reader) == (case_id, reader) for e in log)
    whole = {
        "kind": kind,
        "blinded": kind in BLIND_BY_DEFAULT if blinded is None else blinded,
        "machine": False,
        "start": "",
        "remark": "",
        "order": 0.0,
        **about,
    }
    return StudyEntry(assignment_id_of(case_id, reader, turn), 0, "assigned", case_id, reader, by, whole)


def next_entry(of: Assignment, event: Event, by: str, undoes: str | None = None, **about: Any) -> StudyEntry:
    """Build the entry that goes on with an assignment."""
    return StudyEntry(of.assignment_id, of.n_entries, event, of.case_id, of.reader, by, about, undoes)
