"""The door: how the readers of a data set agree."""

from __future__ import annotations

from collections.abc import Collection

from napari_aleatoric.errors import DataError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import Reporter, SilentReporter
from napari_aleatoric.review._calibration._record import Figure
from napari_aleatoric.review._scoring._case import own_labels
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.uncertainty import KappaSums, pooled_kappa

from ._cases import each_reading
from ._measure import measure_case
from ._record import ReadCase, ReadersReport
from ._spec import ReadersSpec
from ._summary import figure_of, habits, pairs, structures

__all__ = ["report_readers"]


def report_readers(
    ws: Workspace,
    spec: ReadersSpec | None = None,
    reporter: Reporter | None = None,
    *,
    without: Collection[str] = (),
) -> ReadersReport:
    """Compare the readers of a data set by their labels as these stand now.

    Nothing is kept and nothing is written: it reads every label once, and is made anew when it is asked for.

    Parameters
    ----------
    ws : Workspace
        Whose data set.
    spec : ReadersSpec, optional
        What was chosen; by default its defaults.
    reporter : Reporter, optional
        Told about every case.
    without : collection of str
        Cases that are left out, as those that whoever looks has yet to read.

    Returns
    -------
    ReadersReport
        Cases with one reader are in it with what was drawn, and count in no comparison.

    Raises
    ------
    DataError
        If no case has labels by two readers, or none of them can be read.
    """
    spec = spec or ReadersSpec()
    cases: list[ReadCase] = []
    sums: list[tuple[str, KappaSums]] = []
    refused: list[str] = []
    classes = ws.dataset.classes
    with ReviewStore.open(ws.store_url) as store:
        store.follow(ws)
        outcomes = store.adjudications.names()
        own = {label.reader for case in ws.dataset.cases for label in own_labels(case, outcomes).labels}
        readers = tuple(name for name in ws.dataset.readers if name in own)
        report = reporter or SilentReporter()
        for files, case in each_reading(ws, store, refused, report, answers=spec.answers, without=without):
            found, added = measure_case(files, case, readers, classes, spec)
            cases.append(found)
            sums += [] if added is None else [(found.unit, added)]
    compared = [case for case in cases if len(case.readers) > 1]
    if not compared:
        reason = f" {refused[0]}" if refused else ""
        raise DataError(
            f"Expected cases with labels by at least 2 readers, got none among {len(cases)} that could be read. "
            f"Open a data set in which several readers drew the same images.{reason}"
        )
    names = tuple(dict.fromkeys(name for case in compared for name in case.readers))
    kappa = pooled_kappa([s for _, s in sums], [unit for unit, _ in sums], draws=spec.draws, seed=spec.seed)
    return ReadersReport(
        readers=names,
        n_cases=len(cases),
        n_compared=len(compared),
        spec=spec,
        kappa=Figure.of(kappa),
        quality=figure_of([(case, case.quality) for case in compared], spec),
        quality_by_reader={
            name: figure_of([(c, c.quality_by_reader.get(name)) for c in compared], spec) for name in names
        },
        structures=structures(cases, classes, spec),
        pairs=pairs(cases, classes, spec),
        habits=habits(cases, classes, spec),
        cases=tuple(cases),
        refused=tuple(refused),
        notes=tuple(_notes(cases, compared)),
    )


def _notes(cases: list[ReadCase], compared: list[ReadCase]) -> list[str]:
    notes = []
    if n := sum(case.length_unit == "voxels" for case in compared):
        notes.append(
            f"The size of a voxel is not known in {n} of {len(compared)} cases: there, lengths are in voxels, and "
            "no volume is told."
        )
    if n := len(cases) - len(compared):
        notes.append(f"Cases with one reader, which are not compared: {n}.")
    if n := sum(bool(case.missing) for case in compared):
        notes.append(
            f"Cases of which readers of the data set have no label: {n}. These readers are left out there, not "
            "taken as empty."
        )
    if n := sum(case.no_object for case in compared):
        notes.append(
            f"Cases in which no reader drew anything: {n}. Their quality is 1 by agreement, and they have no part "
            "in kappa over the band."
        )
    return notes
