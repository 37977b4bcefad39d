"""The verb ``regions``: where the map of a label is hot, and what was said of each place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._reader_study import as_reader_sees
from ._terminal import print_json, print_line, print_table

if TYPE_CHECKING:
    from napari_aleatoric.model import ClassTable, ItemKey
    from napari_aleatoric.review import ReviewedRegions

__all__ = ["regions"]


def regions(
    workspace: Annotated[Path, typer.Argument(help="Folder made by 'aleatoric init'.", metavar="WORKSPACE")],
    case: Annotated[list[str] | None, typer.Option("--case", help="This case; may be repeated.")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.0, max=1.0, help="Map values below belong to no region.")
    ] = 0.25,
    map_name: Annotated[str, typer.Option("--map", help="Which voxel map.")] = "label_risk",
    is_open: Annotated[bool, typer.Option("--open", help="Only those that nobody has settled.")] = False,
    reader: Annotated[str, typer.Option("--reader", help="As this reader may see it.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """List the hot regions of the labels' maps, the heaviest of each label first, and what was said of them."""
    from napari_aleatoric.errors import NotFoundError
    from napari_aleatoric.io import Workspace, has_map
    from napari_aleatoric.review import RegionSpec, ReviewStore, list_regions

    opened = as_reader_sees(Workspace.open(workspace), reader)
    for case_id in case or ():
        opened.dataset.case(case_id)
    items = [k for k in opened.dataset.items if (not case or k.case_id in case) and not opened.hides(k.case_id)]
    keys = [key for key in items if has_map(opened, key, map_name)]
    if not keys:
        raise NotFoundError(f"None of these labels has a map '{map_name}'. Score them first.")
    spec = RegionSpec(map_name=map_name, threshold=threshold)
    with ReviewStore.open(opened.store_url) as store:
        found = {key: list_regions(opened, store, key, spec) for key in keys}
    classes = opened.dataset.classes
    rows = {key: _rows(listed, classes, is_open) for key, listed in found.items()}
    if as_json:
        about = {"map": map_name, "threshold": threshold, "not_scored": [str(k) for k in items if k not in found]}
        print_json({**about, "items": [_item(key, found[key], rows[key]) for key in keys]})
        return
    print_table(
        ["case", "#", "class", "place", "size", "heat mean – top", "state"],
        [(str(key), *_cells(row)) for key in keys for row in rows[key]],
        right=(1, 4),
    )
    n, left = sum(len(r.regions) for r in found.values()), sum(r.n_open for r in found.values())
    smaller = sum(r.found.n_smaller for r in found.values())
    print_line(f"{left} of {n} regions left" + (f"; {smaller} smaller ones are not listed." if smaller else "."))


def _rows(listed: ReviewedRegions, classes: ClassTable, is_open: bool) -> list[dict[str, Any]]:
    from napari_aleatoric.uncertainty import side_in_words

    known = listed.geometry.spacing_known
    rows = []
    for number, (region, settled) in enumerate(zip(listed.regions, listed.settled, strict=True), start=1):
        if is_open and settled is not None:
            continue
        rows.append(
            {
                "number": number,
                "class_index": region.class_index,
                "class_name": classes.name_of(region.class_index),
                "first_slice": region.slices[0] + 1,
                "last_slice": region.slices[1] + 1,
                "place": side_in_words(region.centre_zyx, listed.geometry),
                "n_voxels": region.n_voxels,
                "volume_ml": region.n_voxels * listed.geometry.voxel_volume_ml if known else None,
                "mass": region.mass,
                "mean": region.mean,
                "top": region.top,
                "state": "open" if settled is None else settled.entry.kind,
                "by": "" if settled is None else settled.entry.reader,
                "digest": region.digest,
            }
        )
    return rows


def _item(key: ItemKey, listed: ReviewedRegions, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "case": key.case_id,
        "reader": key.label_reader,
        "mass_unit": "ml" if listed.geometry.spacing_known else "voxels",
        "left": listed.n_open,
        "smaller": listed.found.n_smaller,
        "smaller_mass": listed.found.smaller_mass,
        "regions": rows,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    first, last = row["first_slice"], row["last_slice"]
    slices = f"slice {first}" if first == last else f"slices {first}–{last}"
    size = f"{row['n_voxels']:,} voxels" if row["volume_ml"] is None else f"{row['volume_ml']:.3g} ml"
    return (
        str(row["number"]),
        row["class_name"],
        f"{slices}, {row['place']}" if row["place"] else slices,
        size,
        f"{row['mean']:.2f} – {row['top']:.2f}",
        f"{row['state']} ({row['by']})" if row["by"] else row["state"],
    )
