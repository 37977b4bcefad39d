"""Handing on what a filter keeps: a data set, a data list or a split; complete or not there at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, safe_name, write_whole
from napari_aleatoric.model import ItemKey, Reporter, SilentReporter
from napari_aleatoric.review._exporting._files import program
from napari_aleatoric.review._exporting._folder import new_folder, replaceable
from napari_aleatoric.review._ranking._queue import build_queue
from napari_aleatoric.review._storage._store import ReviewStore

from ._files import CaseFilesWriter
from ._layouts import channel_names, decathlon_json, nnunet_json, split_of, value_gap_remark
from ._preview import FilterPreview
from ._reason import FilterReason
from ._run import preview_filter
from ._spec import FilterExportSpec

__all__ = ["FilterExportSummary", "export_filtered"]

_FORMAT = "napari-aleatoric filter"
_MANIFEST = "filter.json"


@dataclass(frozen=True)
class FilterExportSummary:
    """What an export of a filter holds.

    Parameters
    ----------
    destination : Path
        The folder.
    layout : str
        A key of `EXPORT_LAYOUTS`.
    n_kept, n_total : int
        Labels kept, of those that were asked for.
    n_corrected : int
        Kept labels whose present version is not the original.
    files : dict of str to int
        How many files are links ("link"), copies ("copy"), written anew ("written"), or named where they are
        ("named").
    sentence : str
        The same in one sentence.
    remarks : tuple of str
        What the user should know.
    """

    destination: Path
    layout: str
    n_kept: int
    n_total: int
    n_corrected: int
    files: dict[str, int]
    sentence: str
    remarks: tuple[str, ...] = ()


def export_filtered(
    workspace: Workspace, spec: FilterExportSpec, *, reporter: Reporter | None = None
) -> FilterExportSummary:
    """Write the labels that a filter keeps, as they stand now, with their images.

    The data set stays as and where it is. Files that are already what the layout wants become links or copies; a
    corrected label, a label that is several files or lies on its image in another axis order, a DICOM series and
    the like are written on exactly the grid of the image, label values as they are. ``filter.json`` says what was
    asked for, what was dropped and why.

    Parameters
    ----------
    workspace : Workspace
        What is filtered.
    spec : FilterExportSpec
        The filter, the folder and the layout.
    reporter : Reporter, optional
        Told about every label.

    Returns
    -------
    FilterExportSummary
        What was written.

    Raises
    ------
    WorkspaceError
        If the folder is not new, empty or replaceable, lies in the data set, or cannot be written.
    DataError
        If nothing is kept, a case has several labels, or a file cannot be handed on in this layout.
    Cancelled
        If the reporter was asked to stop. Whatever fails, nothing is left behind, and what was there before is
        unchanged.
    """
    report = reporter or SilentReporter()
    place = Path(spec.destination) if spec.destination else workspace.exports_dir / f"filtered-{spec.layout}"
    dest = replaceable(place, workspace, _MANIFEST, _FORMAT, replace=spec.replace)
    with ReviewStore.open(workspace.store_url) as store:
        store.follow(workspace)
        queue = build_queue(store, workspace.dataset.classes, reader=spec.filter.reader)
        preview = preview_filter(queue, spec.filter)
        kept = preview.kept
        _check(kept, preview)
        corrected = _corrected(store, kept)
        with new_folder(dest) as folder:
            if spec.layout == "split":
                files: Counter[str] = Counter()
                remarks = _write_split(workspace, preview, folder, spec, len(corrected))
            else:
                writer = CaseFilesWriter(workspace, store, folder, dest, spec, corrected, report)
                cases = writer.write(kept)
                files, remarks = writer.files, writer.remarks
                channels = channel_names(writer.source, spec.modality or writer.modality, writer.n_channels)
                classes = workspace.dataset.classes
                if spec.layout == "nnunet":
                    content = nnunet_json(cases, classes, writer.source, channels, writer.file_ending)
                    remarks += [value_gap_remark(classes), _channel_remark(channels)]
                else:
                    content = decathlon_json(cases, classes, writer.source, channels)
                write_whole(folder / "dataset.json", _json(content))
            written = sorted(
                p.relative_to(folder).as_posix()
                for p in folder.rglob("*")
                if (p.is_symlink() or p.is_file()) and not p.name.startswith(".")
            )
            told = {k: v for k, v in preview.to_json().items() if k != "spec"}
            manifest = {
                "format": _FORMAT,
                "format_version": 1,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "program": program(),
                "spec": spec.model_dump(mode="json", exclude={"destination"}),
                **told,
                "kept": [{"case": key.case_id, "label_reader": key.label_reader} for key in kept],
                "corrected": {str(key): version for key, version in corrected.items()},
                "files": written,
            }
            write_whole(folder / _MANIFEST, _json(manifest))
            report.step(len(kept), len(kept), "Exported")
    return FilterExportSummary(
        destination=dest,
        layout=spec.layout,
        n_kept=len(kept),
        n_total=preview.n_total,
        n_corrected=len(corrected),
        files=dict(files),
        sentence=_sentence(dest, len(kept), preview.n_total, files, len(corrected)),
        remarks=tuple(remark for remark in remarks if remark),
    )


def _sentence(dest: Path, n_kept: int, n_total: int, files: Counter[str], n_corrected: int) -> str:
    kinds = {"named": "named where they are", "link": "linked", "copy": "copied", "written": "written"}
    parts = [f"{n} files {kinds[kind]}" for kind, n in files.items() if n]
    how = f" ({', '.join(parts)})" if parts else ""
    return f"{n_kept} of {n_total} labels in {dest.name}{how}, {n_corrected} corrected."


def _check(kept: Sequence[ItemKey], preview: FilterPreview) -> None:
    if not kept:
        raise DataError(f"The filter keeps none of {preview.n_total} labels, so there is nothing to export.")
    if len({key.case_id for key in kept}) < len(kept):
        readers = sorted({key.label_reader for key in kept})
        raise DataError(
            f"Cases have labels by several readers ({', '.join(readers)}), and these layouts hold one label for "
            "each case. Say whose labels are wanted."
        )


def _corrected(store: ReviewStore, kept: Sequence[ItemKey]) -> dict[ItemKey, str]:
    """Id of the saved version that counts now, of the labels that have one."""
    current = store.correction_counts()
    found = ((key, current[key][0]) for key in kept if key in current)
    return {key: correction_id for key, correction_id in found if correction_id is not None}


def _write_split(
    workspace: Workspace, preview: FilterPreview, folder: Path, spec: FilterExportSpec, n_corrected: int
) -> list[str]:
    asked = [preview.columns.keys[i].case_id for i in np.flatnonzero(preview.asked).tolist()]
    patients = {safe_name(case): workspace.dataset.case(case).patient for case in asked}
    kept = [safe_name(key.case_id) for key in preview.kept]
    dropped = {safe_name(item.key.case_id): item.why for item in preview.dropped()}
    unusable = {name for name, why in dropped.items() if why is FilterReason.VERDICT}
    splits, remark = split_of(patients, set(kept), unusable, spec.folds)
    write_whole(folder / "splits_final.json", _json(splits))
    write_whole(folder / "kept.txt", "".join(f"{name}\n" for name in kept).encode())
    write_whole(folder / "dropped.txt", "".join(f"{name}\n" for name in sorted(dropped)).encode())
    remarks = [remark]
    if n_corrected:
        remarks.append(
            f"{n_corrected} kept labels were corrected, and a split only names cases: to learn from the "
            "corrections, write a data set as well."
        )
    return remarks


def _channel_remark(channels: dict[str, str]) -> str:
    if "image" not in channels.values():
        return ""
    return (
        "The kind of image is not known, so the channel is called 'image' and nnU-Net will normalise it by its own "
        "mean. For CT, name it CT (modality)."
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
