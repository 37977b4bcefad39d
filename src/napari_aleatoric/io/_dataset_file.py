"""How a workspace writes down its data set, and how it notices that a file changed."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_aleatoric.errors import AleatoricError, WorkspaceError
from napari_aleatoric.model import CaseFiles, ClassTable, Dataset, LabelFiles, Problem

__all__ = ["dataset_from_json", "dataset_to_json", "fingerprint_of", "relative_root"]


def relative_root(dataset_root: Path, root: Path) -> str:
    """Return how a workspace names the folder of its data set: relative only below itself."""
    return dataset_root.relative_to(root).as_posix() if root in dataset_root.parents else str(dataset_root)


def fingerprint_of(paths: Iterable[Path]) -> str:
    """Return 32 hexadecimal digits of the sizes and dates of files (of a folder: those in it); reads none."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        try:
            found = path.stat()
            if stat.S_ISDIR(found.st_mode):
                files = sorted((p.name, p.stat()) for p in path.iterdir() if p.is_file())
            else:
                files = [(path.name, found)]
            for name, state in files:
                digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path.name}\0absent\n".encode())
    return digest.hexdigest()


def dataset_to_json(dataset: Dataset, root: Path) -> dict[str, Any]:
    """Plain values of a data set for the workspace at ``root``; files by their path below the data set."""
    start = dataset.root.as_posix().rstrip("/") + "/"

    def text(path: Path) -> str:
        return path.as_posix().removeprefix(start)

    cases = []
    for case in dataset.cases:
        labels = [
            {
                "reader": label.reader,
                "paths": [text(p) for p in label.paths],
                "label_values": list(label.label_values),
            }
            for label in case.labels
        ]
        entry: dict[str, Any] = {"case_id": case.case_id, "image": text(case.image), "labels": labels}
        entry |= {k: v for k, v in (("patient", case.patient), ("series_uid", case.series_uid)) if v}
        cases.append(entry)
    return {
        "root": relative_root(dataset.root, root),
        "layout": dataset.layout,
        "layout_sentence": dataset.layout_sentence,
        "classes": dataset.classes.to_json(),
        "readers": list(dataset.readers),
        "spacing_known": dataset.spacing_known,
        "resample_labels": dataset.resample_labels,
        "options": dict(dataset.options),
        "cases": cases,
        "problems": [{"case_id": p.case_id, "sentence": p.sentence} for p in dataset.problems],
    }


def dataset_from_json(value: dict[str, Any], root: Path) -> Dataset:
    """Rebuild from `dataset_to_json`; ``root`` is where the data set is now.

    Raises
    ------
    WorkspaceError
        If the values are not understood.
    """
    try:
        cases = tuple(
            CaseFiles(
                case_id=entry["case_id"],
                image=root / entry["image"],
                labels=tuple(
                    LabelFiles(one["reader"], tuple(root / p for p in one["paths"]), tuple(one["label_values"]))
                    for one in entry["labels"]
                ),
                patient=entry.get("patient", ""),
                series_uid=entry.get("series_uid", ""),
            )
            for entry in value["cases"]
        )
        return Dataset(
            root=root,
            layout=value["layout"],
            layout_sentence=value["layout_sentence"],
            classes=ClassTable.from_json(value["classes"]),
            cases=cases,
            readers=tuple(value["readers"]),
            problems=tuple(Problem(p["case_id"], p["sentence"]) for p in value["problems"]),
            spacing_known=value["spacing_known"],
            resample_labels=value["resample_labels"],
            options=value["options"],
        )
    except (KeyError, TypeError, ValueError, AleatoricError) as error:
        raise WorkspaceError(
            f"workspace.json is damaged: its part on the data set is not understood ({type(error).__name__}). "
            "Make a new workspace from the data set and move review.db and corrections/ into it."
        ) from error
