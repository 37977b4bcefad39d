"""What the page *Differences* shows: cases, regions, readers. Frozen, and made by pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_aleatoric.model import reader_colours

if TYPE_CHECKING:
    from napari_aleatoric.review import Adjudication, CaseDifferences, Dispute

__all__ = [
    "AdjudicationView",
    "CaseRow",
    "ReaderMark",
    "RegionRow",
    "case_row",
    "reader_marks",
    "region_rows",
    "settled_from_here",
]

OPEN = "–"
"""Stands for a region without a choice."""


@dataclass(frozen=True)
class ReaderMark:
    """A reader as they appear everywhere: the number of their key from 1, their name, their colour ``#rrggbb``."""

    number: int
    name: str
    colour: str


@dataclass(frozen=True)
class CaseRow:
    """One case of the list: how many of its regions are open, in words; ``is_done`` where none is."""

    case_id: str
    n_regions: int
    n_open: int
    is_finished: bool
    words: str


@dataclass(frozen=True)
class RegionRow:
    """One region of the list, in words; ``said`` has the readers' numbers, ``tip`` their names and the voxels."""

    number: int
    size: str
    tip: str
    said: str
    choice: str
    is_open: bool


@dataclass(frozen=True)
class AdjudicationView:
    """The page as it is.

    Parameters
    ----------
    cases : tuple of CaseRow
        Cases that several readers drew.
    is_listing, is_busy : bool
        Whether cases are still being looked through; whether a case is being read or saved.
    shown : str
        The case that is being settled; "" for none.
    readers : tuple of ReaderMark
        Its readers.
    regions : tuple of RegionRow
        Its regions, largest first.
    row : int
        The region in question.
    n_outdated : int
        Earlier choices that no longer hold, as a reader's label changed.
    has_machine : bool
        Whether a model's answer can be taken.
    is_painting : bool
        Whether the brush is on.
    beside : str
        The reader who is shown in a panel of their own; "" for none.
    is_dimmed : bool
        Whether everything but the region is dimmed.
    goes_on : bool
        Whether a choice leads on to the next open region.
    start, start_reader : str
        The label that the next adjudication begins with.
    sentence : str
        What to know.
    """

    cases: tuple[CaseRow, ...] = ()
    is_listing: bool = False
    is_busy: bool = False
    shown: str = ""
    readers: tuple[ReaderMark, ...] = ()
    regions: tuple[RegionRow, ...] = ()
    row: int = 0
    n_outdated: int = 0
    has_machine: bool = False
    is_painting: bool = False
    beside: str = ""
    is_dimmed: bool = False
    goes_on: bool = True
    start: str = "vote"
    start_reader: str = ""
    sentence: str = ""

    @property
    def n_open(self) -> int:
        """Regions without a choice."""
        return sum(region.is_open for region in self.regions)

    @property
    def progress(self) -> str:
        """How far the case is: "3 of 11 regions"."""
        n = len(self.regions)
        return f"{n - self.n_open} of {n} region{'' if n == 1 else 's'}" if self.shown else ""


def case_row(found: CaseDifferences) -> CaseRow:
    """Say how far a case is."""
    n_open = found.n_regions - found.n_decided
    words = "agree" if not found.n_regions else f"{n_open} of {found.n_regions} open"
    if found.n_regions and not n_open:
        words = "saved" if found.is_finished else "all decided"
    return CaseRow(found.case_id, found.n_regions, n_open, found.is_finished, words)


def reader_marks(readers: Sequence[str], everybody: Sequence[str]) -> tuple[ReaderMark, ...]:
    """Give the readers of a case their numbers and colours.

    Parameters
    ----------
    readers : sequence of str
        Of the case.
    everybody : sequence of str
        Of the data set: colours hang on them, so that they are the same in every case.
    """
    colours = reader_colours([*(name or "label" for name in everybody), *readers])
    return tuple(ReaderMark(number, name, colours[name]) for number, name in enumerate(readers, start=1))


def region_rows(of: Adjudication, disputes: Sequence[Dispute]) -> tuple[RegionRow, ...]:
    """Say every region and its choice in words."""
    rows = []
    key = {name: number for number, name in enumerate(of.case.readers, start=1)}
    for number, dispute in enumerate(disputes, start=1):
        entry = of.choices.by_region.get(dispute.region_id)
        voxels = f"{dispute.n_voxels:,} voxels"
        size = voxels if dispute.volume_mm3 is None else f"{dispute.volume_mm3:,.0f} mm³"
        choice = OPEN
        if entry is not None:
            choice = entry.source_name if entry.source == "reader" else entry.source
        sides = dispute.sides
        said = " · ".join(f"{what}: {','.join(str(key[n]) for n in names)}" for what, names in sides.items())
        tip = "\n".join([voxels, *(f"{what}: {', '.join(names)}" for what, names in sides.items())])
        rows.append(RegionRow(number, size, tip, said, choice, entry is None))
    return tuple(rows)


def settled_from_here(
    of: Adjudication, disputes: Sequence[Dispute], marks: tuple[ReaderMark, ...]
) -> dict[str, Any]:
    """Return what of the view changes when a case comes to be settled: its first open region is in question."""
    open_rows, outdated = of.choices.open_rows(of.case), len(of.choices.outdated(of.case))
    return {
        "is_busy": False,
        "shown": of.case.case_id,
        "readers": marks,
        "regions": region_rows(of, disputes),
        "row": open_rows[0] if open_rows else 0,
        "n_outdated": outdated,
        "has_machine": of.case.machine is not None,
        "is_painting": False,
        "beside": "",
        "sentence": _outdated_words(outdated) if outdated else "",
    }


def _outdated_words(n: int) -> str:
    choices = "One earlier choice no longer holds" if n == 1 else f"{n} earlier choices no longer hold"
    return f"{choices}: a reader's label has changed since."
