"""The verb ``readers adjudication``: how the label of a case came about where its readers differed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._terminal import print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.review import AdjudicationRecord, RegionRecord

__all__ = ["adjudication"]


def adjudication(
    workspace: Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")],
    case: Annotated[str, typer.Argument(help="Id of the case.", metavar="CASE")],
    name: Annotated[str, typer.Option("--name", help="Only outcomes saved under this name.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Earlier outcomes, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Say region by region what was chosen where the readers of a case differed, by whom and when."""
    from napari_aleatoric.io import Workspace
    from napari_aleatoric.review import ReviewStore, adjudication_records

    opened = Workspace.open(workspace)
    opened.dataset.case(case)
    with ReviewStore.open(opened.store_url) as store:
        records = adjudication_records(store, case, name or None)
    shown = records if everything else records[-1:]
    if as_json:
        print_json({"case": case, "adjudications": [r.model_dump(mode="json") for r in shown]})
        return
    for record in shown:
        _print(record)


def _print(record: AdjudicationRecord) -> None:
    begun = (
        f"the label of {record.start_reader}" if record.start == "reader" else f"the consensus by {record.start}"
    )
    print_line(
        f"{record.case_id}: {len(record.regions)} regions of {', '.join(record.readers)}; saved as {record.name} "
        f"by {record.finished_by}, {record.finished_at:%Y-%m-%d %H:%M} UTC, begun with {begun}. "
        f"{record.n_open} open."
    )
    print_table(
        ["region", "in question", "voxels", "mm³", "centre x, y, z (LPS mm)", "taken", "by", "at (UTC)"],
        [_region(region) for region in record.regions],
        right=(2, 3),
    )
    for correction in record.corrections:
        where = ", ".join(str(v) for v in correction.index_zyx)
        print_line(
            f"Painted beside all regions by {correction.by}: {correction.n_voxels} voxels near voxel {where} "
            "(z, y, x)."
        )


def _region(region: RegionRecord) -> tuple[str, ...]:
    return (
        region.region_id,
        ", ".join(region.class_names),
        str(region.n_voxels),
        "–" if region.volume_mm3 is None else f"{region.volume_mm3:.0f}",
        "–" if region.centre_lps_mm is None else ", ".join(f"{v:.1f}" for v in region.centre_lps_mm),
        region.chosen if region.choice == "reader" else f"{region.choice} {region.chosen}".strip(),
        region.by or "–",
        "–" if region.at is None else f"{region.at:%Y-%m-%d %H:%M}",
    )
