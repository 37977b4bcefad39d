"""Where the readers of a data set differ, as a list to sit down with."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import BaseModel, ConfigDict

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ClassTable, Geometry, Reporter, SilentReporter
from napari_aleatoric.review._scoring._case import ReadLabels
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import DisputedRegion, disputed_regions

from ._cases import cut_out, each_reading, names_of

__all__ = ["Dispute", "describe_region", "list_disputes"]


class Dispute(BaseModel):
    """Connected voxels on which the readers of a case differ, to be decided as one.

    ``index_zyx`` is a voxel of the region, on the upright grid that the viewer shows (z towards the head, y to the
    back, x to the left). ``centre_lps_mm`` is the same place as (x, y, z) in the patient, LPS: x grows to the left,
    y to the back, z to the head; None, as ``volume_mm3``, where the size of a voxel is not known. ``class_names``
    are the structures in question, ``answers`` what each reader gave most of the region to ("" = none of them), and
    ``shares`` the part of it that each gave to each structure. ``region_id`` hangs on every reader's answer in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: str
    region_id: str
    class_names: tuple[str, ...]
    n_voxels: int
    volume_mm3: float | None
    index_zyx: tuple[int, int, int]
    centre_lps_mm: tuple[float, float, float] | None
    answers: dict[str, str]
    shares: dict[str, dict[str, float]]

    @property
    def sides(self) -> dict[str, tuple[str, ...]]:
        """Who says what, the structures first, "none" of them last."""
        said = {
            name: tuple(r for r, answer in self.answers.items() if answer == name)
            for name in (*self.class_names, "")
        }
        return {name or "none": readers for name, readers in said.items() if readers}


def list_disputes(
    ws: Workspace,
    *,
    cases: Collection[str] = (),
    at_least: int = 1,
    reporter: Reporter | None = None,
) -> tuple[list[Dispute], list[str]]:
    """List the connected regions in which readers differ, of all cases together.

    Parameters
    ----------
    ws : Workspace
        Whose data set.
    cases : collection of str
        These only; all if empty.
    at_least : int
        Fewest voxels of a region.
    reporter : Reporter, optional
        Told about every case.

    Returns
    -------
    list of Dispute
        Largest first, in mm³ where the size of a voxel is known in all cases, else in voxels; of equal size, the
        one nearer to the middle of its structures first.
    list of str
        What could not be read.
    """
    found: list[tuple[float, Dispute]] = []
    refused: list[str] = []
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        for _, case in each_reading(ws, store, refused, reporter or SilentReporter(), at_least=2, only=cases):
            outcomes = store.adjudications.names().get(case.case_id, frozenset())
            found += _of_case(ws, case, at_least, outcomes)
    known = all(d.volume_mm3 is not None for _, d in found)

    def place(entry: tuple[float, Dispute]) -> tuple[float, float, str, tuple[int, int, int]]:
        from_centre, dispute = entry
        size = dispute.volume_mm3 if known and dispute.volume_mm3 is not None else float(dispute.n_voxels)
        return -round(size, 6), from_centre, dispute.case_id, dispute.index_zyx

    return [dispute for _, dispute in sorted(found, key=place)], refused


def _of_case(
    ws: Workspace, case: ReadLabels, at_least: int, outcomes: Collection[str]
) -> list[tuple[float, Dispute]]:
    """Find the regions of a case; labels that came of an adjudication are no reader's own."""
    geometry = case.geometry
    mine = [row for row, name in enumerate(case.readers) if name not in outcomes]
    names = tuple(names_of(case)[row] for row in mine)
    cut = cut_out(case.labels[mine], 1)
    spacing = geometry.spacing_zyx_mm if geometry.spacing_known else (1.0, 1.0, 1.0)
    found = []
    for region in disputed_regions(cut.labels, spacing, at_least=at_least):
        moved = region.moved(cut.start_zyx)
        found.append(
            (region.from_centre, describe_region(case.case_id, moved, names, geometry, ws.dataset.classes))
        )
    return found


def describe_region(
    case_id: str, region: DisputedRegion, readers: Sequence[str], geometry: Geometry, classes: ClassTable
) -> Dispute:
    """Say in the terms of the patient what a region on the upright grid of a case is.

    Parameters
    ----------
    case_id : str
        Whose.
    region : DisputedRegion
        On the upright grid.
    readers : sequence of str
        Names of its readers, in order.
    geometry : Geometry
        The upright grid.
    classes : ClassTable
        Names of the structures.
    """
    known = geometry.spacing_known
    lps = geometry.lps_from_index(region.centre_zyx).tolist()
    in_question = region.classes
    shares = {c: region.shares(c) for c in in_question}
    return Dispute(
        case_id=case_id,
        region_id=region.digest(readers),
        class_names=tuple(classes.name_of(c) for c in in_question),
        n_voxels=region.n_voxels,
        volume_mm3=region.n_voxels * geometry.voxel_volume_ml * 1000.0 if known else None,
        index_zyx=region.centre_zyx,
        centre_lps_mm=(lps[0], lps[1], lps[2]) if known else None,
        answers={r: classes.name_of(c) if c else "" for r, c in zip(readers, region.chosen, strict=True)},
        shares={r: {classes.name_of(c): shares[c][i] for c in in_question} for i, r in enumerate(readers)},
    )
