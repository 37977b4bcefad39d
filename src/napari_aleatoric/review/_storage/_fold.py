"""From a log of decisions to the present state. Pure: no database here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from napari_aleatoric.model import Verdict

__all__ = ["PENDING", "Entry", "ItemState", "effective", "fold", "undone_ids"]


class LogEntry(Protocol):
    """One entry of any log in which later entries take back earlier ones."""

    @property
    def decision_id(self) -> str:
        """Unique."""

    @property
    def undoes(self) -> str | None:
        """decision_id that this entry takes back."""


class Entry(LogEntry, Protocol):
    """What the fold needs to know of a decision; `Decision` has it."""

    @property
    def verdict(self) -> Verdict | None:
        """None for a remark or an undo."""

    @property
    def quality(self) -> int | None:
        """1..5."""

    @property
    def comment(self) -> str:
        """Words."""

    @property
    def reader(self) -> str:
        """Who."""

    @property
    def correction_id(self) -> str | None:
        """The saved label version that belongs to it."""

    @property
    def created(self) -> datetime:
        """When."""


class ItemState(NamedTuple):
    """Where the review of one item stands.

    ``reader`` and ``when`` belong to the verdict; where there is none yet, to the last remark.
    ``n_decisions`` counts the entries that still hold: neither undone ones nor undos.
    """

    verdict: Verdict | None = None
    quality: int | None = None
    comment: str = ""
    reader: str = ""
    when: datetime | None = None
    n_decisions: int = 0
    correction_id: str | None = None

    @property
    def status(self) -> str:
        """The verdict in lower case, or "pending"."""
        return "pending" if self.verdict is None else self.verdict.value

    @property
    def is_done(self) -> bool:
        """Whether the item needs no further look; a skipped one does."""
        return self.verdict is not None and self.verdict is not Verdict.SKIPPED


_E = TypeVar("_E", bound=LogEntry)

PENDING = ItemState()
"""The state of an item that nobody has looked at."""


def undone_ids(entries: Sequence[LogEntry]) -> set[str]:
    """Return the ids of entries, undos among them, that a later entry took back and nothing brought back."""
    undone: set[str] = set()
    for entry in reversed(entries):
        if entry.undoes is not None and entry.decision_id not in undone:
            undone.add(entry.undoes)
    return undone


def effective(entries: Sequence[_E]) -> list[_E]:
    """Return the entries that hold, in their order: neither undone nor undos themselves.

    An undo can be undone in its turn, which brings the first entry back.
    """
    undone = undone_ids(entries)
    return [e for e in entries if e.undoes is None and e.decision_id not in undone]


def fold(entries: Iterable[Entry]) -> ItemState:
    """Fold the log of one item, oldest first, into its present state.

    Each later entry replaces only what it speaks of: a remark keeps the verdict, a verdict without a quality keeps
    the quality. Appending an entry and its undo changes nothing.
    """
    log = list(entries)
    if len(log) != 1 or log[0].undoes is not None:
        log = effective(log)
    verdict: Verdict | None = None
    quality: int | None = None
    comment = reader = ""
    correction_id: str | None = None
    when: datetime | None = None
    for entry in log:
        if entry.verdict is not None or verdict is None:
            reader, when = entry.reader, entry.created
        if entry.verdict is not None:
            verdict = entry.verdict
        if entry.quality is not None:
            quality = entry.quality
        if entry.comment:
            comment = entry.comment
        if entry.correction_id is not None:
            correction_id = entry.correction_id
    return ItemState(verdict, quality, comment, reader, when, len(log), correction_id)
