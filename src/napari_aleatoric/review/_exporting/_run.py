"""Handing the reviewed labels on: a folder that stands by itself, complete or not there at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace, item_folder_name, safe_name, write_whole
from napari_aleatoric.model import ItemKey, Reporter, SilentReporter, Verdict
from napari_aleatoric.review._labels._corrections import label_hash
from napari_aleatoric.review._ranking._queue import build_queue
from napari_aleatoric.review._storage._decision_log import STATUSES
from napari_aleatoric.review._storage._store import ReviewStore

from ._files import program, sha256_of
from ._folder import checked_destination, new_folder
from ._items import write_image, write_label
from ._tables import decision_tables, how_drawn, score_table, version_tables

__all__ = ["EXPORTED_BY_DEFAULT", "ExportSummary", "export_reviewed"]

EXPORTED_BY_DEFAULT = tuple(s for s in STATUSES if s not in (Verdict.REJECTED.value, Verdict.EXCLUDED.value))
"""Labels that a reader found unusable, or took out of the data set, stay behind."""

_FORMAT = "napari-aleatoric export"


@dataclass(frozen=True)
class ExportSummary:
    """What an export holds.

    Parameters
    ----------
    destination : Path
        The folder.
    n_cases, n_labels, n_corrected, n_decisions : int
        Images, labels, labels that differ in version from the original, and entries of the log.
    by_status : dict of str to int
        Labels in it by status.
    left_out : dict of str to int
        Labels not in it by status.
    """

    destination: Path
    n_cases: int
    n_labels: int
    n_corrected: int
    n_decisions: int
    by_status: dict[str, int]
    left_out: dict[str, int]


def export_reviewed(
    workspace: Workspace,
    store: ReviewStore,
    dest: Path,
    *,
    statuses: Collection[str] | None = None,
    reporter: Reporter | None = None,
) -> ExportSummary:
    """Write labels as they stand now, their images, all decisions and all scores into a folder.

    The folder opens again as a data set. It holds voxels and case ids; no file name or header field of the data
    set is taken along.

    ======================= ==================================================================================
    ``manifest.json``       cases with image, label, label reader, status, label version and how it was drawn;
                            class names; SHA-256 of every file
    ``images/``, ``labels/`` on the original grids (NIfTI; PNG for photographs)
    ``decisions.json|csv``  the whole log, undone entries marked
    ``versions.json|csv``   every saved label version: who, when, and which models drew in it
    ``scores.csv``          one row for each item, worst first
    ======================= ==================================================================================

    Parameters
    ----------
    workspace : Workspace
        What is exported.
    store : ReviewStore
        The store of that workspace.
    dest : Path
        A new or empty folder outside of the data set.
    statuses : collection of str, optional
        Labels of which status go along; by default all but rejected and excluded ones, `EXPORTED_BY_DEFAULT`.
    reporter : Reporter, optional
        Told about every label.

    Raises
    ------
    WorkspaceError
        If the folder is not empty, lies in the data set, or cannot be written; nothing is left behind.
    DataError
        If no label has such a status, or a label cannot be read; nothing is left behind.
    """
    report = reporter or SilentReporter()
    wanted = _wanted(statuses)
    dest = checked_destination(Path(dest), workspace)
    store.follow(workspace)
    queue = build_queue(store, workspace.dataset.classes)
    status_of = {row.key: row.status for row in queue}
    chosen = [key for key in workspace.dataset.items if status_of[key] in wanted]
    if not chosen:
        raise DataError(
            f"There is nothing to export: none of the {len(status_of)} labels is {' or '.join(sorted(wanted))}."
        )
    with new_folder(dest) as folder:
        entries = _write_cases(workspace, store, folder, chosen, status_of, report)
        decisions = list(store.decisions())
        tables = {
            **decision_tables(decisions),
            **version_tables(store.all_corrections()),
            **score_table(queue),
        }
        for name, content in tables.items():
            write_whole(folder / name, content)
        files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        manifest = {
            "format": _FORMAT,
            "format_version": 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "program": program(),
            "class_names": {str(v): name for v, name in workspace.dataset.classes.names.items()},
            "spacing_known": workspace.dataset.spacing_known,
            "cases": entries,
            "sha256": {p.relative_to(folder).as_posix(): sha256_of(p) for p in files},
        }
        write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode())
        report.step(len(chosen), len(chosen), "Exported")
    return ExportSummary(
        destination=dest,
        n_cases=len({key.case_id for key in chosen}),
        n_labels=len(chosen),
        n_corrected=sum(1 for entry in entries if entry["label_version"]),
        n_decisions=len(decisions),
        by_status=dict(Counter(status_of[key] for key in chosen)),
        left_out=dict(Counter(s for s in status_of.values() if s not in wanted)),
    )


def _wanted(statuses: Collection[str] | None) -> set[str]:
    wanted = set(EXPORTED_BY_DEFAULT if statuses is None else statuses)
    if unknown := sorted(wanted - set(STATUSES)):
        raise NotFoundError(f"There is no status '{unknown[0]}'. Known: {', '.join(STATUSES)}.")
    return wanted


def _write_cases(
    workspace: Workspace,
    store: ReviewStore,
    folder: Path,
    keys: Sequence[ItemKey],
    status_of: dict[ItemKey, str],
    report: Reporter,
) -> list[dict[str, Any]]:
    """Write images and labels, and return the manifest's entries."""
    entries: list[dict[str, Any]] = []
    images: dict[str, str] = {}
    for done, key in enumerate(keys):
        report.step(done, len(keys), f"Writing {key}")
        name = safe_name(key.case_id)
        if key.case_id not in images:
            image_path, _ = write_image(workspace, key.case_id, folder / "images" / name)
            images[key.case_id] = image_path.relative_to(folder).as_posix()
        name += f"__{item_folder_name(key)}" if key.label_reader else ""
        label_path, label = write_label(workspace, store, key, folder / "labels" / name)
        version = store.latest_correction(key)
        entries.append(
            {
                "case": key.case_id,
                "reader": key.label_reader,
                "image": images[key.case_id],
                "label": label_path.relative_to(folder).as_posix(),
                "status": status_of[key],
                "label_version": None if version is None or version.is_original else version.correction_id,
                "label_hash": label_hash(label),
                **how_drawn(version),
            }
        )
    return entries
