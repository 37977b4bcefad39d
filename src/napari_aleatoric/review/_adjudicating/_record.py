"""The record of an adjudication: what was decided, region by region."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from pydantic import BaseModel, ConfigDict

from napari_aleatoric.model import ClassTable
from napari_aleatoric.review._reading._disputes import Dispute, describe_region
from napari_aleatoric.review._storage._adjudication_log import AdjudicationEntry

from ._case import CaseToDecide
from ._fold import Choices
from ._painted import read_correction

__all__ = ["AdjudicationRecord", "CorrectionRecord", "RegionRecord", "make_record"]


class RegionRecord(Dispute):
    """One region and what was chosen for it.

    ``choice`` is ``reader``, ``consensus``, ``machine``, ``repainted``, or ``open`` where nothing was chosen and
    the label stayed as it was begun; ``chosen`` the name of the reader or model. ``by`` chose it, at ``at``.
    """

    choice: str
    chosen: str
    by: str
    at: datetime | None


class CorrectionRecord(BaseModel):
    """Voxels that were painted where all readers agree: no region's, a correction like any other.

    ``index_zyx`` and ``centre_lps_mm`` are the middle of them, as a region has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_voxels: int
    index_zyx: tuple[int, int, int]
    centre_lps_mm: tuple[float, float, float] | None
    by: str
    at: datetime


class AdjudicationRecord(BaseModel):
    """How the label of a case came about where its readers differed.

    ``versions`` names the label version of every reader that was looked at ("" = the original), ``start`` the label
    that it was begun with. Places are LPS: x grows to the left, y to the back, z to the head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = 1
    case_id: str
    name: str
    readers: tuple[str, ...]
    versions: dict[str, str]
    start: str
    start_reader: str
    frame: str = "LPS"
    spacing_known: bool
    label_hash: str = ""
    finished_by: str
    finished_at: datetime
    n_open: int
    n_outdated: int
    regions: tuple[RegionRecord, ...]
    corrections: tuple[CorrectionRecord, ...]


def make_record(
    case: CaseToDecide,
    choices: Choices,
    classes: ClassTable,
    *,
    name: str,
    versions: Mapping[str, str],
    by: str,
    at: datetime,
) -> AdjudicationRecord:
    """Say region by region what was chosen.

    Parameters
    ----------
    case : CaseToDecide
        The regions.
    choices : Choices
        What holds.
    classes : ClassTable
        Names of structures.
    name : str
        Under which the label is saved.
    versions : mapping of str to str
        Label version of every reader.
    by, at
        Who finishes it, and when.
    """
    begun = choices.begun
    return AdjudicationRecord(
        case_id=case.case_id,
        name=name,
        readers=case.readers,
        versions=dict(versions),
        start=begun.source if begun is not None else "vote",
        start_reader=begun.source_name if begun is not None else "",
        spacing_known=case.geometry.spacing_known,
        finished_by=by,
        finished_at=at,
        n_open=len(choices.open_rows(case)),
        n_outdated=len(choices.outdated(case)),
        regions=tuple(_region(case, row, choices, classes) for row in range(len(case.regions))),
        corrections=tuple(
            found for entry in choices.corrections if (found := _correction(case, entry)) is not None
        ),
    )


def _region(case: CaseToDecide, row: int, choices: Choices, classes: ClassTable) -> RegionRecord:
    dispute = describe_region(case.case_id, case.regions[row], case.readers, case.geometry, classes)
    entry = choices.by_region.get(case.ids[row])
    return RegionRecord(
        **dispute.model_dump(),
        choice="open" if entry is None else entry.source,
        chosen="" if entry is None else entry.source_name,
        by="" if entry is None else entry.reader,
        at=None if entry is None else entry.created,
    )


def _correction(case: CaseToDecide, entry: AdjudicationEntry) -> CorrectionRecord | None:
    where, _ = read_correction(entry.painted)
    where = where[(where >= 0) & (where < case.disputed.size)]
    where = where[case.disputed.ravel()[where] == 0]
    if not len(where):
        return None
    voxels = np.stack(np.unravel_index(where, case.disputed.shape), axis=1)
    nearest = voxels[np.linalg.norm(voxels - voxels.mean(axis=0), axis=1).argmin()]
    z, y, x = (int(v) for v in nearest)
    lps = case.geometry.lps_from_index((z, y, x)).tolist() if case.geometry.spacing_known else None
    return CorrectionRecord(
        n_voxels=len(where),
        index_zyx=(z, y, x),
        centre_lps_mm=None if lps is None else (lps[0], lps[1], lps[2]),
        by=entry.reader,
        at=entry.created,
    )
