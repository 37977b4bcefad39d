"""The door to prediction: a trained model asked about every case, as proposals and as one more measure."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_aleatoric.errors import Cancelled, DataError, NotFoundError
from napari_aleatoric.io import Workspace, sweep_torn
from napari_aleatoric.model import CaseFiles, Problem, Reporter, SilentReporter, SubReporter
from napari_aleatoric.review._scoring._case import UNREADABLE, reason_in_words
from napari_aleatoric.review._storage._store import ReviewStore
from napari_aleatoric.training import load_model

from ._alone import alone
from ._prediction_desk import PredictionDesk
from ._proposals import propose
from ._registry import ModelRecord, find_model, model_folder, prediction_folder
from ._run import NETWORK_FOLDER
from ._spec import PredictSpec
from ._split import read_held_out

if TYPE_CHECKING:
    from napari_aleatoric.training import SegmentationModel

__all__ = ["PredictSummary", "predict_all"]

_DEFAULT = PredictSpec()


@dataclass(frozen=True)
class PredictSummary:
    """What a model was asked.

    Parameters
    ----------
    model_id : str
        Which model.
    folder : Path
        Where its answers are: ``<case>.nii.gz`` with the labels it would draw; or, of a folder of images, a data
        set of proposals (``manifest.csv``).
    n_cases, n_done, n_reused : int
        Cases that were asked about, those predicted now, those whose answer still held.
    n_proposals : int
        Proposals in the folder, for images without labels.
    n_measured : int
        Labels whose scores now hold what the model says of them.
    refused : tuple of Problem
        Cases that could not be predicted, and why.
    notes : tuple of str
        What to know.
    seconds : float
        Wall time.
    """

    model_id: str
    folder: Path
    n_cases: int
    n_done: int
    n_reused: int
    n_proposals: int
    n_measured: int
    refused: tuple[Problem, ...]
    notes: tuple[str, ...]
    seconds: float


def predict_all(ws: Workspace, spec: PredictSpec = _DEFAULT, reporter: Reporter | None = None) -> PredictSummary:
    """Ask a trained model about the cases of a workspace; no label of the data set is touched.

    Given a folder of images without labels (``spec.images``), it draws proposals for those instead: a data set of
    its own, to be reviewed like any other.

    Kept are the labels that it would draw, maps of its entropies (`read_map`) and, where the labels were scored,
    three measures beside the others: ``model_disagreement``, ``model_uncertainty`` and, with several checkpoints,
    ``model_information``; each is an order of the queue. Scoring a label anew takes them away, predicting brings
    them back. Finished cases are kept when the run is stopped, and not predicted again.

    Parameters
    ----------
    ws : Workspace
        With a finished model; see `retrain`.
    spec : PredictSpec
        Which model, which cases, what is kept.
    reporter : Reporter, optional
        Hears of every case, and may stop within one.

    Returns
    -------
    PredictSummary

    Raises
    ------
    NotFoundError
        If there is no such model.
    DataError
        If it knows other classes than the data set has now.
    Cancelled
        If the reporter asked to stop.
    """
    begun = time.monotonic()
    reporter = reporter or SilentReporter()
    record = find_model(ws, spec.model)
    model = load_model(model_folder(ws, record.model_id) / NETWORK_FOLDER, spec.device)
    names = tuple(c.class_name for c in ws.dataset.classes)
    if model.plan.class_names != names:
        raise DataError(
            f"The model knows the classes {', '.join(model.plan.class_names)}, and the data set has "
            f"{', '.join(names)}. Train again."
        )
    if spec.images:
        summary = _proposed(ws, spec, model, record, reporter)
    else:
        summary = _answered(ws, spec, model, record, reporter)
    reporter.step(1.0, 1.0, "Predicted")
    return replace(summary, seconds=time.monotonic() - begun)


def _proposed(
    ws: Workspace, spec: PredictSpec, model: SegmentationModel, record: ModelRecord, reporter: Reporter
) -> PredictSummary:
    images = Path(spec.images).expanduser()
    if not images.is_dir():
        raise NotFoundError(f"There is no folder '{images.name}' with images. Check its path.")
    chosen = Path(spec.destination).expanduser() if spec.destination else None
    folder = chosen or ws.exports_dir / f"proposals-{record.model_id}"
    told = SubReporter(reporter, 0.0, 1.0, 1.0)
    n_done, n_reused, refused = propose(ws, model, record, images, folder, told, mirroring=spec.mirroring)
    n = n_done + n_reused
    return PredictSummary(
        record.model_id, folder, n + len(refused), n_done, n_reused, n, 0, tuple(refused), (), 0.0
    )


def _answered(
    ws: Workspace, spec: PredictSpec, model: SegmentationModel, record: ModelRecord, reporter: Reporter
) -> PredictSummary:
    cases, folder = _wanted(ws, spec), prediction_folder(ws, record.model_id)
    refused: list[Problem] = []
    n_done = n_reused = 0
    with alone(folder, "predicted"), ReviewStore.open(ws.store_url) as store:
        sweep_torn(folder)
        store.follow(ws)
        desk = PredictionDesk(ws, store, model, record, folder, spec)
        for number, case in enumerate(cases):
            message = f"Predicting case {number + 1} of {len(cases)}"
            done = number / len(cases)
            reporter.step(done, 1.0, message)
            try:
                fresh = desk.answer(case, partial(reporter.step, done, 1.0, message))
            except Cancelled:
                raise
            except UNREADABLE as error:
                refused.append(Problem(case.case_id, reason_in_words(error)))
                continue
            n_done, n_reused = n_done + fresh, n_reused + (not fresh)
        notes, measured = desk.notes(), desk.n_measured
    n = len(cases)
    return PredictSummary(record.model_id, folder, n, n_done, n_reused, 0, measured, tuple(refused), notes, 0.0)


def _wanted(ws: Workspace, spec: PredictSpec) -> list[CaseFiles]:
    cases = list(ws.dataset.cases)
    if spec.cases == "held_out":
        known = read_held_out(ws)
        held = set(known.held([case.case_id for case in cases])) if known is not None else set()
        cases = [case for case in cases if case.case_id in held]
    if not cases:
        raise DataError("Expected cases that are held back, but none are. Train first, or predict all cases.")
    return cases
