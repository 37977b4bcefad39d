"""One label read whole: what was said, what changed, what was measured, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import AleatoricError
from napari_aleatoric.io import Workspace, has_map, read_map
from napari_aleatoric.model import WHOLE_CASE, ItemKey, Volume
from napari_aleatoric.review._labels._corrections import current_label
from napari_aleatoric.review._labels._diff import LabelDiff, diff
from napari_aleatoric.review._ranking._queue import Queue, QueueRow
from napari_aleatoric.review._storage._correction_log import Correction
from napari_aleatoric.review._storage._decision_log import HistoryEntry
from napari_aleatoric.review._storage._prompt_use import prompt_words
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import MAPS, MEASURES, auv_of, label_risk

from ._pictures import Material, figures_of
from ._places import places_of
from ._record import Figure, LabelPage, MeasureLine, Row, Said, SavedVersion
from ._spec import ReportSpec

__all__ = ["measured", "page_of", "version_diff"]


def version_diff(ws: Workspace, store: ReviewStore, key: ItemKey) -> LabelDiff:
    """Compare the label of the data set with the version that counts now."""
    before = ws.load_label(*key, warn=False)
    return diff(before, current_label(ws, store, key, warn=False), ws.dataset.classes)


def page_of(
    ws: Workspace,
    store: ReviewStore,
    found: QueueRow,
    row: Row,
    measures: tuple[MeasureLine, ...],
    map_name: str,
    spec: ReportSpec,
) -> LabelPage:
    """Make the page of a label; where it cannot be read, one without pictures that says so.

    Parameters
    ----------
    ws, store
        Whose label.
    found : QueueRow
        As it stands in the queue.
    row : Row
        As it stands in the table.
    measures : tuple of MeasureLine
        What was measured.
    map_name : str
        Which voxel map is drawn.
    spec : ReportSpec
        What was chosen.
    """
    words = _kept if spec.comments else _left_out
    page = LabelPage(
        row=row,
        reason=found.reason,
        stale=found.stale,
        said=tuple(_said(entry, words) for entry in store.history(found.key) if _speaks(entry)),
        versions=tuple(_version(version, words) for version in store.corrections(found.key)),
        flags=tuple(flag.sentence for flag in store.flags(found.key)),
        measures=measures,
    )
    try:
        return _with_pictures(page, ws, store, found.key, map_name, spec)
    except (AleatoricError, OSError) as error:
        told = str(error) if spec.identifiers else "its image or label could not be read"
        return replace(page, remark=f"Without pictures and volumes: {told}")


def _with_pictures(
    page: LabelPage, ws: Workspace, store: ReviewStore, key: ItemKey, map_name: str, spec: ReportSpec
) -> LabelPage:
    image = ws.load_image(key.case_id).upright()
    before = ws.load_label(*key, warn=False).upright()
    after = current_label(ws, store, key, warn=False).upright()
    changes = diff(before, after, ws.dataset.classes)
    some = tuple(c for c in changes.classes if c.voxels_before or c.voxels_after)
    figures: tuple[Figure, ...] = ()
    if spec.places:
        heat = _heat(ws, key, map_name, image)
        material = Material(image, before.data, after.data, heat, "" if heat is None else MAPS[map_name].legend)
        spots = [spot for spot in store.hot_spots(key) if spot.map_name == map_name]
        places = places_of(before.data, after.data, spots, heat, ws.dataset.classes, spec.places)
        figures = figures_of(material, places, ws.dataset.classes)
    return replace(page, facts=_facts(image), classes=some, figures=figures)


def _heat(ws: Workspace, key: ItemKey, map_name: str, image: Volume) -> NDArray[np.uint8] | None:
    """Return the largest value over the classes of a map; None where there is none on the grid of the image."""
    if not has_map(ws, key, map_name):
        return None
    source = read_map(ws, key, map_name)
    if source.geometry.shape_zyx != image.geometry.shape_zyx:
        return None
    together: NDArray[np.uint8] | None = None
    for index in [c for c in source.class_indices if c != WHOLE_CASE] or list(source.class_indices):
        values = source.of(index)
        together = values.copy() if together is None else np.maximum(together, values, out=together)
    return together


def _facts(image: Volume) -> tuple[str, ...]:
    geometry = image.geometry
    z, y, x = geometry.shape_zyx
    size = f"{x} × {y}" if geometry.is_flat else f"{x} × {y} × {z}"
    facts = [f"{size} voxels{f', {image.modality}' if image.modality else ''}"]
    if geometry.spacing_known:
        dz, dy, dx = (f"{s:.3g}" for s in geometry.spacing_zyx_mm)
        facts.append(f"voxels of {dx} × {dy} × {dz} mm")
        if (tilt := geometry.obliquity_deg) >= 1 and not geometry.is_flat:
            facts.append(f"tilted by {tilt:.0f}° against the axes of the patient, letters are the nearest")
    else:
        facts.append("size of a voxel unknown: no millimetres, no millilitres")
    return tuple(facts)


def measured(queue: Queue) -> Callable[[ItemKey], tuple[MeasureLine, ...]]:
    """Return what tells the measures of a label: those of the window's short list that it has a value of."""
    table, n = queue.table, len(queue.classes)
    rows = {key: row for row, key in enumerate(table.keys)}
    columns = {}
    for name, about in MEASURES.items():
        if about.detail:
            continue
        of = {"label_risk": label_risk, "auv": auv_of}.get(name)
        if of is not None:
            columns[name] = [of(table, c) for c in range(n + 1)]
        elif about.stored:
            columns[name] = [table.column(name, c) for c in range(n + 1)]

    def lines(key: ItemKey) -> tuple[MeasureLine, ...]:
        row = rows.get(key)
        if row is None or queue.blind:
            return ()
        told = []
        for name, values in columns.items():
            whole, *by_class = (float(column[row]) for column in values)
            if not all(isnan(value) for value in (whole, *by_class)):
                about = MEASURES[name]
                told.append(
                    MeasureLine(
                        f"{about.title} ({about.unit})" if about.unit else about.title,
                        about.sentence,
                        whole,
                        tuple(by_class),
                    )
                )
        return tuple(told)

    return lines


def _speaks(entry: HistoryEntry) -> bool:
    return entry.undoes is None


def _said(entry: HistoryEntry, words: Callable[[str], str]) -> Said:
    what = "remark" if entry.verdict is None else entry.verdict.value
    return Said(entry.created, entry.reader, what, entry.quality, words(entry.comment), entry.undone)


def _version(version: Correction, words: Callable[[str], str]) -> SavedVersion:
    if version.is_original:
        how = "original brought back"
    elif version.machine:
        how = f"drawn by {version.machine}"
    elif version.prompts:
        how = f"with prompts: {prompt_words(version.prompts)}"
    else:
        how = "by hand"
    if version.restores:
        how += " (an earlier version brought back)"
    return SavedVersion(version.created, version.reader, how, words(version.comment))


def _kept(comment: str) -> str:
    return comment


def _left_out(comment: str) -> str:
    return "(a comment, left out)" if comment else ""
