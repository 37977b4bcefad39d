"""From a log of choices to a label. Pure: no database and no file here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.review._storage._adjudication_log import AdjudicationEntry
from napari_aleatoric.review._storage._fold import effective

from ._case import CaseToDecide, Source
from ._painted import read_correction, read_region

__all__ = ["ADJUDICATED", "Choices", "answer_of", "fold_choices", "outcome"]

ClassArray = NDArray[np.uint16]

ADJUDICATED = "adjudicated"
"""The reader whose label an adjudication makes, if no other name is chosen."""


@dataclass(frozen=True)
class Choices:
    """Where an adjudication stands.

    Parameters
    ----------
    begun : AdjudicationEntry or None
        From which label; None before it was begun.
    by_region : dict of str to AdjudicationEntry
        The choice that holds, by region id; of regions that are no longer there, too.
    corrections : tuple of AdjudicationEntry
        What was painted outside of all regions, oldest first.
    """

    begun: AdjudicationEntry | None
    by_region: dict[str, AdjudicationEntry]
    corrections: tuple[AdjudicationEntry, ...]

    @property
    def method(self) -> str:
        """How the consensus is found: as for the beginning, by vote where that was a reader's label."""
        source = self.begun.source if self.begun is not None else ""
        return "vote" if source in ("", "reader", "machine") else source

    def outdated(self, case: CaseToDecide) -> tuple[AdjudicationEntry, ...]:
        """Choices for regions that are not there any more: a reader's label changed since."""
        return tuple(entry for region_id, entry in self.by_region.items() if region_id not in case.row_of)

    def open_rows(self, case: CaseToDecide) -> tuple[int, ...]:
        """Regions without a choice."""
        return tuple(row for row, region_id in enumerate(case.ids) if region_id not in self.by_region)


def fold_choices(entries: Iterable[AdjudicationEntry]) -> Choices:
    """Fold a log, oldest first: of several choices for a region the last that was not taken back holds."""
    begun: AdjudicationEntry | None = None
    by_region: dict[str, AdjudicationEntry] = {}
    corrections: list[AdjudicationEntry] = []
    for entry in effective(list(entries)):
        if entry.kind == "begin":
            begun = entry
        elif entry.kind == "region":
            by_region[entry.region_id] = entry
        elif entry.kind == "correction":
            corrections.append(entry)
    return Choices(begun, by_region, tuple(corrections))


def answer_of(case: CaseToDecide, row: int, entry: AdjudicationEntry, method: str = "vote") -> ClassArray:
    """Return the class indices that a choice gives the n voxels of a region, shape (n,).

    Raises
    ------
    DataError
        If the choice is not understood, or what was painted is damaged.
    NotFoundError
        If the reader or the model's answer is not there any more.
    """
    if entry.source == "repainted":
        return read_region(entry.painted, case.regions[row].n_voxels)
    sources: dict[str, Source] = {"reader": "reader", "consensus": "consensus", "machine": "machine"}
    if entry.source not in sources:
        raise DataError(
            f"The choice '{entry.source}' is not known. A newer version of this program made it; update."
        )
    return case.answer(row, sources[entry.source], entry.source_name, method)


def outcome(case: CaseToDecide, entries: Sequence[AdjudicationEntry] | Choices) -> ClassArray:
    """Make the label that the choices come to.

    It is the label that it was begun with, the last choice of every region inside that region, and what was painted
    beside them where readers agree. A choice changes no voxel outside of its region.

    Parameters
    ----------
    case : CaseToDecide
        The answers.
    entries : sequence of AdjudicationEntry, or Choices
        The log, oldest first, or its fold.

    Returns
    -------
    numpy.ndarray of uint16, shape (Z, Y, X)
        Class indices, an own copy.
    """
    choices = entries if isinstance(entries, Choices) else fold_choices(entries)
    begun = choices.begun
    start = case.label_of("vote") if begun is None else case.label_of(begun.source, begun.source_name)
    result = np.array(start, dtype=np.uint16, order="C")
    for row, region_id in enumerate(case.ids):
        entry = choices.by_region.get(region_id)
        if entry is not None:
            region = case.regions[row]
            result[region.box][region.inside] = answer_of(case, row, entry, choices.method)
    for entry in choices.corrections:
        where, classes = read_correction(entry.painted)
        beside = _inside(where, result.size)
        beside[beside] = case.disputed.ravel()[where[beside]] == 0
        result.ravel()[where[beside]] = classes[beside]
    return result


def _inside(where: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    return (where >= 0) & (where < size)
