"""Handing the reviewed labels on: a folder that stands by itself, complete or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import DataError, NotFoundError, WorkspaceError
from napari_aleatoric.io import Workspace, item_folder_name, safe_name, write_label_map, write_volume, write_whole
from napari_aleatoric.model import (
    Geometry,
    ItemKey,
    LabelMap,
    Reporter,
    SilentReporter,
    Verdict,
    Volume,
)

from ._corrections import current_label, label_hash
from ._decision_log import STATUSES
from ._export_tables import decision_tables, how_drawn, score_table, version_tables
from ._queue import build_queue
from ._store import ReviewStore

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
    dest = _checked(Path(dest), workspace)
    store.sync_items(workspace.dataset.items, workspace.fingerprints())
    queue = build_queue(store, workspace.dataset.classes)
    status_of = {row.key: row.status for row in queue}
    chosen = [key for key in workspace.dataset.items if status_of[key] in wanted]
    if not chosen:
        raise DataError(
            f"There is nothing to export: none of the {len(status_of)} labels is {' or '.join(sorted(wanted))}."
        )
    with _new_folder(dest) as folder:
        entries = _write_cases(workspace, store, folder, chosen, status_of, report)
        decisions = list(store.decisions())
        tables = {
            **decision_tables(decisions),
            **version_tables(store.all_corrections()),
            **score_table(queue),
        }
        for name, content in tables.items():
            write_whole(folder / name, content)
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        manifest = {
            "format": _FORMAT,
            "format_version": 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "program": _program(),
            "class_names": {str(v): name for v, name in workspace.dataset.classes.names.items()},
            "spacing_known": workspace.dataset.spacing_known,
            "cases": entries,
            "sha256": {p.relative_to(folder).as_posix(): _sha256(p) for p in files},
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


def _checked(dest: Path, workspace: Workspace) -> Path:
    dest = dest.resolve()
    data = workspace.dataset_root
    if dest == data or data in dest.parents:
        raise WorkspaceError(f"The folder {dest.name} lies in the data set, which is never written to.")
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise WorkspaceError(
            f"An export needs a new or empty folder, and {dest.name} holds something. Choose another name; "
            "nothing was changed."
        )
    return dest


@contextmanager
def _new_folder(dest: Path) -> Iterator[Path]:
    """Give a folder beside ``dest`` that takes its place when the block succeeds and vanishes when it does not."""
    partial = dest.with_name(f".{dest.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        if dest.exists():
            dest.rmdir()
        partial.rename(dest)
        _flush_folder(dest.parent)
    except OSError as error:
        raise WorkspaceError(
            f"The export to {dest.name} could not be written ({error.strerror or type(error).__name__}); nothing "
            "of it was kept. Check free space and permissions."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        if key.case_id not in images:
            image = workspace.load_image(key.case_id)
            images[key.case_id] = f"images/{safe_name(key.case_id)}{_suffix(image.data.dtype, image.geometry)}"
            write_volume(folder / images[key.case_id], Volume(image.data, image.geometry))
        label = current_label(workspace, store, key)
        name = safe_name(key.case_id) + (f"__{item_folder_name(key)}" if key.label_reader else "")
        path = f"labels/{name}{_suffix(np.min_scalar_type(int(label.data.max(initial=0))), label.geometry)}"
        write_label_map(folder / path, LabelMap(label.data, label.geometry))
        version = store.latest_correction(key)
        entries.append(
            {
                "case": key.case_id,
                "reader": key.label_reader,
                "image": images[key.case_id],
                "label": path,
                "status": status_of[key],
                "label_version": None if version is None or version.is_original else version.correction_id,
                "label_hash": label_hash(label),
                **how_drawn(version),
            }
        )
    return entries


def _suffix(dtype: np.dtype[Any], geometry: Geometry) -> str:
    """Choose PNG for photographs, NIfTI for everything that has a place in a patient."""
    is_picture = geometry.is_flat and not geometry.spacing_known
    return ".png" if is_picture and dtype in (np.dtype(np.uint8), np.dtype(np.uint16)) else ".nii.gz"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _program() -> str:
    from napari_aleatoric import __version__

    return f"napari-aleatoric {__version__}"
