"""Cases with their readers' labels, one after the other, as their labels stand now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace, readings
from napari_aleatoric.model import CaseFiles, Reporter
from napari_aleatoric.review._scoring._case import (
    UNREADABLE,
    CaseReader,
    ReadLabels,
    own_labels,
    reason_in_words,
)
from napari_aleatoric.review._storage._store import ReviewStore

__all__ = ["Cut", "cut_out", "each_reading", "names_of"]


class Cut(NamedTuple):
    """The part of a case in which anybody drew anything, with a margin.

    ``labels`` has the shape (R, z, y, x); ``start_zyx`` is its first voxel on the upright grid.
    """

    labels: NDArray[np.uint16]
    start_zyx: tuple[int, int, int]


def cut_out(labels: NDArray[np.uint16], margin: int) -> Cut:
    """Cut away what nobody drew in, but for a margin in voxels; an empty case keeps one voxel's width of it."""
    drawn: NDArray[np.bool_] = np.asarray(labels.any(axis=0))
    start, box = [], []
    for axis in range(3):
        where = np.flatnonzero(drawn.any(axis=tuple(a for a in range(3) if a != axis)))
        low, high = (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 1)
        start.append(max(0, low - margin))
        box.append(slice(start[-1], high + margin))
    return Cut(labels[:, box[0], box[1], box[2]], (start[0], start[1], start[2]))


def names_of(case: ReadLabels) -> tuple[str, ...]:
    """Readers of a case; the one who has no name is called "label"."""
    return tuple(reader or "label" for reader in case.readers)


def each_reading(
    ws: Workspace,
    store: ReviewStore,
    refused: list[str],
    report: Reporter,
    *,
    at_least: int = 1,
    only: Collection[str] = (),
    answers: Literal["first", "latest"] = "latest",
    without: Collection[str] = (),
) -> Iterator[tuple[CaseFiles, ReadLabels]]:
    """Read the labels of a workspace, case by case, in the versions that count now; of images only the grid.

    Labels that came of an adjudication are left out: they are no reader's own.

    Parameters
    ----------
    ws, store : Workspace, ReviewStore
        Where things are.
    refused : list of str
        Takes a sentence for every label or case that could not be read.
    report : Reporter
        Told about every case.
    at_least : int
        Fewest readers of a case.
    only : collection of str
        These cases; all if empty.
    answers : "first" or "latest"
        Whether readings made in this program count as first answered, or as they stand now.
    without : collection of str
        Cases that are passed over.

    Raises
    ------
    NotFoundError
        If there is no such case.
    DataError
        If no case has so many readers.
    """
    for case_id in only:
        ws.dataset.case(case_id)
    wanted = [c for c in ws.dataset.cases if (not only or c.case_id in only) and c.case_id not in without]
    outcomes = store.adjudications.names()
    cases = [c for c in (own_labels(c, outcomes) for c in wanted) if len(c.labels) >= at_least]
    if not cases:
        raise DataError(
            f"Expected cases with labels by at least {at_least} readers, got none among "
            f"{len(only) or len(ws.dataset.cases)} cases. Open a data set in which several readers drew the same "
            "images."
        )
    corrections = {key: found for key, (found, _) in store.correction_counts().items() if found is not None}
    if answers == "first":  # which is the original of such a label
        for reading in readings(ws, state="answered"):
            corrections.pop(reading.key, None)
    reader = CaseReader(ws, store, corrections)
    for done, files in enumerate(cases):
        report.step(done, len(cases), f"Reading {files.case_id}")
        try:
            case = reader.read_labels(files)
        except UNREADABLE as error:
            refused.append(f"{files.case_id}: {reason_in_words(error)}")
            continue
        refused += [f"{problem.case_id}: {problem.sentence}" for problem in case.refused]
        if len(case.readers) >= at_least:
            yield files, case
    report.step(len(cases), len(cases), "Read")
