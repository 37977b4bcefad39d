"""The answers of a case's readers as they stand now, read for an adjudication."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import Workspace, on_image_grid, read_label_map, safe_name
from napari_aleatoric.model import CaseFiles, Reporter, SilentReporter
from napari_aleatoric.review._retraining._registry import find_model, prediction_folder
from napari_aleatoric.review._scoring._case import UNREADABLE, CaseReader, reason_in_words
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.review._study._blindness import hidden_cases

from ._case import CaseToDecide, make_case
from ._fold import ADJUDICATED, fold_choices

__all__ = ["CaseDifferences", "list_differences", "machine_answer", "read_case", "versions_of"]


class CaseDifferences(NamedTuple):
    """How far the adjudication of a case is.

    ``volume_mm3`` is None where the size of a voxel is not known; ``is_finished`` says that a label was saved.
    """

    case_id: str
    readers: tuple[str, ...]
    n_regions: int
    n_decided: int
    n_voxels: int
    volume_mm3: float | None
    is_finished: bool


def read_case(ws: Workspace, store: ReviewStore, case_id: str, *, machine: bool = True) -> CaseToDecide:
    """Read what the readers of a case say now, and find where they differ.

    Labels that came of an adjudication are no reader's own and are left out.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    case_id : str
        Which case.
    machine : bool
        Whether to read what the model in use says, where that is kept.

    Raises
    ------
    DataError
        If fewer than two readers have a label that can be read.
    """
    ws = ws.whole  # open readings, which only their readers see, do not count
    outcomes = store.adjudications.names().get(case_id, frozenset())
    files = _without(ws.dataset.case(case_id), outcomes)
    counts = store.correction_counts()
    reader = CaseReader(ws, store, {key: found for key, (found, _) in counts.items() if found is not None})
    if not files.labels:
        raise DataError(f"{case_id} has no label of a reader.")
    found = reader.read_labels(files)
    names = tuple(name or "label" for name in found.readers)
    answer = machine_answer(ws, case_id) if machine else None
    return make_case(case_id, found.geometry, names, found.labels, answer)


def versions_of(store: ReviewStore, case_id: str) -> dict[str, str]:
    """Return the label version that counts now of every corrected label of a case, by reader."""
    counts = store.correction_counts()
    return {key.label_reader: found for key, (found, _) in counts.items() if key.case_id == case_id and found}


def machine_answer(ws: Workspace, case_id: str) -> tuple[str, NDArray[np.uint16]] | None:
    """Return the model in use and the class indices it gives a case, upright; None where none are kept."""
    try:
        record = find_model(ws)
        path = prediction_folder(ws, record.model_id) / f"{safe_name(case_id)}.nii.gz"
        if not path.is_file():
            return None
        label = on_image_grid(read_label_map(path), ws.grid(case_id), name="The model's answer").upright()
    except NotFoundError:
        return None
    except UNREADABLE:  # another grid, or damaged: not offered
        return None
    return record.model_id, ws.dataset.classes.index_map(label.data)


def list_differences(
    ws: Workspace,
    store: ReviewStore,
    refused: list[str],
    *,
    name: str = ADJUDICATED,
    by: str = "",
    only: Collection[str] = (),
    reporter: Reporter | None = None,
) -> Iterator[CaseDifferences]:
    """Look through the cases that several readers drew, one after the other.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    refused : list of str
        Takes a sentence for every case that could not be read.
    name : str
        Under which name adjudications are saved.
    by : str
        Who looks: cases that this reader is to read blinded and has not answered are left out.
    only : collection of str
        These cases; all if empty.
    reporter : Reporter, optional
        Told about every case.
    """
    report = reporter or SilentReporter()
    outcomes, hidden = store.adjudications.names(), hidden_cases(store, by) if by else frozenset()
    cases = [
        case
        for case in ws.whole.dataset.cases
        if len(_without(case, outcomes.get(case.case_id, frozenset())).labels) >= 2
        and (not only or case.case_id in only)
        and case.case_id not in hidden
    ]
    for done, files in enumerate(cases):
        report.step(done, len(cases), f"Reading {files.case_id}")
        try:
            case = read_case(ws, store, files.case_id, machine=False)
        except UNREADABLE as error:
            refused.append(f"{files.case_id}: {reason_in_words(error)}")
            continue
        yield describe_case(case, store, name)
    report.step(len(cases), len(cases), "Read")


def describe_case(case: CaseToDecide, store: ReviewStore, name: str = ADJUDICATED) -> CaseDifferences:
    """Say how far a case is."""
    choices = fold_choices(store.adjudications.of(case.case_id, name))
    n_voxels = sum(region.n_voxels for region in case.regions)
    known = case.geometry.spacing_known
    return CaseDifferences(
        case.case_id,
        case.readers,
        len(case.regions),
        len(case.regions) - len(choices.open_rows(case)),
        n_voxels,
        n_voxels * case.geometry.voxel_volume_ml * 1000.0 if known else None,
        bool(store.adjudications.outcomes(case.case_id, name)),
    )


def _without(case: CaseFiles, names: Collection[str]) -> CaseFiles:
    return replace(case, labels=tuple(label for label in case.labels if label.reader not in names))
