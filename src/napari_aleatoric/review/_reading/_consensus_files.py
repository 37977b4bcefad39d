"""Consensus label maps as files, on the grids of the images."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, safe_name, write_label_map, write_whole
from napari_aleatoric.model import ClassTable, LabelMap, Reporter, SilentReporter
from napari_aleatoric.review._exporting._files import program, sha256_of, suffix_for
from napari_aleatoric.review._exporting._folder import checked_destination, new_folder
from napari_aleatoric.review._scoring._case import ReadLabels
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import Consensus, ConsensusMethod, consensus

from ._cases import each_reading, names_of

__all__ = ["ConsensusSummary", "write_consensus"]


@dataclass(frozen=True)
class ConsensusSummary:
    """What was written.

    Parameters
    ----------
    destination : Path
        The folder.
    method : str
        How the label maps were made.
    n_cases, n_tie_voxels : int
        Label maps, and voxels in all of them that the method did not decide.
    refused : tuple of str
        What could not be read.
    """

    destination: Path
    method: ConsensusMethod
    n_cases: int
    n_tie_voxels: int
    refused: tuple[str, ...]


def write_consensus(
    ws: Workspace, dest: Path, method: ConsensusMethod = "vote", reporter: Reporter | None = None
) -> ConsensusSummary:
    """Write one label map of every case with two readers or more, made of the readers' labels as they stand now.

    The maps lie on exactly the grids of the images, with the label values of the data set (NIfTI; PNG for
    photographs). ``consensus.json`` says who drew each case, what stayed undecided, and what STAPLE found of every
    reader. The folder is complete or not there at all.

    Parameters
    ----------
    ws : Workspace
        Whose data set.
    dest : Path
        A new or empty folder outside of the data set.
    method : {"vote", "staple", "multilabel-staple"}
        See `uncertainty.consensus`.
    reporter : Reporter, optional
        Told about every case.

    Raises
    ------
    WorkspaceError
        If the folder is not empty, lies in the data set, or cannot be written.
    DataError
        If no case has two readers, or the method is not known.
    """
    consensus(np.zeros((1, 1, 1, 1), np.uint8), method)  # an unknown method is refused before any work
    dest = checked_destination(Path(dest), ws)
    entries: list[dict[str, Any]] = []
    refused: list[str] = []
    with ReviewStore.open(ws.store_url) as store, new_folder(dest) as folder:
        store.follow(ws)
        for _, case in each_reading(ws, store, refused, reporter or SilentReporter(), at_least=2):
            entries.append(_write(ws, folder, case, method))
        if not entries:
            raise DataError(f"No case with two readers could be read: {refused[0] if refused else ''}".rstrip(": "))
        manifest = {
            "format": "napari-aleatoric consensus",
            "format_version": 1,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "program": program(),
            "method": method,
            "class_names": {str(v): name for v, name in ws.dataset.classes.names.items()},
            "spacing_known": ws.dataset.spacing_known,
            "cases": entries,
        }
        write_whole(folder / "consensus.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    ties = sum(int(entry["tie_voxels"]) for entry in entries)
    return ConsensusSummary(dest, method, len(entries), ties, tuple(refused))


def _write(ws: Workspace, folder: Path, case: ReadLabels, method: ConsensusMethod) -> dict[str, Any]:
    classes = ws.dataset.classes
    found = consensus(case.labels, method, n_rows=classes.n_rows, probabilities=False)
    values = np.array([0, *(info.label_value for info in classes)], dtype=np.int64)
    smallest = np.result_type(np.min_scalar_type(int(values.min())), np.min_scalar_type(int(values.max())))
    grid = ws.grid(case.case_id)
    stored = grid.upright_reorientation().inverse().apply(values.astype(smallest)[found.label])
    path = folder / f"{safe_name(case.case_id)}{suffix_for(stored.dtype, grid)}"
    write_label_map(path, LabelMap(np.ascontiguousarray(stored), grid))
    return {
        "case": case.case_id,
        "file": path.name,
        "sha256": sha256_of(path),
        "readers": list(names_of(case)),
        "tie_voxels": int(found.ties.sum()),
        "skills": _skills(found, names_of(case), classes),
    }


def _skills(found: Consensus, names: tuple[str, ...], classes: ClassTable) -> list[dict[str, Any]]:
    return [
        {
            "reader": names[skill.reader],
            "class": classes.name_of(skill.class_index),
            "sensitivity": _number(skill.sensitivity),
            "specificity": _number(skill.specificity),
        }
        for skill in found.skills
    ]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
