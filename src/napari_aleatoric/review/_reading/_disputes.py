"""Where the readers of a data set differ, as a list to sit down with."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from pydantic import BaseModel, ConfigDict

from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.review._scoring._case import LoadedCase
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import classes_in, disputed_regions

from ._cases import cut_out, each_reading, names_of

__all__ = ["Dispute", "list_disputes"]


class Dispute(BaseModel):
    """Connected voxels that some readers of a case gave to a structure and others did not.

    ``index_zyx`` is a voxel of the region, on the upright grid that the viewer shows (z towards the head, y to the
    back, x to the left). ``centre_lps_mm`` is the same place as (x, y, z) in the patient, LPS: x grows to the left,
    y to the back, z to the head; None, as ``volume_mm3``, where the size of a voxel is not known. ``shares`` is the
    part of the region that each reader gave to the structure; a reader with more than half of it is for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: str
    class_name: str
    n_voxels: int
    volume_mm3: float | None
    index_zyx: tuple[int, int, int]
    centre_lps_mm: tuple[float, float, float] | None
    readers_for: tuple[str, ...]
    readers_against: tuple[str, ...]
    shares: dict[str, float]


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
        one nearer to the middle of its structure first.
    list of str
        What could not be read.
    """
    found: list[tuple[float, Dispute]] = []
    refused: list[str] = []
    with ReviewStore.open(ws.store_url) as store:
        store.sync_items(ws.dataset.items, ws.fingerprints())
        for _, case in each_reading(ws, store, refused, reporter or SilentReporter(), at_least=2, only=cases):
            found += _of_case(ws, case, at_least)
    known = all(d.volume_mm3 is not None for _, d in found)

    def place(entry: tuple[float, Dispute]) -> tuple[float, float, str, tuple[int, int, int]]:
        from_centre, dispute = entry
        size = dispute.volume_mm3 if known and dispute.volume_mm3 is not None else float(dispute.n_voxels)
        return -round(size, 6), from_centre, dispute.case_id, dispute.index_zyx

    return [dispute for _, dispute in sorted(found, key=place)], refused


def _of_case(ws: Workspace, case: LoadedCase, at_least: int) -> list[tuple[float, Dispute]]:
    geometry = case.geometry
    known = geometry.spacing_known
    spacing = geometry.spacing_zyx_mm if known else (1.0, 1.0, 1.0)
    cut = cut_out(case.labels, 1)
    names = names_of(case)
    found = []
    for c in [c for c in classes_in(cut.labels) if c]:
        masks = [label == c for label in cut.labels]
        for region in disputed_regions(masks, spacing, at_least=at_least):
            z, y, x = (int(v) for v in np.add(region.centre_zyx, cut.start_zyx))
            lps = geometry.lps_from_index((z, y, x)).tolist()
            dispute = Dispute(
                case_id=case.case_id,
                class_name=ws.dataset.classes.name_of(c),
                n_voxels=region.n_voxels,
                volume_mm3=region.n_voxels * geometry.voxel_volume_ml * 1000.0 if known else None,
                index_zyx=(z, y, x),
                centre_lps_mm=(lps[0], lps[1], lps[2]) if known else None,
                readers_for=tuple(names[r] for r in region.for_it),
                readers_against=tuple(names[r] for r in region.against_it),
                shares=dict(zip(names, region.shares, strict=True)),
            )
            found.append((region.from_centre, dispute))
    return found
